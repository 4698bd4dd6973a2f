package assist

import (
	"encoding/binary"

	"terem/kvm"
)

// gate is one entry of the IDT in 64-bit mode (SDM vol. 3, figure 6-8).
//
//	0 offset 15:0   2 selector   4 IST   5 type, DPL, P   6 offset 31:16   8 offset 63:32
type gate struct {
	offset  uint64
	dpl     uint8
	present bool
}

// gate gives the entry of a vector that exceptions go through. ok is false where there is none.
func (u *Unit) gate(s *kvm.Sregs, vector uint8) (g gate, ok bool) {
	g, ok = u.descriptor(s, vector)
	return g, ok && g.present
}

// descriptor reads the entry of a vector. ok is false where none can be read, or it is no gate.
func (u *Unit) descriptor(s *kvm.Sregs, vector uint8) (g gate, ok bool) {
	const (
		gateSize      = 16
		present       = 1 << 7
		typeMask      = 0x1f // with the bit that is 0 in system descriptors
		interruptGate = 0x0e // trap gates have bit 0 besides
	)
	at := uint64(vector) * gateSize
	if !longMode(s) || uint64(s.IDT.Limit) < at+gateSize-1 {
		return gate{}, false
	}
	var b [gateSize]byte
	p := supervisor(u, s)
	if p.read(s.IDT.Base+at, b[:]) != nil || b[5]&typeMask&^1 != interruptGate {
		return gate{}, false
	}
	lo := uint64(binary.LittleEndian.Uint16(b[0:]))
	mid := uint64(binary.LittleEndian.Uint16(b[6:]))
	hi := uint64(binary.LittleEndian.Uint32(b[8:]))
	return gate{offset: hi<<32 | mid<<16 | lo, dpl: b[5] >> 5 & 3, present: b[5]&present != 0}, true
}
