package net

import "encoding/binary"

// HeaderSize is the size of a frame's header.
const HeaderSize = 12

// Bits and values of its fields.
const (
	FlagNeedsChecksum = 1
	GSONone           = 0
	GSOTCP4           = 1
	GSOTCP6           = 4
)

// Where its fields are.
const (
	OffFlags          = 0
	OffGSOType        = 1
	OffHeaderLen      = 2
	OffGSOSize        = 4
	OffChecksumStart  = 6
	OffChecksumOffset = 8
	OffBuffers        = 10
)

// header is a copy of one.
type header [HeaderSize]byte

func (h *header) field(off int) uint16 { return binary.LittleEndian.Uint16(h[off:]) }

// may says whether a driver with these features may send a frame with such a header, of n bytes without it
// (section 5.1.6.2). What is left is for the network to look at.
func (h *header) may(features uint64, n uint64) bool {
	sums := h[OffFlags] == FlagNeedsChecksum
	switch {
	case h[OffFlags] != 0 && !sums, sums && features&featureChecksum == 0:
		return false
	case sums && uint64(h.field(OffChecksumStart))+uint64(h.field(OffChecksumOffset))+2 > n:
		return false
	}
	switch h[OffGSOType] {
	case GSONone:
		return true
	case GSOTCP4:
		return sums && h.field(OffGSOSize) != 0 && features&featureHostTSO4 != 0
	case GSOTCP6:
		return sums && h.field(OffGSOSize) != 0 && features&featureHostTSO6 != 0
	}
	return false
}
