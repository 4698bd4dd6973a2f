package virtio_test

import (
	"encoding/binary"
	"math"
	"reflect"
	"testing"

	"terem/devices/virtio"
	vt "terem/devices/virtio/virtiotest"
	"terem/memory"
)

const (
	fuzzRAM  = 2 * memory.PageSize
	fuzzBase = memory.Addr(0x10000)
)

// fuzzGuest is a guest with little RAM that begins with ram, and with two queues of 8 and 4.
func fuzzGuest(t testing.TB, ram []byte) (*vt.Guest, *held) {
	d := newHeld(8, 4)
	d.info.Features, d.info.ConfigSize, d.config = 1<<3, 6, make([]byte, 6)
	g := vt.New(t, d, vt.Options{RAM: fuzzRAM, Base: fuzzBase, Page: true})
	copy(g.RAM, ram)
	return g, d
}

// FuzzMMIO is a device from the register file inwards. The first byte says how far a proper driver
// has come, with its rings in the RAM that the rest of the input is copied to; ops are what
// happens then, eight bytes each.
func FuzzMMIO(f *testing.F) {
	f.Add(byte(15), ops(0xf0, 0, 0, 0), chainRAM(false))
	f.Add(byte(15|64), ops(0xf0, 0, 0, 0, 4, 0x70, 0, 0, 4, 0x70, 0, 1), chainRAM(true))
	f.Add(byte(0), ops(4, 0x70, 0, 1, 4, 0x70, 0, 3, 4, 0x24, 0, 1, 4, 0x20, 0, 1, 4, 0x70, 0, 11, 4, 0x38, 0, 4,
		4, 0x82, 0, 1, 4, 0x80, 0x10, 0, 4, 0x90, 0x11, 0, 4, 0xa0, 0x12, 0, 4, 0x44, 0, 1, 4, 0x70, 0, 15), chainRAM(false))
	f.Add(byte(15), ops(0xf1, 0, 0, 0, 0xf0, 0, 0, 0, 0xf2, 0, 0, 1, 4, 0x44, 0, 0, 0xf0, 0, 0, 0), chainRAM(false))
	f.Fuzz(func(t *testing.T, stage byte, todo, ram []byte) {
		if len(todo) > 1<<10 {
			return
		}
		g, d := fuzzGuest(t, ram)
		defer g.Close()
		start(g, stage)
		for ; len(todo) >= 4; todo = todo[4:] {
			act(t, g, d, [4]byte(todo))
			checkTransport(t, g, d)
		}
		d.refuse = false
		g.MMIO.Resume()
		g.Recycle()
		g.Init(0) // whatever was done, a reset mends it
		g.Queue(0).Submit([][]byte{{1}}, []int{1})
		want(t, "served in the end", serve(d.queues[0]), 1)
	})
}

// ops puts the bytes of operations together.
func ops(b ...byte) []byte { return b }

// chainRAM is RAM with a request of two buffers, direct or indirect, on each of two queues whose
// rings are where start puts them.
func chainRAM(indirect bool) []byte {
	ram := make([]byte, 0x800)
	le := binary.LittleEndian
	for queue := range 2 {
		ring := ram[queue*0x400:]
		table := ring
		if indirect {
			table = ring[0x300:]
			le.PutUint64(ring, uint64(fuzzBase)+uint64(queue)*0x400+0x300)
			le.PutUint64(ring[8:], 32|4<<32)
		}
		le.PutUint64(table, uint64(fuzzBase)+0x1000)
		le.PutUint64(table[8:], 16|1<<32|1<<48)
		le.PutUint64(table[16:], uint64(fuzzBase)+0x1100)
		le.PutUint64(table[24:], 32|2<<32)
		le.PutUint16(ring[0x102:], 1)
	}
	return ram
}

// start brings a device up to a status, with both queues; bit 6 takes EVENT_IDX and INDIRECT_DESC.
func start(g *vt.Guest, stage byte) {
	for _, s := range []uint32{1, 3} {
		g.Write32(vt.RegStatus, s&uint32(stage))
	}
	if stage&64 != 0 {
		g.Write32(vt.RegDriverFeatures, uint32(virtio.FeatureEventIdx|virtio.FeatureIndirectDesc))
	}
	g.Write32(vt.RegDriverFeaturesSel, 1)
	g.Write32(vt.RegDriverFeatures, 1)
	g.Write32(vt.RegStatus, 11&uint32(stage))
	for i := range uint32(2) {
		at := uint32(fuzzBase) + i*0x400
		for _, r := range [][2]uint32{
			{vt.RegQueueSel, i}, {vt.RegQueueNum, 8 >> i}, {vt.RegQueueDescLow, at},
			{vt.RegQueueDriverLow, at + 0x100}, {vt.RegQueueDeviceLow, at + 0x200}, {vt.RegQueueReady, 1},
		} {
			g.Write32(uint64(r[0]), r[1])
		}
	}
	g.Write32(vt.RegStatus, 15&uint32(stage))
}

// act does one thing. With a first byte below 0xf0, that many bytes modulo 9 are written as a
// register; from 0xf0 on it is a thing that the host does or that needs more than a register.
func act(t *testing.T, g *vt.Guest, d *held, op [4]byte) {
	v := uint32(op[3]) | uint32(op[2])<<8
	switch op[0] {
	case 0xf0:
		pump(t, d)
	case 0xf1:
		g.MMIO.Pause()
	case 0xf2:
		g.MMIO.Resume()
	case 0xf3:
		d.config[op[3]%6]++
		g.MMIO.ConfigChanged()
	case 0xf4:
		d.refuse = !d.refuse
	case 0xf5: // the driver writes to RAM
		binary.LittleEndian.PutUint16(g.RAM[uint64(op[1])*2:], uint16(v))
	case 0xf6:
		g.Write32(uint64(op[1]), v<<16|v)
	case 0xf7:
		roundTrip(t, g)
	default:
		p := make([]byte, 8)
		binary.LittleEndian.PutUint64(p, uint64(v))
		off := uint64(op[1])
		if op[0]&0x80 != 0 {
			off += 0x80
		}
		g.MMIO.Write(off, p[:op[0]%9])
		g.MMIO.Read(off, p[:op[0]%9])
	}
}

// pump is the device's turn: it serves what there is, and touches all of it.
func pump(t *testing.T, d *held) {
	for _, q := range d.queues {
		if q == nil {
			continue
		}
		q.Quiet()
		var c virtio.Chain
		for range 3 * int(q.Size()) { // a device may write over the ring that it reads, and so go on for ever
			if !q.Pop(&c) {
				break
			}
			touch(t, q, &c)
			q.Push(&c, uint32(c.WriteLen()))
		}
		q.Interrupt()
		q.Wake() // so that Wait does not sleep
		if err := q.Wait(); err != nil {
			t.Fatal(err)
		}
	}
}

// touch reads and writes the buffers of a chain and checks its numbers.
func touch(t *testing.T, q *virtio.Queue, c *virtio.Chain) {
	if len(c.Read)+len(c.Write) > int(q.Size()) || c.ReadLen()+c.WriteLen() > math.MaxUint32 {
		t.Fatalf("%d + %d buffers, %d + %d bytes", len(c.Read), len(c.Write), c.ReadLen(), c.WriteLen())
	}
	var sum byte
	for _, b := range c.Read {
		sum += b[0] + b[len(b)-1]
	}
	for _, b := range c.Write {
		b[0], b[len(b)-1] = sum, sum
	}
}

// checkTransport holds the registers to what must be true of every device.
func checkTransport(t *testing.T, g *vt.Guest, d *held) {
	p := make([]byte, virtio.RegisterSize)
	if g.MMIO.Read(0, p); string(p) != string(g.Page) {
		t.Fatal("the page differs from what is read")
	}
	s := g.Status()
	switch s &^ (vt.StatusNeedsReset | vt.StatusFailed) {
	case 0, 1, 3, 11, 15:
	default:
		t.Fatalf("status %#x", s)
	}
	if broken := s&vt.StatusNeedsReset != 0; broken != (g.MMIO.Err() != nil) {
		t.Fatalf("status %#x, error %v", s, g.MMIO.Err())
	}
	if d.queues != nil && s&vt.StatusDriverOK == 0 {
		t.Fatalf("the device runs with status %#x", s)
	}
}

// roundTrip restores what was saved and finds it unchanged.
func roundTrip(t *testing.T, g *vt.Guest) {
	g.MMIO.Pause()
	before := g.MMIO.Save()
	if err := g.MMIO.Restore(before); err != nil {
		// Only a device that is broken anyway, by a queue that cannot be, may not come back.
		t.Fatalf("restore %+v: %v", before, err)
	}
	after := g.MMIO.Save()
	after.InterruptStatus = before.InterruptStatus
	if !reflect.DeepEqual(before, after) {
		t.Fatalf("restored %+v, want %+v", after, before)
	}
	g.MMIO.Resume()
}
