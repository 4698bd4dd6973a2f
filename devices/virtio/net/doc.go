// Package net is a virtio network card.
//
// The specification is virtio 1.2 section 5.1; its section numbers are cited below. The device has
// ID 1. Where its frames go is a [Backend]'s business.
//
//	queue  name      a request                           what the device does
//	-----  --------  ----------------------------------  -------------------------------------------
//	0      receiveq  buffers for the device to fill      a frame in one of them, or in several
//	1      transmitq a frame                             sends it
//	2      controlq  a command, and a byte for the answer  see control.go
//
// # A frame
//
// It is a header (section 5.1.6) and an Ethernet frame without its checksum at the end, in buffers as the driver
// pleases. The backend's frames look the same.
//
//	off  bytes  field        meaning
//	---  -----  -----------  ---------------------------------------------------------------------
//	0    1      flags        1: the checksum is to be completed; 2: it has been checked
//	1    1      gso_type     0: one packet; 1: TCP over IPv4, 4: over IPv6, to be cut into several
//	2    2      hdr_len      bytes of headers, as a hint
//	4    2      gso_size     bytes of data in each of the several
//	6    2      csum_start   from here to the end is summed up
//	8    2      csum_offset  and there, from csum_start, is where the sum goes
//	10   2      num_buffers  how many buffers a received frame takes
//
// So one frame may carry up to 64 KiB of a TCP stream, and nobody sums its bytes up: what costs, costs once for all
// of them. That is what makes the device fast. What each side may leave to the other is negotiated, and the
// driver may change its mind at run time (CTRL_GUEST_OFFLOADS).
//
// # The way of a frame
//
//	guest → backend  serveTX pops a frame, copies and checks its header, and has the backend send that and the
//	                 rest, which stays where it is, in guest RAM: one writev(2). The guest gets its buffers back
//	                 when the backend has taken the frame, and hears of many at once.
//	backend → guest  serveRX holds as many of the guest's buffers as the longest frame needs, and the
//	                 backend fills those: one readv(2). What a frame has not used is there for the next one. If
//	                 there are too few, the frame waits in a buffer of the device's own until the guest gives more:
//	                 none is lost, but one that the guest's queue can never take.
//
// Neither copies a frame, allocates or exits to userspace. A frame that breaks a rule is dropped and counted, as
// a network does; a chain that makes no sense breaks the queue.
//
// # What is not here
//
// Several queues for each direction, hashes, VLAN filters, UDP offloads.
//
// Read device.go first, then tx.go and rx.go; config.go is the configuration space.
package net
