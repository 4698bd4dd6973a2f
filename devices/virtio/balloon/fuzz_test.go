package balloon

import (
	"context"
	"encoding/binary"
	"testing"

	"terem/devices/virtio"
	"terem/devices/virtio/virtiotest"
)

// FuzzBalloon is a balloon from the register file inwards: RAM that begins as ram, a driver that has
// come as far as stage, and what it and the host then do. See virtiotest.Guest.Script.
func FuzzBalloon(f *testing.F) {
	base := uint32(virtiotest.ScriptBase)
	f.Add(byte(15), []byte{0xff, 0, 0, 0, 0xff, 1, 0, 0, 0xf8, 0, 0, 0}, requests(pfns(base>>12+3, base>>12+2, 0)))
	f.Add(byte(15|64), []byte{0xff, 3, 0, 0, 0xff, 4, 0, 0, 0xf4, 0, 0, 3, 0xf7, 0, 0, 0}, requests(pfns(base>>12, 1<<31)))
	f.Add(byte(15|128), []byte{0xff, 2, 0, 0, 0xf4, 1, 0, 0, 0xff, 2, 0, 0, 0xf1, 0, 0, 0, 0xf2, 0, 0, 0}, requests(stat(Free, 7)))
	f.Add(byte(11), []byte{0x84, 0x8c, 1, 1, 4, 0x70, 0, 15, 0xff, 3, 0, 0, 0xf4, 1, 0, 0}, requests(nil))
	f.Fuzz(func(t *testing.T, stage byte, ops, ram []byte) {
		if len(ops) > 1<<10 {
			return
		}
		d := attach(t, virtiotest.Options{RAM: virtiotest.ScriptRAM, Base: virtiotest.ScriptBase, QueueSize: 8, Page: true})
		defer d.Close()
		copy(d.RAM, ram)
		features := everything
		if stage&64 != 0 {
			features |= virtio.FeatureEventIdx | virtio.FeatureIndirectDesc
		}
		if stage&128 != 0 {
			features |= featurePoison
		}
		if stage&32 != 0 {
			features &^= featureStats
		}
		d.Start(stage, features)
		d.Script(ops, func(b, _, v byte) { d.host(b, v) })
		d.Init(everything) // whatever was done, a reset mends it
		a, _ := d.pages(1)
		want(t, "inflated in the end", d.inflate(pfns(pfn(a))), Counters{Inflated: page, Calls: 1})
	})
}

// host does one thing that a balloon's host may do.
func (d *driver) host(what, v byte) {
	switch what % 3 {
	case 0:
		if err := d.b.SetTarget(uint64(v) * page); err == nil {
			d.MMIO.ConfigChanged()
		}
	case 1:
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_, _ = d.b.Stats(ctx)
	case 2:
		d.b.Restore(d.b.Save())
	}
}

// requests is RAM with one request on each queue that Start makes: the array as one buffer to read,
// and for the reporting queues the third page as one to write.
func requests(array []byte) []byte {
	const rings, data = 0x400, 0x1800
	ram := make([]byte, data, data+len(array))
	le := binary.LittleEndian
	for i := range queues {
		at, rest := uint64(virtiotest.ScriptBase)+data, uint64(len(array))
		if i >= reportQueue {
			at, rest = uint64(virtiotest.ScriptBase)+2*page, page|virtiotest.DescWrite<<32
		}
		le.PutUint64(ram[i*rings:], at)
		le.PutUint64(ram[i*rings+8:], rest)
		le.PutUint16(ram[i*rings+0x102:], 1)
	}
	return append(ram, array...)
}
