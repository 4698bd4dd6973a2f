// Package virtiotest is a guest without a virtual machine: RAM, and a driver for a virtio device
// that speaks to it as Linux does, through the registers of virtio-mmio and rings in RAM.
//
//	g := virtiotest.New(t, dev, virtiotest.Options{})
//	g.Init(features)
//	q := g.Queue(0)
//	r := q.Submit([][]byte{header}, []int{512, 1}) // to read; to write
//	q.Notify()
//	u := q.WaitUsed(virtiotest.Timeout)
//	data := u.Request.Written()[:u.Len]
//
// A benchmark builds its requests once with Build and hands them over with Offer, which allocates
// nothing. A hostile driver has SetDesc, Raw, SetAvailIdx, Put and Write32, and NewQueue, whose rings
// may be moved anywhere before Ready. A driver that is dead just does nothing.
//
// RAM has inaccessible pages on both sides, so that a device which leaves it faults. It is outside
// of Go's heap, so the race detector does not see what the two sides do to it.
//
// Read guest.go first, then queue.go for the driver of one queue, and raw.go for what a driver
// should not do. Echo, in echo.go, is the smallest whole device, and the pattern for others.
package virtiotest
