package assist

import "encoding/binary"

// Instructions that look at segment descriptors, or at the registers that say where those are.
//
// A descriptor (SDM vol. 3, figure 3-8), as one number:
//
//	 0-15 limit 15:0   16-39 base 23:0   40-43 type   44 S   45-46 DPL   47 P
//	48-51 limit 19:16  52 AVL  53 L  54 D/B  55 G     56-63 base 31:24
type descriptor uint64

const (
	selectorTI    = 1 << 2 // the local table
	selectorIndex = 0xfff8

	typeCode       = 1 << 3 // else data
	typeConforming = 1 << 2 // of code
	typeReadWrite  = 1 << 1 // code: readable; data: writable

	// System types in 64-bit mode (table 3-2).
	typeLDT       = 2
	typeTSS       = 9
	typeTSSBusy   = 11
	typeCallGate  = 12
	accessRights  = 0x00ff_ff00 // of the upper half: LAR gives them
	descriptorLen = 8
)

func (d descriptor) typ() uint8   { return uint8(d >> 40 & 15) }
func (d descriptor) system() bool { return d>>44&1 == 0 }
func (d descriptor) dpl() uint8   { return uint8(d >> 45 & 3) }
func (d descriptor) conforming() bool {
	return !d.system() && d.typ()&(typeCode|typeConforming) == typeCode|typeConforming
}

// limit is the last valid offset.
func (d descriptor) limit() uint32 {
	n := uint32(d>>32&0xf_0000 | d&0xffff)
	if d>>55&1 != 0 {
		n = n<<12 | 0xfff
	}
	return n
}

// describe finds the descriptor that a selector names, for an instruction that only asks about it. ok is
// false where the selector names none, or one that neither CPL nor RPL may see.
func (x *exec) describe(selector uint16) (d descriptor, ok bool, err error) {
	if selector&^selectorRPL == 0 {
		return 0, false, nil
	}
	base, limit := x.sregs.GDT.Base, uint32(x.sregs.GDT.Limit)
	if selector&selectorTI != 0 {
		if ldt := &x.sregs.LDT; ldt.Present == 0 || ldt.Unusable != 0 {
			return 0, false, nil
		} else {
			base, limit = ldt.Base, ldt.Limit
		}
	}
	at := uint32(selector & selectorIndex)
	if at+descriptorLen-1 > limit {
		return 0, false, nil
	}
	var b [descriptorLen]byte
	p := supervisor(x.u, &x.sregs)
	if err := p.read(base+uint64(at), b[:]); err != nil {
		return 0, false, err
	}
	d = descriptor(binary.LittleEndian.Uint64(b[:]))
	seen := max(cpl(&x.sregs), uint8(selector&selectorRPL)) <= d.dpl()
	return d, seen || d.conforming(), nil
}

// about is describe for the selector in the r/m operand.
func (x *exec) about() (descriptor, bool, error) {
	sel, err := x.source(2)
	if err != nil {
		return 0, false, err
	}
	return x.describe(uint16(sel))
}

// answer sets ZF and, if that is set, the register that ModRM names.
func (x *exec) answer(yes bool, v uint32) error {
	x.setFlag(flagZF, yes)
	if yes {
		setRegister(&x.regs, x.in.reg, x.in.size(), uint64(v))
	}
	return nil
}

func (x *exec) lar() error {
	d, ok, err := x.about()
	if err != nil {
		return err
	}
	if d.system() {
		switch d.typ() {
		case typeLDT, typeTSS, typeTSSBusy, typeCallGate:
		default:
			ok = false
		}
	}
	return x.answer(ok, uint32(d>>32)&accessRights)
}

func (x *exec) lsl() error {
	d, ok, err := x.about()
	if err != nil {
		return err
	}
	if d.system() {
		switch d.typ() {
		case typeLDT, typeTSS, typeTSSBusy:
		default:
			ok = false
		}
	}
	return x.answer(ok, d.limit())
}

// verr: may the segment be read? Code must say so, data always may.
func (x *exec) verr() error {
	d, ok, err := x.about()
	if err != nil {
		return err
	}
	readable := d.typ()&typeCode == 0 || d.typ()&typeReadWrite != 0
	x.setFlag(flagZF, ok && !d.system() && readable)
	return nil
}

// verw: may it be written? Kernels execute it for its side effect on the CPU's buffers.
func (x *exec) verw() error {
	d, ok, err := x.about()
	if err != nil {
		return err
	}
	x.setFlag(flagZF, ok && !d.system() && d.typ()&(typeCode|typeReadWrite) == typeReadWrite)
	return nil
}

// forUser applies CR4.UMIP, which keeps the five instructions below from programs.
func (x *exec) forUser() error {
	const cr4UMIP = 1 << 11
	if x.cr4&cr4UMIP != 0 && cpl(&x.sregs) != 0 {
		return protection()
	}
	return nil
}

func (x *exec) sldt() error { return x.storeWord(uint64(x.sregs.LDT.Selector)) }
func (x *exec) str() error  { return x.storeWord(uint64(x.sregs.TR.Selector)) }
func (x *exec) smsw() error { return x.storeWord(x.sregs.CR0) }

// storeWord stores two bytes in memory, or as much of v as the operand size says in a register.
func (x *exec) storeWord(v uint64) error {
	if err := x.forUser(); err != nil {
		return err
	}
	if !x.in.mem {
		setRegister(&x.regs, x.in.rm, x.in.size(), v)
		return nil
	}
	return x.write(x.address(), binary.LittleEndian.AppendUint16(nil, uint16(v)))
}

func (x *exec) sgdt() error { return x.storeTable(x.sregs.GDT.Base, x.sregs.GDT.Limit) }
func (x *exec) sidt() error { return x.storeTable(x.sregs.IDT.Base, x.sregs.IDT.Limit) }

func (x *exec) storeTable(base uint64, limit uint16) error {
	if err := x.forUser(); err != nil {
		return err
	}
	b := binary.LittleEndian.AppendUint16(nil, limit)
	return x.write(x.address(), binary.LittleEndian.AppendUint64(b, base))
}
