package assist

import (
	"encoding/binary"

	"terem/kvm"
)

// register points at general register i in the order of the instruction set: RAX, RCX, RDX, RBX,
// RSP, RBP, RSI, RDI, R8 to R15.
func register(r *kvm.Regs, i int) *uint64 {
	return [16]*uint64{
		&r.RAX, &r.RCX, &r.RDX, &r.RBX, &r.RSP, &r.RBP, &r.RSI, &r.RDI,
		&r.R8, &r.R9, &r.R10, &r.R11, &r.R12, &r.R13, &r.R14, &r.R15,
	}[i&15]
}

// setRegister writes size bytes of a register: four clear the upper half, two leave the rest.
func setRegister(r *kvm.Regs, i, size int, v uint64) {
	p := register(r, i)
	switch size {
	case 8:
		*p = v
	case 4:
		*p = uint64(uint32(v))
	default:
		*p = *p&^0xffff | v&0xffff
	}
}

// address is the linear address of the memory operand.
func (x *exec) address() uint64 {
	in := &x.in
	a := uint64(in.disp)
	switch in.base {
	case regNone:
	case regRIP:
		a += x.regs.RIP + uint64(in.len)
	default:
		a += *register(&x.regs, in.base)
	}
	if in.index != regNone {
		a += *register(&x.regs, in.index) << in.scale
	}
	return x.segment(a)
}

// segment turns an offset into a linear address: in 64-bit mode FS and GS alone have a base.
func (x *exec) segment(a uint64) uint64 {
	if x.in.addr32 {
		a = uint64(uint32(a))
	}
	switch x.in.seg {
	case prefixFS:
		a += x.sregs.FS.Base
	case prefixGS:
		a += x.sregs.GS.Base
	}
	return a
}

// source reads size bytes, at most 8, of the r/m operand.
func (x *exec) source(size int) (uint64, error) {
	var b [8]byte
	if !x.in.mem {
		binary.LittleEndian.PutUint64(b[:], *register(&x.regs, x.in.rm))
		clear(b[size:])
	} else if err := x.read(x.address(), b[:size]); err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(b[:]), nil
}
