package assist

import "math/bits"

// The XSAVE area (SDM vol. 1, section 13.4).
//
//	  0  x87 control, 24 bytes   24 MXCSR, 28 MXCSR_MASK
//	 32  ST0-ST7, 128 bytes     160 XMM0-XMM15, 256 bytes
//	512  XSTATE_BV              which components hold other than their initial state
//	520  XCOMP_BV               which components a compacted area has; bit 63: it is compacted
//	528  reserved, zero         to 576
//	576  the further components, standard: each at its place; compacted: one after another
const (
	mxcsrOffset  = 24
	stOffset     = 32
	xmmOffset    = 160
	legacyEnd    = 416
	xstateBV     = 512
	xcompBV      = 520
	headerRest   = 528
	extended     = 576
	compacted    = 1 << 63
	xsaveAlign   = 64
	componentX87 = 1 << 0
	componentSSE = 1 << 1
	componentAVX = 1 << 2
	firstFurther = 2

	initialFCW   = 0x37f
	initialMXCSR = 0x1f80
)

// component is one piece of extended state: CPUID leaf 0xD, sub-leaf i.
type component struct {
	offset, size int  // in the standard format, in bytes; size 0: not there
	align        bool // compacted: on the next multiple of 64
}

// xlayout holds the components by number. The standard offsets differ between makers of CPUs.
type xlayout [63]component

// hostLayout asks the host's CPU for all components that XCR0 can have, whatever the guest has set so
// far. The host's standard format is also that of KVM_GET_XSAVE, and that which KVM tells the guest.
func hostLayout() *xlayout {
	const (
		leaf       = 0xd
		supervisor = 1 << 0
		aligned    = 1 << 1
	)
	l := &xlayout{}
	low, _, _, high := cpuid(leaf, 0)
	for i := range l.further(uint64(high)<<32 | uint64(low)) {
		size, offset, flags, _ := cpuid(leaf, uint32(i))
		if flags&supervisor == 0 {
			l[i] = component{offset: int(offset), size: int(size), align: flags&aligned != 0}
		}
	}
	return l
}

// further walks the numbers of the components in mask, those of the legacy area left out.
func (*xlayout) further(mask uint64) func(yield func(int) bool) {
	return func(yield func(int) bool) {
		mask &^= componentX87 | componentSSE | compacted
		for ; mask != 0; mask &= mask - 1 {
			if !yield(bits.TrailingZeros64(mask)) {
				return
			}
		}
	}
}

// place says where a component lies in an area: n bytes, at standard offset std of KVM's area and at
// offset at of the guest's.
type place struct{ number, std, at, n int }

// places lists the components of mask, in the standard or the compacted format, and the size of
// the whole area. It fails for an area that is larger than maxArea.
func (l *xlayout) places(mask uint64, compact bool) ([]place, int, error) {
	var ps []place
	end := extended
	for i := range l.further(mask) {
		c := l[i]
		at := c.offset
		if compact {
			at = end
			if c.align {
				at = (at + xsaveAlign - 1) &^ (xsaveAlign - 1)
			}
		}
		if c.size == 0 || at < extended || at+c.size > maxArea || c.offset+c.size > maxArea {
			return nil, 0, errTooBig
		}
		ps = append(ps, place{i, c.offset, at, c.size})
		end = max(end, at+c.size)
	}
	return ps, end, nil
}
