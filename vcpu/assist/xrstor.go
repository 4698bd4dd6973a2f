package assist

import "encoding/binary"

func (x *exec) xrstor() error { return x.restore(false) }

// xrstors wants a compacted area and the kernel's privilege.
func (x *exec) xrstors() error {
	if x.user {
		return protection()
	}
	return x.restore(true)
}

// restore is XRSTOR and XRSTORS (SDM vol. 1, sections 13.8 and 13.12). KVM's area is changed in
// place: a component that the guest's area holds is copied, one that it does not hold gets its
// initial state, and one that was not asked for stays.
func (x *exec) restore(onlyCompact bool) error {
	o, err := x.begin()
	if err != nil {
		return err
	}
	header := x.u.area[:extended]
	if err := x.read(o.at, header); err != nil {
		return err
	}
	bv := binary.LittleEndian.Uint64(header[xstateBV:])
	comp := binary.LittleEndian.Uint64(header[xcompBV:])
	compact := comp&compacted != 0
	if onlyCompact && !compact || !validHeader(header, bv, comp, o.xcr0) {
		return protection()
	}
	present := o.mask
	if compact {
		present = comp
	}
	places, end, err := x.u.layout.places(present, compact)
	if err != nil {
		return err
	}
	area := x.u.area[:end]
	if err := x.read(o.at, area); err != nil {
		return err
	}
	if !o.loadLegacy(area, bv, compact) {
		return protection()
	}
	for _, p := range places {
		if o.mask&bv>>p.number&1 != 0 {
			copy(o.kvm[p.std:][:p.n], area[p.at:])
		}
	}
	return o.commit(bv)
}

// validHeader checks what hardware answers with #GP.
func validHeader(header []byte, bv, comp, xcr0 uint64) bool {
	rest := header[headerRest:extended]
	if comp&compacted == 0 {
		rest = rest[:8] // bytes 23 to 8 of the header
		if comp != 0 || bv&^xcr0 != 0 {
			return false
		}
	} else if comp&^compacted&^xcr0 != 0 || bv&^comp != 0 {
		return false
	}
	for _, b := range rest {
		if b != 0 {
			return false
		}
	}
	return true
}

// loadLegacy fills the x87 and SSE parts of KVM's area. It is false for an MXCSR that does not exist.
func (o *operation) loadLegacy(area []byte, bv uint64, compact bool) bool {
	if o.mask&componentX87 != 0 {
		src := area
		if bv&componentX87 == 0 {
			var initial [xmmOffset]byte
			binary.LittleEndian.PutUint16(initial[:], initialFCW)
			src = initial[:]
		}
		copy(o.kvm[:mxcsrOffset], src)
		copy(o.kvm[stOffset:xmmOffset], src[stOffset:])
	}
	if o.mask&componentSSE != 0 {
		clear(o.kvm[xmmOffset:legacyEnd])
		if bv&componentSSE != 0 {
			copy(o.kvm[xmmOffset:legacyEnd], area[xmmOffset:])
		}
	}
	mxcsr := binary.LittleEndian.Uint32(area[mxcsrOffset:])
	wanted := o.mask&(componentSSE|componentAVX) != 0
	if compact {
		wanted = o.mask&componentSSE != 0
		if bv&componentSSE == 0 {
			mxcsr = initialMXCSR
		}
	}
	if !wanted {
		return true
	}
	binary.LittleEndian.PutUint32(o.kvm[mxcsrOffset:], mxcsr)
	return mxcsr&^mxcsrMask == 0
}

// commit hands the changed area to KVM. The legacy parts are always marked as present: they hold
// explicit values, their initial ones too.
func (o *operation) commit(bv uint64) error {
	old := binary.LittleEndian.Uint64(o.kvm[xstateBV:])
	now := old&^o.mask | bv&o.mask | componentX87 | componentSSE
	binary.LittleEndian.PutUint64(o.kvm[xstateBV:], now)
	clear(o.kvm[xcompBV:extended])
	return o.x.c.SetXSave(&o.x.u.saved)
}
