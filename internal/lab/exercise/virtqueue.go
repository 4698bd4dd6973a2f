package exercise

import (
	"encoding/binary"
	"math/rand/v2"
)

// Bits of a descriptor's flags (virtio 1.2, 2.7.5).
const (
	descNext     = 1 << 0
	descWrite    = 1 << 1
	descIndirect = 1 << 2
)

const queueRAM = 256 << 10

// driver is a driver of a queue whose memory a student's device serves. Its buffers lie where the parts of the queue do not.
type driver struct {
	ram    ram
	Size   uint16 `json:"size"`
	Desc   uint64 `json:"desc"`
	Driver uint64 `json:"driver"`
	Device uint64 `json:"device"`
	Next   uint16 `json:"next"`
	Key    byte   `json:"key"`

	avail uint16 // index
	desc  uint16 // the next one that is free
	at    uint64 // likewise, a buffer
	err   error  // the first one of writing to memory
}

// newDriver draws a queue. It has served requests before, as many as first.
func newDriver(r *rand.Rand, size, first uint16) (*driver, error) {
	memory, err := newRAM(queueRAM)
	if err != nil {
		return nil, err
	}
	d := &driver{ram: memory, Size: size, Next: first, avail: first, Key: byte(1 + r.IntN(255)), at: 0x20000}
	d.Desc, d.Driver, d.Device = 0x1000+16*r.Uint64N(64), 0x8000+2*r.Uint64N(64), 0xc000+4*r.Uint64N(64)
	d.put16(d.Driver+2, first)
	d.put16(d.Device+2, first)
	return d, d.err
}

func (d *driver) put(at uint64, b []byte) {
	if err := d.ram.put(int64(at), b); err != nil && d.err == nil {
		d.err = err
	}
}

func (d *driver) put16(at uint64, v uint16) { d.put(at, binary.LittleEndian.AppendUint16(nil, v)) }

// descriptor is one of a chain.
type descriptor struct {
	addr  uint64
	n     uint32
	flags uint16
	next  uint16
}

func (d *driver) descriptor(i uint16, t descriptor) {
	b := binary.LittleEndian.AppendUint64(nil, t.addr)
	b = binary.LittleEndian.AppendUint32(b, t.n)
	b = binary.LittleEndian.AppendUint16(b, t.flags)
	d.put(d.Desc+16*uint64(i), binary.LittleEndian.AppendUint16(b, t.next))
}

// offer puts a chain into the available ring.
func (d *driver) offer(head uint16) {
	d.put16(d.Driver+4+2*uint64(d.avail%d.Size), head)
	d.avail++
	d.put16(d.Driver+2, d.avail)
}

// buffer gives n bytes of memory.
func (d *driver) buffer(n int) uint64 {
	at := d.at
	d.at += uint64(n+15) &^ 15
	return at
}

// sent is a request, and what is expected of it.
type sent struct {
	head   uint16
	answer []uint64 // addresses of the bytes of the answer, in their order
	want   []byte
}

// send draws a request, of parts to read and room to write.
func (d *driver) send(r *rand.Rand, parts, room []int) sent {
	s := sent{head: d.desc}
	total := len(parts) + len(room)
	link := func(i int, t descriptor) {
		if i < total-1 {
			t.flags, t.next = t.flags|descNext, (d.desc+1)%d.Size
		}
		d.descriptor(d.desc, t)
		d.desc = (d.desc + 1) % d.Size
	}
	for i, n := range parts {
		b := make([]byte, n)
		for j := range b {
			b[j] = byte(r.Uint32())
			s.want = append(s.want, b[j]^d.Key)
		}
		at := d.buffer(n)
		d.put(at, b)
		link(i, descriptor{addr: at, n: uint32(n)})
	}
	for i, n := range room {
		at := d.buffer(n)
		for j := range n {
			s.answer = append(s.answer, at+uint64(j))
		}
		link(len(parts)+i, descriptor{addr: at, n: uint32(n), flags: descWrite})
	}
	s.want = s.want[:min(len(s.want), len(s.answer))]
	d.offer(s.head)
	return s
}

// got reads the answer of a request.
func (d *driver) got(s sent) ([]byte, error) {
	b := make([]byte, len(s.want))
	for i := range b {
		one, err := d.ram.get(int64(s.answer[i]), 1)
		if err != nil {
			return nil, err
		}
		b[i] = one[0]
	}
	return b, nil
}

// used reads the used ring's index, and the entry of request number i.
func (d *driver) used(i uint16) (index uint16, head, n uint32, err error) {
	b, err := d.ram.get(int64(d.Device+2), 2)
	if err != nil {
		return 0, 0, 0, err
	}
	e, err := d.ram.get(int64(d.Device+4+8*uint64(i%d.Size)), 8)
	if err != nil {
		return 0, 0, 0, err
	}
	return binary.LittleEndian.Uint16(b), binary.LittleEndian.Uint32(e), binary.LittleEndian.Uint32(e[4:]), nil
}
