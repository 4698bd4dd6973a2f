package virtiotest

import (
	"fmt"

	"terem/devices/virtio"
	"terem/memory"
)

// Init brings the device up as Linux does (drivers/virtio/virtio_mmio.c and virtio.c) with the
// given features and VERSION_1, and with all its queues. The test fails if the device refuses.
func (g *Guest) Init(features uint64) {
	g.t.Helper()
	if err := g.TryInit(features); err != nil {
		g.t.Fatal(err)
	}
}

// TryInit is Init for a driver that may be refused.
func (g *Guest) TryInit(features uint64) error {
	if err := g.Negotiate(features); err != nil {
		return err
	}
	g.queues = nil
	for i := 0; ; i++ {
		g.Write32(RegQueueSel, uint32(i))
		size := g.Read32(RegQueueNumMax)
		if size == 0 {
			break
		}
		if g.size != 0 {
			size = min(size, uint32(g.size))
		}
		q := g.newQueue(i, uint16(size))
		g.queues = append(g.queues, q)
		if err := q.Ready(); err != nil {
			return err
		}
	}
	return g.DriverOK()
}

// Negotiate resets the device, looks at what it is, and sets FEATURES_OK with the given features.
func (g *Guest) Negotiate(features uint64) error {
	magic, version := g.Read32(RegMagicValue), g.Read32(RegVersion)
	if magic != 0x74726976 || version != 2 || g.Read32(RegDeviceID) == 0 {
		return fmt.Errorf("no virtio-mmio device: magic %#x, version %d", magic, version)
	}
	g.Reset()
	g.Write32(RegStatus, StatusAcknowledge)
	g.Write32(RegStatus, g.Read32(RegStatus)|StatusDriver)
	g.Features = features | virtio.FeatureVersion1
	for i := range uint32(2) {
		g.Write32(RegDriverFeaturesSel, i)
		g.Write32(RegDriverFeatures, uint32(g.Features>>(32*i)))
	}
	g.Write32(RegStatus, g.Read32(RegStatus)|StatusFeaturesOK)
	if s := g.Read32(RegStatus); s&StatusFeaturesOK == 0 {
		return fmt.Errorf("features %#x of %#x are refused: status %#x", g.Features, g.Offered(), s)
	}
	return nil
}

// DriverOK sets the last bit of Status and looks whether the device went along.
func (g *Guest) DriverOK() error {
	g.Write32(RegStatus, g.Read32(RegStatus)|StatusDriverOK)
	s := g.Read32(RegStatus)
	if s != StatusAcknowledge|StatusDriver|StatusFeaturesOK|StatusDriverOK {
		return fmt.Errorf("status %#x after DRIVER_OK: %w", s, g.MMIO.Err())
	}
	return nil
}

// Reset writes 0 to Status and checks that it reads back. Rings and requests are forgotten; their
// memory is not given out again.
func (g *Guest) Reset() {
	g.t.Helper()
	g.Write32(RegStatus, 0)
	if s := g.Read32(RegStatus); s != 0 {
		g.t.Errorf("status %#x after a reset", s)
	}
	g.queues = nil
}

// Offered is the features that the device offers.
func (g *Guest) Offered() uint64 {
	var v uint64
	for i := range uint32(2) {
		g.Write32(RegDeviceFeaturesSel, i)
		v |= uint64(g.Read32(RegDeviceFeatures)) << (32 * i)
	}
	return v
}

// Status is the Status register.
func (g *Guest) Status() uint32 { return g.Read32(RegStatus) }

// Queue is the driver's end of queue i, after Init.
func (g *Guest) Queue(i int) *Queue { return g.queues[i] }

// NewQueue makes the driver's end of queue i with rings in fresh memory, and tells the device
// nothing yet: change its addresses, and then call Ready.
func (g *Guest) NewQueue(i int, size uint16) *Queue {
	q := g.newQueue(i, size)
	for len(g.queues) <= i {
		g.queues = append(g.queues, nil)
	}
	g.queues[i] = q
	return q
}

func (g *Guest) newQueue(i int, size uint16) *Queue {
	n := int(size)
	q := &Queue{
		g: g, Index: i, Size: size, EventIdx: g.Features&virtio.FeatureEventIdx != 0,
		DescAddr: g.Alloc(16 * n), DriverAddr: g.Alloc(6 + 2*n + 2), DeviceAddr: g.Alloc(6 + 8*n + 2),
		requests: make([]*Request, n),
	}
	q.reset()
	return q
}

// Ready tells the device where the queue is. The error says that the device asked for a reset.
func (q *Queue) Ready() error {
	g := q.g
	g.Write32(RegQueueSel, uint32(q.Index))
	g.Write32(RegQueueNum, uint32(q.Size))
	for _, r := range []struct {
		low uint64
		a   memory.Addr
	}{{RegQueueDescLow, q.DescAddr}, {RegQueueDriverLow, q.DriverAddr}, {RegQueueDeviceLow, q.DeviceAddr}} {
		g.Write32(r.low, uint32(r.a))
		g.Write32(r.low+4, uint32(r.a>>32))
	}
	g.Write32(RegQueueReady, 1)
	if g.Read32(RegQueueReady) != 1 {
		return fmt.Errorf("queue %d is refused: status %#x: %w", q.Index, g.Status(), g.MMIO.Err())
	}
	return nil
}
