// Package user is the inside of the network process: a guest's whole network, made of sockets that any program of this user
// may open. It is gVisor's TCP/IP stack (netstack) between a link that carries the guest's frames and the host's sockets. No packet of the guest's
// leaves the host as it is: its connections end here, and others, of this process, go on from here.
//
//	the guest                       this process                              the host
//	---------                       ------------                              --------
//	SYN to any address         ──►  tcp.go: connect(2), and then SYN-ACK  ──► a connection
//	                                or RST, or an ICMP error, as that went
//	a datagram to any address  ──►  udp.go: a socket for each flow        ──► a datagram
//	a question to the name     ──►  dns.go                                ──► the host's name servers
//	server, UDP or TCP
//	DHCPDISCOVER               ──►  dhcp.go: the one address that there is
//	a published port           ◄──  publish.go: connects to the guest     ◄── a connection, or a datagram
//	ARP, neighbor discovery    ──►  the stack, for its own addresses alone
//	anything else              ──►  nothing: it is not answered in another's name
//
// # The link
//
// endpoint.go is the stack's end of the link: frames with virtio-net headers, so that one carries up to 64 KiB of a TCP stream in each direction,
// with a checksum that nobody has to complete. For a guest that cannot take those, segment.go cuts them.
//
// # What a guest can reach
//
// What this process can, but for the host's own loopback, addresses that are for many, and those that are nobody's (reach.go). The
// gateway's address is the host's loopback if the user wants that.
//
// Read stack.go first.
package user
