package assist

import "encoding/binary"

// maxInsn is the longest instruction there is, in bytes (SDM vol. 2, section 2.3.11).
const maxInsn = 15

// Opcode maps, as the high byte of insn.op.
const (
	map1    = 0x0000 // one byte
	map0F   = 0x0f00
	map38   = 0x3800 // 0F 38
	vexMaps = 0xc000 // with a VEX prefix; map number m is m << 8 further
	vex0F   = vexMaps + 1<<8
	vex38   = vexMaps + 2<<8
	vex3A   = vexMaps + 3<<8
	escape  = 0x0f
)

// Prefixes (SDM vol. 2, section 2.1.1). The last one of F2 and F3, or else 66, selects the form.
const (
	prefixNone = 0
	prefix66   = 0x66
	prefixF2   = 0xf2
	prefixF3   = 0xf3
	prefixFS   = 0x64
	prefixGS   = 0x65
	prefix67   = 0x67
	prefixLock = 0xf0
	rexW       = 1 << 3
	rexR       = 1 << 2
	rexX       = 1 << 1
	rexB       = 1 << 0
)

// Values of insn.base and insn.index that are no general register.
const (
	regNone = -1
	regRIP  = -2
)

// insn is one decoded instruction, 64-bit mode.
//
//	[prefixes] [REX] opcode ModRM [SIB] [disp8 | disp32] [imm8]
//	[segment, 67] VEX opcode ModRM [SIB] [disp8 | disp32] [imm8]
type insn struct {
	len    int
	op     uint16 // map | opcode byte
	prefix byte   // prefixNone, prefix66, prefixF2 or prefixF3
	opsize bool   // 66 is present, even beside F3
	seg    byte   // prefixFS, prefixGS or 0
	addr32 bool
	rex    byte

	modrm       byte
	reg, rm     int  // register numbers with their REX bits
	mem         bool // ModRM names memory
	base, index int
	scale       uint
	disp        int64
	vvvv        int  // the further register that a VEX prefix names
	long        bool // VEX.L
	imm         byte // of RORX and INT
}

// digit is ModRM.reg as an opcode extension: "/4".
func (in *insn) digit() byte { return in.modrm >> 3 & 7 }

// size is the operand size in bytes.
func (in *insn) size() int {
	switch {
	case in.rex&rexW != 0:
		return 8
	case in.opsize:
		return 2
	}
	return 4
}

// cursor reads bytes one after another. Past the end it gives zeros and remembers that it did.
type cursor struct {
	b    []byte
	at   int
	over bool
}

func (c *cursor) peek() byte {
	if c.at >= len(c.b) {
		c.over = true
		return 0
	}
	return c.b[c.at]
}

func (c *cursor) next() byte {
	v := c.peek()
	c.at++
	return v
}

func (c *cursor) disp32() int64 {
	var d [4]byte
	for i := range d {
		d[i] = c.next()
	}
	return int64(int32(binary.LittleEndian.Uint32(d[:])))
}

// decode understands the opcodes of the table alone: INT3, INT n, FWAIT and DB, and those of the maps 0F and
// 0F 38 and of VEX, all of which, but for UD2 and EMMS, are taken to have a ModRM byte. ok is false for all
// else and for code that ends too early.
func decode(code []byte) (in insn, ok bool) {
	c := &cursor{b: code[:min(len(code), maxInsn)]}
	in = insn{base: regNone, index: regNone}
	locked := in.prefixes(c)
	op := c.next()
	switch {
	case op == opVEX2 || op == opVEX3:
		if in.prefix != prefixNone || in.rex != 0 || locked {
			return in, false // #UD (SDM vol. 2, section 2.3.2 and on)
		}
		in.vex(c, op)
	case op == opINT:
		in.op, in.imm = map1|uint16(op), c.next()
	case op == opINT3 || op == opFWAIT:
		in.op = map1 | uint16(op)
	case op == opX87DB:
		in.op = map1 | uint16(op)
		in.operands(c)
	case op != escape:
		return in, false
	default:
		in.op = map0F | uint16(c.next())
		if in.op == map0F|0x38 {
			in.op = map38 | uint16(c.next())
		}
		if in.op != map0F|opUD2 && in.op != map0F|opEMMS {
			in.operands(c)
		}
	}
	in.len = c.at
	return in, !c.over && (!locked || in.op == map0F|opCMPXCHG16B)
}

// Opcodes that are told apart before the table.
const (
	opUD2        = 0x0b // after 0F
	opCMPXCHG16B = 0xc7 // after 0F; the only one here that LOCK may precede
	opEMMS       = 0x77 // after 0F
	opX87DB      = 0xdb
	opFWAIT      = 0x9b
	opVEX3       = 0xc4
	opVEX2       = 0xc5
	opINT3       = 0xcc
	opINT        = 0xcd
)

// vex reads the rest of a VEX prefix and the instruction behind it (SDM vol. 2, figure 2-9). R, X, B and
// vvvv are stored inverted.
//
//	c5  R vvvv L pp
//	c4  R X B mmmmm  W vvvv L pp
func (in *insn) vex(c *cursor, first byte) {
	p := c.next()
	in.op = vex0F
	in.rex = ^p >> 5 & rexR
	if first == opVEX3 {
		in.rex = ^p >> 5 & (rexR | rexX | rexB)
		in.op = vexMaps + uint16(p&0x1f)<<8
		p = c.next()
		in.rex |= p >> 4 & rexW
	}
	in.vvvv = int(^p >> 3 & 15)
	in.long = p&4 != 0
	in.prefix = [4]byte{prefixNone, prefix66, prefixF3, prefixF2}[p&3]
	in.op |= uint16(c.next())
	in.operands(c)
	if in.op&0xff00 == vex3A {
		in.imm = c.next()
	}
}

// prefixes reads what comes before the opcode, and says whether LOCK is among it.
func (in *insn) prefixes(c *cursor) (locked bool) {
	for ; ; c.at++ {
		switch p := c.peek(); p {
		case prefix66:
			in.opsize = true
			if in.prefix == prefixNone {
				in.prefix = prefix66
			}
		case prefixF2, prefixF3:
			in.prefix = p
		case prefixFS, prefixGS:
			in.seg = p
		case prefix67:
			in.addr32 = true
		case prefixLock:
			locked = true
		case 0x2e, 0x36, 0x3e, 0x26: // CS, SS, DS, ES: no meaning in 64-bit mode
		default:
			if p&0xf0 == 0x40 {
				in.rex = p
				c.at++
			}
			return locked
		}
	}
}

func (in *insn) operands(c *cursor) {
	in.modrm = c.next()
	mod, rm := in.modrm>>6, int(in.modrm&7)
	in.reg = int(in.digit()) | in.extend(rexR)
	in.rm = rm | in.extend(rexB)
	if mod == 3 {
		return
	}
	in.mem = true
	in.base = in.rm
	switch {
	case rm == 4:
		in.sib(c, mod)
	case rm == 5 && mod == 0:
		in.base = regRIP
		in.disp = c.disp32()
	}
	switch mod {
	case 1:
		in.disp = int64(int8(c.next()))
	case 2:
		in.disp = c.disp32()
	}
}

// sib reads scale, index and base (SDM vol. 2, table 2-3).
func (in *insn) sib(c *cursor, mod byte) {
	s := c.next()
	in.scale = uint(s >> 6)
	if i := int(s>>3&7) | in.extend(rexX); i != 4 {
		in.index = i
	}
	in.base = int(s&7) | in.extend(rexB)
	if s&7 == 5 && mod == 0 {
		in.base = regNone
		in.disp = c.disp32()
	}
}

// extend gives bit 3 of a register number.
func (in *insn) extend(bit byte) int {
	if in.rex&bit != 0 {
		return 8
	}
	return 0
}
