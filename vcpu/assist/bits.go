package assist

import "math/bits"

// BMI1, BMI2, ADX and CRC32: arithmetic on general registers (SDM vol. 2). A kernel picks these forms at
// run time, some of its parts by asking CPUID themselves, so that no command line keeps them away. Flags
// that the manual leaves undefined stay as they are.

const (
	flagSF = 1 << 7
	flagOF = 1 << 11
)

// result stores v in the general register i and sets the flags of a result: ZF and SF by v, CF, OF clear.
func (x *exec) result(i int, v uint64, carry bool) {
	size := x.in.size()
	setRegister(&x.regs, i, size, v)
	v &= ones(size)
	x.regs.RFLAGS &^= flagZF | flagSF | flagOF | flagCF
	x.setFlag(flagZF, v == 0)
	x.setFlag(flagSF, v>>(8*size-1) != 0)
	x.setFlag(flagCF, carry)
}

func (x *exec) setFlag(flag uint64, on bool) {
	x.regs.RFLAGS &^= flag
	if on {
		x.regs.RFLAGS |= flag
	}
}

// ones is the greatest number of size bytes.
func ones(size int) uint64 { return ^uint64(0) >> (64 - 8*size) }

// operands gives the r/m operand and the register that VEX.vvvv names, both cut to the operand size.
func (x *exec) operands() (rm, v uint64, err error) {
	if x.in.long {
		return 0, 0, undefined()
	}
	rm, err = x.source(x.in.size())
	return rm, *register(&x.regs, x.in.vvvv) & ones(x.in.size()), err
}

func (x *exec) andn() error {
	rm, v, err := x.operands()
	if err != nil {
		return err
	}
	x.result(x.in.reg, ^v&rm, false)
	return nil
}

// bextr extracts length bits (vvvv[15:8]) from bit start (vvvv[7:0]) on.
func (x *exec) bextr() error {
	rm, v, err := x.operands()
	if err != nil {
		return err
	}
	before := x.regs.RFLAGS
	r := rm >> (v & 0xff) & (1<<(v>>8&0xff) - 1)
	x.result(x.in.reg, r, false)
	x.setFlag(flagSF, before&flagSF != 0)
	return nil
}

// lowest is BLSR (/1), BLSMSK (/2) and BLSI (/3), whose destination is vvvv.
func (x *exec) lowest() error {
	rm, _, err := x.operands()
	if err != nil {
		return err
	}
	switch x.in.digit() {
	case 1:
		x.result(x.in.vvvv, rm&(rm-1), rm == 0)
	case 2:
		x.result(x.in.vvvv, rm^(rm-1), rm == 0)
	default:
		x.result(x.in.vvvv, rm&-rm, rm != 0)
	}
	return nil
}

// bzhi clears the bits from number vvvv[7:0] on.
func (x *exec) bzhi() error {
	rm, v, err := x.operands()
	if err != nil {
		return err
	}
	n, width := v&0xff, uint64(8*x.in.size())
	x.result(x.in.reg, rm&(1<<n-1), n > width-1)
	return nil
}

func (x *exec) mulx() error {
	rm, _, err := x.operands()
	if err != nil {
		return err
	}
	size := x.in.size()
	hi, lo := bits.Mul64(x.regs.RDX&ones(size), rm)
	if size == 4 {
		hi = lo >> 32
	}
	setRegister(&x.regs, x.in.vvvv, size, lo)
	setRegister(&x.regs, x.in.reg, size, hi)
	return nil
}

// pdep spreads the low bits of vvvv over the places that r/m names.
func (x *exec) pdep() error {
	mask, v, err := x.operands()
	if err != nil {
		return err
	}
	var r uint64
	for ; mask != 0; mask &= mask - 1 {
		if v&1 != 0 {
			r |= mask & -mask
		}
		v >>= 1
	}
	setRegister(&x.regs, x.in.reg, x.in.size(), r)
	return nil
}

// pext gathers the bits of vvvv at the places that r/m names.
func (x *exec) pext() error {
	mask, v, err := x.operands()
	if err != nil {
		return err
	}
	var r uint64
	for i := 0; mask != 0; mask &= mask - 1 {
		r |= v >> bits.TrailingZeros64(mask) & 1 << i
		i++
	}
	setRegister(&x.regs, x.in.reg, x.in.size(), r)
	return nil
}

func (x *exec) rorx() error {
	if x.in.vvvv != 0 {
		return undefined()
	}
	rm, _, err := x.operands()
	if err != nil {
		return err
	}
	size := x.in.size()
	n := uint(x.in.imm) & uint(8*size-1)
	setRegister(&x.regs, x.in.reg, size, rm>>n|rm<<(uint(8*size)-n))
	return nil
}

// shiftx is SHLX (66), SHRX (F2) and SARX (F3): shifts by vvvv that leave the flags alone.
func (x *exec) shiftx() error {
	rm, v, err := x.operands()
	if err != nil {
		return err
	}
	size := x.in.size()
	n := v & uint64(8*size-1)
	switch x.in.prefix {
	case prefix66:
		rm <<= n
	case prefixF2:
		rm >>= n
	default:
		signed := int64(rm)
		if size == 4 {
			signed = int64(int32(rm))
		}
		rm = uint64(signed >> n)
	}
	setRegister(&x.regs, x.in.reg, size, rm)
	return nil
}

func (x *exec) adcx() error { return x.addCarry(flagCF) }
func (x *exec) adox() error { return x.addCarry(flagOF) }

// addCarry adds with one flag as the carry, in and out.
func (x *exec) addCarry(flag uint64) error {
	size := x.baseSize()
	rm, err := x.source(size)
	if err != nil {
		return err
	}
	var in uint64
	if x.regs.RFLAGS&flag != 0 {
		in = 1
	}
	sum, out := bits.Add64(*register(&x.regs, x.in.reg)&ones(size), rm, in)
	if size == 4 {
		out = sum >> 32
	}
	setRegister(&x.regs, x.in.reg, size, sum)
	x.setFlag(flag, out != 0)
	return nil
}

func (x *exec) tzcnt() error { return x.countZeros(bits.TrailingZeros64) }
func (x *exec) lzcnt() error {
	unused := 64 - 8*x.in.size()
	return x.countZeros(func(v uint64) int { return bits.LeadingZeros64(v) - unused })
}

// countZeros is TZCNT and LZCNT: CF says that there was no bit to be found.
func (x *exec) countZeros(zeros func(uint64) int) error {
	size := x.in.size()
	v, err := x.source(size)
	if err != nil {
		return err
	}
	n := min(zeros(v), 8*size)
	setRegister(&x.regs, x.in.reg, size, uint64(n))
	x.setFlag(flagCF, v == 0)
	x.setFlag(flagZF, n == 0)
	return nil
}

// crc32 adds 1 to 8 bytes to a CRC-32C, bit by bit: it is seldom met, since sse4_2 is cleared.
func (x *exec) crc32() error {
	const castagnoli = 0x82f63b78 // 0x11edc6f41, reflected
	size := x.in.size()
	if x.in.op&0xff == 0xf0 {
		size = 1
	}
	v, err := x.byteSource(size)
	if err != nil {
		return err
	}
	crc := uint32(*register(&x.regs, x.in.reg))
	for ; size > 0; size-- {
		crc ^= uint32(v & 0xff)
		for range 8 {
			crc = crc>>1 ^ castagnoli&-(crc&1)
		}
		v >>= 8
	}
	setRegister(&x.regs, x.in.reg, 8, uint64(crc))
	return nil
}

// byteSource is source, whose one-byte registers without REX are AL, CL, DL, BL, AH, CH, DH, BH.
func (x *exec) byteSource(size int) (uint64, error) {
	high := size == 1 && !x.in.mem && x.in.rex == 0 && x.in.rm >= 4
	if !high {
		return x.source(size)
	}
	return *register(&x.regs, x.in.rm-4) >> 8 & 0xff, nil
}
