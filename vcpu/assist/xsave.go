package assist

import (
	"encoding/binary"
	"errors"
)

// The XSAVE family (SDM vol. 1, chapter 13). KVM_GET_XSAVE gives the state in the standard format;
// the guest's area is read, changed and written back as a whole, once all of it is known to be
// accessible.

// operation is what the XSAVE and XRSTOR instructions have in common.
type operation struct {
	x    *exec
	at   uint64 // linear address of the area
	mask uint64 // the requested components: EDX:EAX within XCR0
	xcr0 uint64
	kvm  []byte // KVM's area, standard format
}

func (x *exec) begin() (*operation, error) {
	if x.cr4&cr4XSave == 0 {
		return nil, undefined()
	}
	if x.cr0&cr0TS != 0 {
		return nil, noDevice()
	}
	at := x.address()
	if at%xsaveAlign != 0 {
		return nil, protection()
	}
	xcr0, err := x.xcr0()
	if err != nil {
		return nil, err
	}
	if err := x.c.XSave(&x.u.saved); err != nil {
		return nil, err
	}
	if x.u.layout == nil {
		x.u.layout = hostLayout()
	}
	mask := x.regs.RDX<<32 | uint64(uint32(x.regs.RAX))
	return &operation{x: x, at: at, mask: mask & xcr0, xcr0: xcr0, kvm: x.u.saved.Region[:]}, nil
}

func (x *exec) xcr0() (uint64, error) {
	r, err := x.c.XCRs()
	if err != nil {
		return 0, err
	}
	for _, xcr := range r.Registers[:min(int(r.NrXRCS), len(r.Registers))] {
		if xcr.XRC == 0 {
			return xcr.Value, nil
		}
	}
	return componentX87, nil
}

// inUse is XINUSE: the components that differ from their initial state. MXCSR counts as part of SSE.
func (o *operation) inUse() uint64 {
	v := binary.LittleEndian.Uint64(o.kvm[xstateBV:])
	if binary.LittleEndian.Uint32(o.kvm[mxcsrOffset:]) != initialMXCSR {
		v |= componentSSE
	}
	return v
}

func (x *exec) xsave() error    { return x.saveStandard(false) }
func (x *exec) xsaveopt() error { return x.saveStandard(true) }

// saveStandard is XSAVE, and XSAVEOPT, which leaves out components in their initial state.
func (x *exec) saveStandard(opt bool) error {
	o, err := x.begin()
	if err != nil {
		return err
	}
	stored := o.mask
	if opt {
		stored &= o.inUse()
	}
	places, end, err := x.u.layout.places(o.mask, false)
	if err != nil {
		return err
	}
	area := x.u.area[:end]
	if err := x.read(o.at, area); err != nil {
		return writeFault(err)
	}
	saveLegacy(area, o.kvm, stored, o.mask&(componentSSE|componentAVX) != 0)
	for _, p := range places {
		if stored>>p.number&1 != 0 {
			copy(area[p.at:][:p.n], o.kvm[p.std:])
		}
	}
	bv := binary.LittleEndian.Uint64(area[xstateBV:])
	binary.LittleEndian.PutUint64(area[xstateBV:], bv&^o.mask|o.inUse()&o.mask)
	return x.write(o.at, area)
}

func (x *exec) xsavec() error { return x.saveCompact() }

// xsaves is XSAVEC for the kernel: IA32_XSS, whose components it would add, is zero on a backend
// that needs this.
func (x *exec) xsaves() error {
	if x.user {
		return protection()
	}
	return x.saveCompact()
}

func (x *exec) saveCompact() error {
	o, err := x.begin()
	if err != nil {
		return err
	}
	stored := o.mask & o.inUse()
	places, end, err := x.u.layout.places(o.mask, true)
	if err != nil {
		return err
	}
	area := x.u.area[:end]
	if err := x.read(o.at, area); err != nil {
		return writeFault(err)
	}
	saveLegacy(area, o.kvm, stored, stored&componentSSE != 0)
	for _, p := range places {
		if stored>>p.number&1 != 0 {
			copy(area[p.at:][:p.n], o.kvm[p.std:])
		}
	}
	binary.LittleEndian.PutUint64(area[xstateBV:], stored)
	binary.LittleEndian.PutUint64(area[xcompBV:], o.mask|compacted)
	return x.write(o.at, area)
}

// saveLegacy copies the x87 and SSE parts in mask, and MXCSR with its mask.
func saveLegacy(dst, src []byte, mask uint64, mxcsr bool) {
	if mask&componentX87 != 0 {
		copy(dst[:mxcsrOffset], src)
		copy(dst[stOffset:xmmOffset], src[stOffset:])
	}
	if mask&componentSSE != 0 {
		copy(dst[xmmOffset:legacyEnd], src[xmmOffset:])
	}
	if mxcsr {
		copy(dst[mxcsrOffset:stOffset], src[mxcsrOffset:])
	}
}

// writeFault turns the page fault of the read that comes before a write into that of the write.
func writeFault(err error) error {
	var f *fault
	if errors.As(err, &f) && f.vector == vectorPF {
		f.code |= uint32(accessWrite)
	}
	return err
}
