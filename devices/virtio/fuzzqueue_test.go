package virtio_test

import (
	"encoding/binary"
	"errors"
	"math"
	"testing"

	"terem/devices/virtio"
	vt "terem/devices/virtio/virtiotest"
	"terem/memory"
)

// FuzzQueue pops with rings anywhere in RAM, also over each other, and holds each chain to what
// reference makes of the same bytes.
func FuzzQueue(f *testing.F) {
	f.Add(byte(3), uint16(0), uint16(0x100), uint16(0x200), byte(0), chainRAM(false))
	f.Add(byte(3), uint16(0), uint16(0x100), uint16(0x200), byte(1), chainRAM(true))
	f.Add(byte(2), uint16(0x10), uint16(0x10e), uint16(0x1fc8), byte(3), chainRAM(true))
	f.Add(byte(0), uint16(0), uint16(0), uint16(0), byte(2), chainRAM(false))
	f.Add(byte(4), uint16(0), uint16(0x100), uint16(0x200), byte(5), chainRAM(true))
	f.Add(byte(3), uint16(0), uint16(0x100), uint16(0x200), byte(4), chainRAM(false))
	f.Fuzz(func(t *testing.T, order byte, desc, avail, used uint16, features byte, ram []byte) {
		d := newHeld(virtio.MaxQueueSize)
		g := vt.New(t, d, vt.Options{RAM: fuzzRAM, Base: fuzzBase})
		defer g.Close()
		var accept uint64
		if features&1 != 0 {
			accept |= virtio.FeatureIndirectDesc
		}
		if features&2 != 0 {
			accept |= virtio.FeatureEventIdx
		}
		if err := g.Negotiate(accept); err != nil {
			t.Fatal(err)
		}
		q := &ringAt{Size: 1 << (order % 5), Desc: fuzzBase + memory.Addr(desc&^15)%fuzzRAM,
			Avail: fuzzBase + memory.Addr(avail&^1)%fuzzRAM, Used: fuzzBase + memory.Addr(used&^3)%fuzzRAM}
		driver := g.NewQueue(0, q.Size)
		driver.DescAddr, driver.DriverAddr, driver.DeviceAddr = q.Desc, q.Avail, q.Used
		clear(g.RAM)
		copy(g.RAM, ram)
		if features&4 != 0 {
			tame(g, q)
		}
		if driver.Ready() != nil || g.DriverOK() != nil {
			return
		}
		compare(t, g, d.queues[0], q, features&1 != 0)
	})
}

// ringAt is where a queue lies.
type ringAt struct {
	Size              uint16
	Desc, Avail, Used memory.Addr
}

// tame takes RAM as descriptors and brings their numbers near to what they could be, and the
// indexes too: random bytes make few chains that are longer than one descriptor.
func tame(g *vt.Guest, q *ringAt) {
	le := binary.LittleEndian
	for b := g.RAM; len(b) > 0; b = b[16:] {
		le.PutUint64(b, uint64(fuzzBase)+le.Uint64(b)%(fuzzRAM+16))
		le.PutUint32(b[8:], le.Uint32(b[8:])%80)
		le.PutUint16(b[14:], le.Uint16(b[14:])%(q.Size+1))
	}
	if !g.Memory.Contains(q.Avail, 4+2*uint64(q.Size)) {
		return
	}
	ring := g.Bytes(q.Avail, 4+2*int(q.Size))
	le.PutUint16(ring[2:], le.Uint16(ring[2:])%(q.Size+1))
	for i := range q.Size {
		slot := ring[4+2*i:]
		le.PutUint16(slot, le.Uint16(slot)%(q.Size+1))
	}
}

// compare pops as often as the queue has entries, and pushes every other time.
func compare(t *testing.T, g *vt.Guest, q *virtio.Queue, at *ringAt, indirect bool) {
	flying := map[uint16]bool{}
	var popped, until uint16
	for i := range 2 * at.Size {
		if popped == until { // only then does the device look at the index
			until = g16(g, at.Avail+2)
		}
		head := g16(g, at.Avail+4+2*memory.Addr(popped%at.Size))
		bufs, err := reference(g, at, head, indirect)
		switch {
		case until == popped:
			err = errNone
		case until-popped > at.Size, head >= at.Size, flying[head]:
			err = errors.New("index or head")
		}
		var c virtio.Chain
		ok := q.Pop(&c)
		if ok != (err == nil) || (q.Err() == nil) != (err == nil || errors.Is(err, errNone)) {
			t.Fatalf("Pop = %v, %v; want %v", ok, q.Err(), err)
		}
		if !ok {
			return
		}
		popped++
		sameBuffers(t, g, &c, bufs)
		if flying[head] = i%2 == 0; !flying[head] {
			q.Push(&c, uint32(c.WriteLen()))
			q.Interrupt()
		}
	}
}

var errNone = errors.New("no request")

// buffer is a descriptor that says where data is.
type buffer struct {
	addr  memory.Addr
	n     uint32
	write bool
}

// reference is the chain at head by the words of sections 2.7.4 and 2.7.5, written for
// clearness: first all descriptors in order, then the rules.
func reference(g *vt.Guest, at *ringAt, head uint16, mayIndirect bool) (bufs []buffer, err error) {
	bad := errors.New("bad chain")
	table, n := at.Desc, uint64(at.Size)
	within := false
	var total uint64
	for i := uint64(head); ; {
		if i >= n || len(bufs) == int(at.Size) {
			return nil, bad
		}
		a := table + memory.Addr(16*i)
		addr, size, flags, next := g64(g, a), g32(g, a+8), g16(g, a+12), g16(g, a+14)
		if flags&indirect != 0 {
			if within || !mayIndirect || flags&vt.DescNext != 0 || size == 0 || size%16 != 0 || uint64(size)/16 > uint64(at.Size) ||
				!g.Memory.Contains(memory.Addr(addr), uint64(size)) {
				return nil, bad
			}
			table, n, within, i = memory.Addr(addr), uint64(size)/16, true, 0
			continue
		}
		bufs = append(bufs, buffer{memory.Addr(addr), size, flags&write != 0})
		total += uint64(size)
		if flags&vt.DescNext == 0 {
			break
		}
		i = uint64(next)
	}
	for i, b := range bufs {
		if b.n > 0 && !g.Memory.Contains(b.addr, uint64(b.n)) || i > 0 && bufs[i-1].write && !b.write {
			return nil, bad
		}
	}
	if total > math.MaxUint32 {
		return nil, bad
	}
	return bufs, nil
}

// sameBuffers compares a chain with the descriptors it was made of.
func sameBuffers(t *testing.T, g *vt.Guest, c *virtio.Chain, bufs []buffer) {
	read, write := c.Read, c.Write
	for _, b := range bufs {
		if b.n == 0 {
			continue
		}
		from := &read
		if b.write {
			from = &write
		}
		if len(*from) == 0 || len((*from)[0]) != int(b.n) || &(*from)[0][0] != &g.Bytes(b.addr, 1)[0] {
			t.Fatalf("buffers %+v are not in the chain", bufs)
		}
		*from = (*from)[1:]
	}
	if len(read) != 0 || len(write) != 0 {
		t.Fatalf("%d and %d buffers too many", len(read), len(write))
	}
}

func g16(g *vt.Guest, a memory.Addr) uint16 { return binary.LittleEndian.Uint16(g.Bytes(a, 2)) }
func g32(g *vt.Guest, a memory.Addr) uint32 { return binary.LittleEndian.Uint32(g.Bytes(a, 4)) }
func g64(g *vt.Guest, a memory.Addr) uint64 { return binary.LittleEndian.Uint64(g.Bytes(a, 8)) }
