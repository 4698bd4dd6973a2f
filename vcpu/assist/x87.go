package assist

import (
	"encoding/binary"
	"math/bits"
)

// The old ways to save the x87 and SSE registers, and the instructions of the x87 that a kernel uses beside
// them. All work on the legacy area of KVM_GET_XSAVE, whose layout is FXSAVE's (SDM vol. 1, table 10-2): FCW,
// FSW, then the tags as one bit for each register, 1 for "in use".
const (
	fswOffset  = 2
	ftwOffset  = 4
	fxAlign    = 16
	stackSize  = 16 // bytes between ST(i) and ST(i+1)
	registersX = 8

	fswTop        = 11 // bits 13:11: the register that is ST(0)
	fswExceptions = 0x80ff
)

// x87 gets the legacy area, for an instruction of the x87's.
func (x *exec) x87() ([]byte, error) {
	if x.cr0&(cr0EM|cr0TS) != 0 {
		return nil, noDevice()
	}
	return x.legacy()
}

// mmx gets it for one that came later, with MMX or SSE: no kernel emulates those where there is no x87 (SDM vol. 3,
// table 12-1; vol. 2, FXSAVE).
func (x *exec) mmx() ([]byte, error) {
	if x.cr0&cr0EM != 0 {
		return nil, undefined()
	}
	if x.cr0&cr0TS != 0 {
		return nil, noDevice()
	}
	return x.legacy()
}

func (x *exec) legacy() ([]byte, error) {
	if err := x.c.XSave(&x.u.saved); err != nil {
		return nil, err
	}
	return x.u.saved.Region[:extended], nil
}

// setX87 hands a changed legacy area to KVM.
func (x *exec) setX87(area []byte) error {
	area[xstateBV] |= componentX87 | componentSSE
	return x.c.SetXSave(&x.u.saved)
}

func (x *exec) fxsave() error {
	area, err := x.mmx()
	if err != nil {
		return err
	}
	at := x.address()
	if at%fxAlign != 0 {
		return protection()
	}
	return x.write(at, area[:legacyEnd])
}

func (x *exec) fxrstor() error {
	area, err := x.mmx()
	if err != nil {
		return err
	}
	at := x.address()
	if at%fxAlign != 0 {
		return protection()
	}
	var from [legacyEnd]byte
	if err := x.read(at, from[:]); err != nil {
		return err
	}
	if binary.LittleEndian.Uint32(from[mxcsrOffset:])&^mxcsrMask != 0 {
		return protection()
	}
	copy(area[:mxcsrOffset+4], from[:])
	copy(area[stOffset:legacyEnd], from[stOffset:])
	return x.setX87(area)
}

// fnclex forgets the exceptions that are pending.
func (x *exec) fnclex() error {
	area, err := x.x87()
	if err != nil {
		return err
	}
	fsw := binary.LittleEndian.Uint16(area[fswOffset:])
	binary.LittleEndian.PutUint16(area[fswOffset:], fsw&^fswExceptions)
	return x.setX87(area)
}

// emms marks all registers as empty.
func (x *exec) emms() error {
	area, err := x.mmx()
	if err != nil {
		return err
	}
	area[ftwOffset] = 0
	return x.setX87(area)
}

// fild pushes an integer of 32 bits. A kernel does it after EMMS, to overwrite what another task left in the
// x87's pointers (AMD before Zen), so that the stack has room.
func (x *exec) fild() error {
	area, err := x.x87()
	if err != nil {
		return err
	}
	v, err := x.source(4)
	if err != nil {
		return err
	}
	fsw := binary.LittleEndian.Uint16(area[fswOffset:])
	top := (fsw>>fswTop - 1) & 7
	if area[ftwOffset]>>top&1 != 0 {
		return errUnknown // a stack fault
	}
	binary.LittleEndian.PutUint16(area[fswOffset:], fsw&^(7<<fswTop)|top<<fswTop)
	area[ftwOffset] |= 1 << top
	st := area[stOffset:xmmOffset]
	copy(st[stackSize:], st[:(registersX-1)*stackSize])
	significand, exponent := extendedReal(int32(v))
	binary.LittleEndian.PutUint64(st, significand)
	binary.LittleEndian.PutUint16(st[8:], exponent)
	return x.setX87(area)
}

// extendedReal is an integer in the x87's format (SDM vol. 1, figure 4-3).
func extendedReal(v int32) (significand uint64, signExponent uint16) {
	const bias, negative = 16383, 1 << 15
	if v == 0 {
		return 0, 0
	}
	n := uint64(v)
	if v < 0 {
		n, signExponent = uint64(-int64(v)), negative
	}
	shift := bits.LeadingZeros64(n)
	return n << shift, signExponent | uint16(bias+63-shift)
}
