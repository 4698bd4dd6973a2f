// Package fs is a virtio file system device: a directory of the host's in the guest.
//
// The specification is virtio 1.2 section 5.11; its section numbers are cited below. What goes through the
// queues is FUSE (Linux, include/uapi/linux/fuse.h): the guest's kernel asks, as it asks a program behind /dev/fuse, and a
// [Server] answers. This package knows of FUSE only the two headers.
//
//	queue   name      what the driver puts into it (section 5.11.2)
//	-----   -------   -----------------------------------------------------------
//	0       hiprio    what must not wait behind others: FORGET, INTERRUPT
//	1 ...   request   everything else
//
// A request is a chain: what the device reads comes first, the answer's room behind it (section 5.11.6.1).
//
//	bytes   field                 who      what
//	-----   -------------------   ------   ------------------------------------
//	4       len                   driver   of the request; not looked at: the chain says it
//	4       opcode                driver
//	8       unique                driver   the answer has it too
//	24      node, user, ...       driver
//	n       arguments             driver
//	4       len                   device   of the answer
//	4       error                 device   0, or a negative errno
//	8       unique                device
//	n       results               device
//
// A FORGET has no answer, and no room for one.
//
// # The way of a request
//
// Each queue has a goroutine, its lane, which takes requests out of the ring and gives them to the device's
// workers. A worker calls the server, which may take as long as the host's disk does, puts the chain back, and interrupts. So a
// request that waits holds up no other one, as long as a worker is free.
//
// # What a guest can do to it
//
// The lengths of a chain are compared with [MaxRequest] and [MaxAnswer] before the server sees it. A request that is too short to
// be one breaks the queue; one that is too long is answered with an error. A server that has died answers nothing any more: then
// the device says ENOTCONN to every request, as Linux does for a FUSE file system whose program has ended.
package fs
