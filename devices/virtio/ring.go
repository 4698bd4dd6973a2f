package virtio

import (
	"encoding/binary"
	"fmt"
	"sync/atomic"

	"terem/memory"
)

// Bits of the two flags fields and of a descriptor's flags (virtio 1.2 sections 2.7.5 to 2.7.8).
const (
	availNoInterrupt = 1 // the driver does not want to be interrupted
	usedNoNotify     = 1 // the device does not want to be notified

	descNext     = 1 // the chain goes on at next
	descWrite    = 2 // the device writes the buffer
	descIndirect = 4 // the buffer is a table of descriptors

	descSize = 16
)

// ring is the three parts of a split virtqueue (virtio 1.2 section 2.7), where they lie in guest
// RAM. With n for the queue's size:
//
//	part        written by  bytes  align  layout
//	----------  ----------  -----  -----  ------------------------------------------------------
//	desc        driver      16n    16     n of {addr u64, len u32, flags u16, next u16}
//	available   driver      6+2n   2      flags u16, idx u16, n of {head u16}, used_event u16
//	used        device      6+8n   4      flags u16, idx u16, n of {head u32, len u32}, avail_event u16
//
// Nothing keeps a driver from laying the parts over each other. What it then reads is its own
// loss: every value is checked after it was read, and the parts are in RAM wherever they are.
type ring struct {
	desc    []byte // n * 16
	avail   []byte // n * 2, the heads
	used    []byte // n * 8, the elements
	usedTop *uint32

	availFlags, availIdx, usedEvent half
	availEvent                      event
}

// newRing finds the parts of a queue in RAM and checks their alignment. Each must lie within one
// region.
func newRing(mem *memory.Guest, s *QueueState) (*ring, error) {
	n := uint64(s.Size)
	r := &ring{}
	for _, part := range []struct {
		name        string
		at          uint64
		size, align uint64
		to          *[]byte
	}{
		{"descriptor table", s.Desc, n * descSize, 16, &r.desc},
		{"available ring", s.Driver, 6 + n*2, 2, &r.avail},
		{"used ring", s.Device, 6 + n*8, 4, &r.used},
	} {
		b, err := mem.Slice(memory.Addr(part.at), part.size)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", part.name, err)
		}
		if part.at%part.align != 0 || !aligned(b, uintptr(part.align)) {
			return nil, fmt.Errorf("%s at %#x: not a multiple of %d", part.name, part.at, part.align)
		}
		*part.to = b
	}
	for _, field := range []struct {
		at uint64
		to *half
	}{
		{s.Driver, &r.availFlags},
		{s.Driver + 2, &r.availIdx},
		{s.Driver + 4 + n*2, &r.usedEvent},
	} {
		h, err := newHalf(mem, field.at)
		if err != nil {
			return nil, fmt.Errorf("available ring: %w", err)
		}
		*field.to = h
	}
	r.usedTop = wordAt(r.used, 0)
	r.availEvent = eventAt(r.used[4+n*8:])
	r.avail, r.used = r.avail[4:4+n*2], r.used[4:4+n*8]
	return r, nil
}

// newHalf finds the word that holds the 16-bit field at a, an even address.
func newHalf(mem *memory.Guest, a uint64) (half, error) {
	b, err := mem.Slice(memory.Addr(a&^3), 4)
	if err != nil {
		return half{}, err
	}
	if !aligned(b, 4) {
		return half{}, fmt.Errorf("field at %#x: its word is not aligned in the host", a)
	}
	return half{word: wordAt(b, 0), shift: uint8(a&2) * 8}, nil
}

// head is what the driver put into slot i of the available ring.
func (r *ring) head(i uint16) uint16 {
	return binary.LittleEndian.Uint16(r.avail[int(i)*2:])
}

// put writes the used element of slot i.
func (r *ring) put(i, head uint16, written uint32) {
	binary.LittleEndian.PutUint64(r.used[int(i)*8:], uint64(written)<<32|uint64(head))
}

// publish stores used.flags and used.idx, which share a word that only the device writes. The
// store is sequentially consistent: the elements are visible before it (the driver's rmb after it
// has read used.idx pairs with that), and it is before every load that follows (see event.go).
func (r *ring) publish(flags, idx uint16) {
	atomic.StoreUint32(r.usedTop, uint32(idx)<<16|uint32(flags))
}
