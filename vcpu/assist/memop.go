package assist

import "encoding/binary"

// Instructions that reach memory, other than the XSAVE family.

const (
	cmpxchgSize  = 16
	movdir64Size = 64
	invpcidSize  = 16

	// mxcsrMask are the bits of MXCSR that exist (SDM vol. 1, figure 10-3).
	mxcsrMask = 0xffff
)

// cmpxchg16b compares RDX:RAX with memory and, if equal, stores RCX:RBX.
func (x *exec) cmpxchg16b() error {
	if x.in.rex&rexW == 0 {
		return errUnknown // CMPXCHG8B, which KVM knows
	}
	b, _, err := x.aligned(x.address(), cmpxchgSize, accessWrite)
	if err != nil {
		return err
	}
	lo, hi, swapped, ok := cas128((*[cmpxchgSize]byte)(b), x.regs.RAX, x.regs.RDX, x.regs.RBX, x.regs.RCX)
	if !ok {
		return errNotRAM // the host's mapping is not aligned: not RAM of a virtual machine
	}
	x.regs.RFLAGS &^= flagZF
	if swapped {
		x.regs.RFLAGS |= flagZF
		return nil
	}
	x.regs.RAX, x.regs.RDX = lo, hi
	return nil
}

// aligned is span for an operand that must lie on a multiple of its size, a power of two.
func (x *exec) aligned(linear uint64, size int, a access) (first, second []byte, err error) {
	if linear%uint64(size) != 0 {
		return nil, nil, protection()
	}
	return x.span(linear, size, a)
}

// sse checks that SSE instructions are allowed (SDM vol. 2, table 2-21 and LDMXCSR).
func (x *exec) sse() error {
	const cr4OSFXSR = 1 << 9
	if x.cr0&cr0EM != 0 || x.cr4&cr4OSFXSR == 0 {
		return undefined()
	}
	if x.cr0&cr0TS != 0 {
		return noDevice()
	}
	return nil
}

// ldmxcsr goes through KVM_SET_XSAVE: KVM_SET_FPU has a field for MXCSR and ignores it
// (arch/x86/kvm/x86.c, kvm_arch_vcpu_ioctl_set_fpu). MXCSR is taken only with the SSE component.
func (x *exec) ldmxcsr() error {
	if err := x.sse(); err != nil {
		return err
	}
	v, err := x.source(4)
	if err != nil {
		return err
	}
	if v&^mxcsrMask != 0 {
		return protection()
	}
	if err := x.c.XSave(&x.u.saved); err != nil {
		return err
	}
	area := x.u.saved.Region[:]
	binary.LittleEndian.PutUint32(area[mxcsrOffset:], uint32(v))
	area[xstateBV] |= componentSSE
	return x.c.SetXSave(&x.u.saved)
}

func (x *exec) stmxcsr() error {
	if err := x.sse(); err != nil {
		return err
	}
	if err := x.c.XSave(&x.u.saved); err != nil {
		return err
	}
	return x.write(x.address(), x.u.saved.Region[mxcsrOffset:][:4])
}

// flush is CLFLUSH, CLFLUSHOPT and CLWB: the caches of a guest are the host's, and coherent. What
// is left is that the address must be readable.
func (x *exec) flush() error {
	var b [1]byte
	return x.read(x.address(), b[:])
}

// invpcid drops translations. Whatever it names, everything is dropped: KVM does so when CR4.PGE
// changes, for which it must be changed twice.
func (x *exec) invpcid() error {
	const types = 4
	if x.user || *register(&x.regs, x.in.reg) >= types {
		return protection()
	}
	var descriptor [invpcidSize]byte
	if err := x.read(x.address(), descriptor[:]); err != nil {
		return err
	}
	if _, err := x.u.settle(x.c, &x.sregs); err != nil {
		return err
	}
	s := x.sregs
	s.CR4 ^= cr4PGE
	if err := x.c.SetSregs(s); err != nil {
		return err
	}
	return x.c.SetSregs(x.sregs)
}

// movdir64b copies 64 bytes to the aligned address in a register.
func (x *exec) movdir64b() error {
	var b [movdir64Size]byte
	if err := x.read(x.address(), b[:]); err != nil {
		return err
	}
	in := x.in
	if in.seg != 0 {
		x.in.seg = 0 // the destination is in ES, which has no base
	}
	to := x.segment(*register(&x.regs, in.reg))
	x.in = in
	dst, _, err := x.aligned(to, movdir64Size, accessWrite)
	if err != nil {
		return err
	}
	copy(dst, b[:])
	return nil
}

// movdiri stores a register of 4 or 8 bytes.
func (x *exec) movdiri() error {
	b := binary.LittleEndian.AppendUint64(nil, *register(&x.regs, x.in.reg))
	return x.write(x.address(), b[:x.baseSize()])
}
