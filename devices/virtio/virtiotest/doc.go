// Package virtiotest is a guest without a virtual machine: RAM, and a driver for a virtio device
// that speaks to it as a Linux driver does, through the registers of virtio-mmio and rings in RAM.
//
//	g := virtiotest.New(t, dev, virtiotest.Options{})
//	g.Init(features)
//	q := g.Queue(0)
//	r := q.Submit([][]byte{header}, []int{512, 1})
//	q.Notify()
//	u := q.WaitUsed(10 * time.Second)
//	data := r.Written()
//
// The same Queue gives a hostile driver what it needs: any descriptor, any index, any register.
//
// The RAM has inaccessible pages on both sides, so that a device which leaves it faults.
//
// Read guest.go first, then queue.go for the driver of one queue, and raw.go for what a driver should not do.
package virtiotest
