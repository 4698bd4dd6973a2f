package blk

import (
	"encoding/binary"
	"testing"

	"terem/devices/virtio/virtiotest"
	"terem/memory"
)

// FuzzDisk takes its input as what a driver does to a disk: writes to any register, descriptors
// and indexes of any value, and requests that are nearly right. RAM lies between inaccessible
// pages. Whatever it was, the disk must then come back from a reset and work; the store panics
// when it is asked for what lies beyond its end.
func FuzzDisk(f *testing.F) {
	f.Add([]byte{opRequest, typeIn, 0, 2, opRequest, typeOut, 1, 1, opRequest, typeFlush, 0, 0, opKick, 0, 0, 0})
	f.Add([]byte{opRequest, typeDiscard, 3, 1, opRequest, typeWriteZeroes, 3, 1, opRequest, typeGetID, 0, 1, opKick, 0, 0, 0})
	f.Add([]byte{opRequest, typeIn, 0, 9, opKick, 0, 0, 0, opRegister, 0x70, 0, 0, opKick, 0, 0, 0})
	f.Add([]byte{opDesc, 0, 0x10, 3, opDesc, 1, 0x20, 2, opAvail, 0, 1, 0, opKick, 0, 0, 0})
	f.Add([]byte{opAvail, 7, 0xff, 0, opKick, 0, 0, 0, opConfig, 32, 1, 0, opByte, 0, 40, 9})
	f.Fuzz(func(t *testing.T, ops []byte) {
		s := newStore(16 * 512)
		s.mute = true
		var b Backend = s
		if len(ops)%2 == 0 {
			b = swift{s}
		}
		c := Config{Backend: b, WriteCache: len(ops)%4 < 2, Discard: true, ReadOnly: len(ops)%16 == 0}
		d := attach(t, c, everything, virtiotest.Options{RAM: 64 << 10, Base: 0x1000, QueueSize: 16})
		scratch := d.Alloc(8 << 10)
		for n := 0; len(ops) >= 4 && n < 256; n++ {
			d.act(scratch, ops[0], ops[1], ops[2], ops[3])
			ops = ops[4:]
		}
		clear(d.RAM) // the driver's own rings may be laid over what it then allocates
		d.up(everything)
		d.read(1, 512)
	})
}

const (
	opRequest = iota
	opKick
	opDesc
	opAvail
	opRegister
	opConfig
	opByte
	opCount
)

// act does one thing, of which a, b and c say the details.
func (d *driver) act(scratch memory.Addr, op, a, b, c byte) {
	switch op % opCount {
	case opRequest:
		d.nearlyRight(scratch, a, b, c)
	case opKick:
		d.q.Kick()
	case opDesc:
		d.q.SetDesc(int(a%16), virtiotest.Desc{
			Addr: scratch + memory.Addr(b)*64, Len: uint32(c)<<uint(a>>4) | uint32(c&1), Flags: uint16(c) & 7, Next: uint16(a>>4) + uint16(c>>7),
		})
	case opAvail:
		d.q.SetAvail(d.q.AvailIdx(), uint16(a))
		d.q.SetAvailIdx(d.q.AvailIdx() + uint16(b))
	case opRegister:
		d.Write32(uint64(a)&^3, uint32(b)|uint32(c)<<24)
	case opConfig:
		d.MMIO.Write(virtiotest.RegConfig+uint64(a), []byte{b, c})
	case opByte:
		d.RAM[(int(a)<<8|int(b))%len(d.RAM)] = c
	}
}

// nearlyRight puts a request into descriptors that others may use too.
func (d *driver) nearlyRight(scratch memory.Addr, kind, sector, size byte) {
	at := scratch + memory.Addr(sector%8)*512
	h := d.Bytes(at, headerSize)
	binary.LittleEndian.PutUint32(h, uint32(kind%16))
	binary.LittleEndian.PutUint64(h[8:], uint64(sector%20)<<(kind>>4))
	first := int(sector+kind) % 13
	flags := uint16(virtiotest.DescNext)
	if kind%16 == typeIn || kind%16 == typeGetID {
		flags |= virtiotest.DescWrite
	}
	d.q.SetDesc(first, virtiotest.Desc{Addr: at, Len: headerSize, Flags: virtiotest.DescNext, Next: uint16(first + 1)})
	d.q.SetDesc(first+1, virtiotest.Desc{Addr: at + 64, Len: uint32(size>>4)*512 + uint32(size&15)*16, Flags: flags, Next: uint16(first + 2)})
	d.q.SetDesc(first+2, virtiotest.Desc{Addr: at + 32, Len: 1, Flags: virtiotest.DescWrite})
	d.q.Raw(uint16(first))
}
