// Package vsock makes unix sockets of the host out of a guest's vsock ports, in the form that Firecracker has
// given them.
//
//	host calls the guest    a program connects to PATH and writes the line `CONNECT 52`. The answer is a line, too:
//	                        `OK 1073741824`, with the port of the host that the guest sees, or `ERR` and a
//	                        reason, and the end. Behind OK come the bytes.
//	guest calls the host    a program of the guest that connects to CID 2, port 52, is connected to PATH_52. Where nobody
//	                        listens there, the guest is refused at once.
//
// A half-closed socket is a half-closed connection, both ways. The socket belongs to who may run the guest: its mode is
// 0600.
//
// What happens between the two is package terem/devices/virtio/vsock.
package vsock
