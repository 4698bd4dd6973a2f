// Package generation writes the page of guest RAM by which the default kernel learns that its machine was restored from
// a snapshot (memory.Generation; guest/kernel/patches/0023; docs/adr/0021). The host writes it after it has put back the guest's
// memory, and before a vCPU runs; all numbers are little endian:
//
//	offset  bytes
//	     0     16  identifier of the generation; all zero: the machine was never restored
//	    16      8  nanoseconds that the machine was away; the guest takes them and leaves 0
//	    24      8  reserved, 0
//	    32     32  seed for the guest's random number generator; likewise
//	    64     64  host name, ended by a NUL; empty: as before
//
// The kernel compares the identifier with the one that it knows before it draws a random number, in each interrupt of
// a virtio device and in each tick. Whoever restores a machine has its virtio devices interrupt, so that this comes
// before any program of the guest's.
package generation
