// Package virtio is the device's side of virtio: split virtqueues and the MMIO transport. What a
// device does with its requests is in the packages below; package virtiotest has the driver's side.
//
// The specification is "Virtual I/O Device (VIRTIO) Version 1.2" of OASIS (docs.oasis-open.org/virtio),
// whose section numbers are cited. Where it leaves room, the code does what Linux expects
// (drivers/virtio/virtio_mmio.c and virtio_ring.c). Only modern devices are here: Version 2 of
// virtio-mmio, VERSION_1 negotiated.
//
// # From a guest's store to an interrupt
//
//	driver    fills descriptors, puts the head into the available ring, stores avail.idx
//	driver    stores the queue's number to QueueNotify: an ioeventfd, no exit to userspace
//	Wait      the device's worker wakes up from the queue's Bell
//	Pop       checks the chain of descriptors and gathers its buffers, which are guest RAM
//	          the device reads and writes them, on as many goroutines as it likes
//	Push      puts the head into the used ring, stores used.idx
//	Interrupt looks whether the driver wants to know; InterruptStatus, then an eventfd (irqfd)
//	driver    reads InterruptStatus from memory, stores InterruptACK: an ioeventfd; looks at used.idx
//
// A worker is a loop:
//
//	var c virtio.Chain
//	for !stopped() {
//		for q.Pop(&c) {
//			q.Push(&c, serve(&c))
//		}
//		q.Interrupt()
//		if err := q.Wait(); err != nil {
//			return
//		}
//	}
//
// # What a guest can do to it
//
// All that the driver writes is hostile. Every field of a descriptor is read once, and the copy is
// checked: against RAM, against the queue's size for the number of descriptors, against 2^32-1 for
// the sum of the lengths. What breaks a rule breaks the queue: DEVICE_NEEDS_RESET is set, the driver
// is told, Pop gives nothing any more, and a reset makes all good again. Nothing is allocated or
// logged for a request, and a guest that keeps a device busy keeps busy only that device's worker.
//
// # Locks and order
//
// A queue's lock is a leaf: it is held for the length of a Pop or a Push, and under it at most the
// interrupt line is triggered. The transport's lock is held while the device starts or stops, which may
// wait for the device's workers; so those must not take it, and nothing that they call here does.
//
// Indexes in RAM are shared with the guest's CPUs without a lock. Go's atomics are sequentially
// consistent, which is more than the acquire and release that a ring needs, and just what EVENT_IDX
// needs; event.go says which access pairs with which of the driver's.
//
// # A snapshot
//
// [MMIO.Pause] stops the device but keeps where its queues are, together with the requests that were
// popped and not pushed. [MMIO.Save], [MMIO.Restore] and [MMIO.Resume] give those to the device again.
//
// Read device.go first, then queue.go and chain.go; ring.go and event.go for the rings' layout and
// the order of accesses; then regs.go, the table of registers, mmio.go and status.go.
package virtio
