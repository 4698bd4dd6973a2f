package virtio_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"terem/devices/virtio"
	vt "terem/devices/virtio/virtiotest"
)

// TestRegistersAtReset reads every register as section 4.2.2 has it.
func TestRegistersAtReset(t *testing.T) {
	d := newHeld(128, 16)
	d.info.ID, d.info.Features, d.info.ConfigSize = virtio.Block, 1<<9|1<<50, 6
	d.config = []byte{1, 2, 3, 4, 5, 6}
	g := vt.New(t, d, vt.Options{Page: true})
	known := map[uint64]uint32{
		vt.RegMagicValue: 0x74726976, vt.RegVersion: 2, vt.RegDeviceID: 2, vt.RegVendorID: 0x65726574,
		vt.RegDeviceFeatures: 1<<9 | 1<<28 | 1<<29, vt.RegQueueNumMax: 128,
		vt.RegSHMLenLow: 0xffffffff, vt.RegSHMLenHigh: 0xffffffff, vt.RegSHMBaseLow: 0xffffffff, vt.RegSHMBaseHigh: 0xffffffff,
		vt.RegConfigGeneration: g.Read32(vt.RegConfigGeneration),
		vt.RegConfig:           0x04030201, vt.RegConfig + 4: 0x0605,
	}
	for off := uint64(0); off < virtio.RegisterSize; off += 4 {
		want(t, fmt.Sprintf("register %#x", off), g.Read32(off), known[off])
	}
	g.Write32(vt.RegDeviceFeaturesSel, 1)
	want(t, "features 32 to 63", g.Read32(vt.RegDeviceFeatures), 1<<18|1)
	g.Write32(vt.RegDeviceFeaturesSel, 2)
	want(t, "features 64 to 95", g.Read32(vt.RegDeviceFeatures), 0)
	g.Write32(vt.RegQueueSel, 1)
	want(t, "QueueNumMax of 1", g.Read32(vt.RegQueueNumMax), 16)
	g.Write32(vt.RegQueueSel, 2)
	want(t, "QueueNumMax of 2", g.Read32(vt.RegQueueNumMax), 0)
}

// TestReadOfAnyWidth reads the page at every offset in every width, and past its end.
func TestReadOfAnyWidth(t *testing.T) {
	d := newHeld(8)
	d.info.ConfigSize, d.config = 8, []byte("12345678")
	g := vt.New(t, d, vt.Options{Page: true})
	for _, n := range []int{1, 2, 3, 4, 5, 8} {
		p := make([]byte, n)
		for off := 0; off < virtio.RegisterSize; off++ {
			expect := bytes.Repeat([]byte{0xff}, n)
			copy(expect, g.Page[off:])
			if g.MMIO.Read(uint64(off), p); !bytes.Equal(p, expect) {
				t.Fatalf("%d bytes at %#x: %x, want %x", n, off, p, expect)
			}
		}
	}
}

// TestOnlyWordsAreWritten writes Status in every width but the right one.
func TestOnlyWordsAreWritten(t *testing.T) {
	g := vt.New(t, newHeld(8), vt.Options{})
	for _, n := range []int{1, 2, 3, 5, 8} {
		p := make([]byte, 8)
		p[0] = 1
		g.MMIO.Write(vt.RegStatus, p[:n])
	}
	var p [4]byte
	binary.LittleEndian.PutUint32(p[:], 1<<8)
	g.MMIO.Write(vt.RegStatus-1, p[:])
	want(t, "status", g.Status(), 0)
}

// TestPageIsWhatReadsGive makes every access that changes a register, and compares.
func TestPageIsWhatReadsGive(t *testing.T) {
	d := newHeld(8, 4)
	g := vt.New(t, d, vt.Options{Page: true})
	g.Init(virtio.FeatureEventIdx)
	for off := uint64(0); off < 0x100; off += 4 {
		for _, v := range []uint32{1, 2, 0xffffffff} {
			g.Write32(off, v)
			p := make([]byte, virtio.RegisterSize)
			g.MMIO.Read(0, p)
			if !bytes.Equal(p, g.Page) {
				t.Fatalf("after %#x = %#x the page differs from what is read", off, v)
			}
		}
	}
}

func TestQueueRegisters(t *testing.T) {
	d := newHeld(8, 4)
	g := vt.New(t, d, vt.Options{})
	if err := g.Negotiate(0); err != nil {
		t.Fatal(err)
	}
	q := g.NewQueue(1, 4)
	if err := q.Ready(); err != nil {
		t.Fatal(err)
	}
	g.Write32(vt.RegQueueSel, 0)
	want(t, "QueueReady of 0", g.Read32(vt.RegQueueReady), 0)
	g.Write32(vt.RegQueueSel, 1)
	want(t, "QueueReady of 1", g.Read32(vt.RegQueueReady), 1)
	g.Write32(vt.RegQueueNum, 2) // ignored: the queue is ready
	g.Write32(vt.RegQueueDescLow, 1)
	g.Write32(vt.RegQueueReady, 0) // and now it is not, and is what it was
	g.Write32(vt.RegQueueReady, 2) // which is neither yes nor no
	want(t, "QueueReady of 1, after a 2", g.Read32(vt.RegQueueReady), 0)
	g.Write32(vt.RegQueueReady, 1)
	if err := g.DriverOK(); err != nil {
		t.Fatal(err)
	}
	want(t, "queue 0 is unused", d.queues[0], nil)
	want(t, "size of queue 1", d.queues[1].Size(), 4)
	s := d.queues[1].State()
	want(t, "descriptor table", s.Desc, uint64(q.DescAddr))
	want(t, "available ring", s.Driver, uint64(q.DriverAddr))
	want(t, "used ring", s.Device, uint64(q.DeviceAddr))
}

// TestQueueRegistersTooEarly describes a queue before FEATURES_OK.
func TestQueueRegistersTooEarly(t *testing.T) {
	g := vt.New(t, newHeld(8), vt.Options{})
	walk(g, 3)
	q := g.NewQueue(0, 8)
	if q.Ready() == nil {
		t.Error("a queue is ready before FEATURES_OK")
	}
	g.Write32(vt.RegStatus, 11)
	want(t, "status", g.Status(), 11)
	g.Write32(vt.RegQueueReady, 1)
	want(t, "QueueReady of a queue without a size", g.Read32(vt.RegQueueReady), 0)
}

// TestStopQueue takes one queue of a running device away: it is stopped and started without it, and
// what the other had in flight is served again.
func TestStopQueue(t *testing.T) {
	d := newHeld(8, 8)
	g := vt.New(t, d, vt.Options{})
	g.Init(0)
	r := g.Queue(1).Submit([][]byte{{1}}, nil)
	var c virtio.Chain
	want(t, "popped", d.queues[1].Pop(&c), true)
	old := d.queues[0]
	g.Write32(vt.RegQueueSel, 0)
	g.Write32(vt.RegQueueReady, 0)
	want(t, "QueueReady", g.Read32(vt.RegQueueReady), 0)
	want(t, "calls", strings.Join(d.calls, " "), "Reset Negotiated Activate Pause Activate")
	want(t, "queue 0", d.queues[0], nil)
	g.Queue(0).Submit([][]byte{{2}}, nil)
	want(t, "popped of a stopped queue", old.Pop(&c), false)
	want(t, "popped again", d.queues[1].Pop(&c), true)
	d.queues[1].Push(&c, 0)
	u, _ := g.Queue(1).Used()
	want(t, "used", u.Request, r)
}

// TestRefusedQueues lists what QueueReady must not believe.
func TestRefusedQueues(t *testing.T) {
	const ram, base = 1 << 20, 1 << 20
	for _, tt := range []struct {
		name    string
		change  func(q *vt.Queue)
		because string
	}{
		{"fine", func(*vt.Queue) {}, ""},
		{"no entries", func(q *vt.Queue) { q.Size = 0 }, "0 entries"},
		{"no power of two", func(q *vt.Queue) { q.Size = 7 }, "7 entries"},
		{"too many entries", func(q *vt.Queue) { q.Size = 32 }, "32 entries"},
		{"table not aligned", func(q *vt.Queue) { q.DescAddr += 8 }, "descriptor table at 0x100008: not a multiple of 16"},
		{"available ring not aligned", func(q *vt.Queue) { q.DriverAddr++ }, "available ring at"},
		{"available ring at 2 modulo 4", func(q *vt.Queue) { q.DriverAddr += 2 }, ""},
		{"used ring not aligned", func(q *vt.Queue) { q.DeviceAddr += 2 }, "used ring at"},
		{"table below RAM", func(q *vt.Queue) { q.DescAddr = base - 16 }, "outside guest RAM"},
		{"table at the end", func(q *vt.Queue) { q.DescAddr = base + ram - 128 }, ""},
		{"table past the end", func(q *vt.Queue) { q.DescAddr = base + ram - 112 }, "outside guest RAM"},
		{"table at the top of all", func(q *vt.Queue) { q.DescAddr = 1<<64 - 16 }, "outside guest RAM"},
		{"available ring at the end", func(q *vt.Queue) { q.DriverAddr = base + ram - 22 }, ""},
		{"available ring past the end", func(q *vt.Queue) { q.DriverAddr = base + ram - 20 }, "outside guest RAM"},
		{"used ring at the end", func(q *vt.Queue) { q.DeviceAddr = base + ram - 72 }, ""},
		{"used ring past the end", func(q *vt.Queue) { q.DeviceAddr = base + ram - 68 }, "outside guest RAM"},
		{"all in one place", func(q *vt.Queue) { q.DriverAddr, q.DeviceAddr = q.DescAddr, q.DescAddr }, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := vt.New(t, newHeld(16), vt.Options{RAM: ram, Base: base})
			if err := g.Negotiate(virtio.FeatureEventIdx); err != nil {
				t.Fatal(err)
			}
			q := g.NewQueue(0, 8)
			tt.change(q)
			err := q.Ready()
			if tt.because == "" {
				want(t, "error", err, nil)
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.because) {
				t.Fatalf("error %v, want one with %q", err, tt.because)
			}
			want(t, "status", g.Status(), vt.StatusAcknowledge|vt.StatusDriver|vt.StatusFeaturesOK|vt.StatusNeedsReset)
			want(t, "interrupts before DRIVER_OK", g.IRQ.Count(), 0)
			if g.DriverOK() == nil {
				t.Error("the device starts all the same")
			}
			g.Init(0)
			want(t, "error after a reset", g.MMIO.Err(), nil)
		})
	}
}

func TestRefusedDevices(t *testing.T) {
	g := vt.New(t, newHeld(8), vt.Options{})
	for _, tt := range []struct {
		name   string
		change func(i *virtio.Info, c *virtio.MMIOConfig)
	}{
		{"no memory", func(_ *virtio.Info, c *virtio.MMIOConfig) { c.Memory = nil }},
		{"no interrupt", func(_ *virtio.Info, c *virtio.MMIOConfig) { c.IRQ = nil }},
		{"no bell", func(_ *virtio.Info, c *virtio.MMIOConfig) { c.Bells = nil }},
		{"a short page", func(_ *virtio.Info, c *virtio.MMIOConfig) { c.Page = make([]byte, 256) }},
		{"a crooked page", func(_ *virtio.Info, c *virtio.MMIOConfig) { c.Page = make([]byte, 2*4096)[1:4097] }},
		{"a transport's feature", func(i *virtio.Info, _ *virtio.MMIOConfig) { i.Features = 1 << 34 }},
		{"much configuration", func(i *virtio.Info, _ *virtio.MMIOConfig) { i.ConfigSize = virtio.MaxConfigSize + 1 }},
		{"a large queue", func(i *virtio.Info, _ *virtio.MMIOConfig) { i.QueueSizes = []uint16{2048} }},
		{"an odd queue", func(i *virtio.Info, _ *virtio.MMIOConfig) { i.QueueSizes = []uint16{3} }},
	} {
		d := newHeld(8)
		c := virtio.MMIOConfig{Memory: g.Memory, IRQ: g.IRQ, Bells: g.Bells}
		tt.change(&d.info, &c)
		if _, err := virtio.NewMMIO(d, c); err == nil {
			t.Errorf("%s: no error", tt.name)
		}
	}
}
