// Package link carries a virtio network card's frames over a file descriptor of the host's: a tap interface, or a
// socket of type SOCK_SEQPACKET at whose other end is the network process (package internal/network/user). Both take and give one
// frame with its virtio-net header in each call of writev(2) and readv(2), straight from and into guest RAM.
//
// Read link.go first; tap.go opens a tap interface.
package link
