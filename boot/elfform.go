package boot

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// What a loader reads of an ELF file (System V ABI, gabi chapters 4 and 5), of 64 and of 32 bits. The latter is for PVH alone:
//
//	file header                              program header
//	64    32                                 64         32
//	0x00  0x00       "\x7fELF"               0x00       0x00  u32  type
//	0x04  0x04  u8   class: 2, or 1          0x08  u64  0x04  u32  offset in the file
//	0x05  0x05  u8   data: 1 = little end    0x10  u64  0x08  u32  virtual address
//	0x12  0x12  u16  machine: 62, or 3       0x18  u64  0x0c  u32  physical address
//	0x18  0x18  u64  entry point (u32)       0x20  u64  0x10  u32  size in the file
//	0x20  0x1c  u64  program headers (u32)   0x28  u64  0x14  u32  size in memory; the rest is zero
//	0x36  0x2a  u16  size of one             0x30  u64  0x1c  u32  alignment
//	0x38  0x2c  u16  how many
const (
	elfMagic       = "\x7fELF"
	elfHeaderLen   = 0x40
	elf32HeaderLen = 0x34
	elfClass32     = 1
	elfClass64     = 2
	elfLittle      = 1
	elf386         = 3
	elfAMD64       = 62
	elfPhdrLen     = 0x38
	elf32PhdrLen   = 0x20
	elfMaxPhdrs    = 256
	elfPTLoad      = 1
	elfPTInterp    = 3
	elfPTNote      = 4
	elfPTTLS       = 7
)

// elfForm is where the fields of one class of files are.
type elfForm struct {
	headerLen, phdrLen uint64
	entry              func(h []byte) uint64
	programHeaders     func(h []byte) (off, size, n uint64)
	segment            func(h []byte) segment
}

// elfFormOf refuses what is not an ELF file for x86, and gives the form of one.
func elfFormOf(thing string, h []byte) (elfForm, error) {
	switch {
	case !bytes.HasPrefix(h, []byte(elfMagic)):
		return elfForm{}, notKernel(thing, "is not an ELF file")
	case h[5] != elfLittle:
		return elfForm{}, notKernel(thing, "is a big-endian ELF file, not one for x86-64")
	}
	machine := elfMachine(h)
	switch {
	case h[4] == elfClass32 && (machine == elf386 || machine == elfAMD64):
		return elf32Form(), nil
	case machine != elfAMD64:
		return elfForm{}, notKernel(thing, "is an ELF file for %s, not for x86-64", machineName(machine))
	case h[4] != elfClass64:
		return elfForm{}, notKernel(thing, "is an ELF file of class %d, neither of 32 nor of 64 bits", h[4])
	}
	return elf64Form(), nil
}

func elfMachine(h []byte) uint16 { return binary.LittleEndian.Uint16(h[0x12:]) }

func elf64Form() elfForm {
	le := binary.LittleEndian
	return elfForm{
		headerLen: elfHeaderLen, phdrLen: elfPhdrLen,
		entry: func(h []byte) uint64 { return le.Uint64(h[0x18:]) },
		programHeaders: func(h []byte) (off, size, n uint64) {
			return le.Uint64(h[0x20:]), uint64(le.Uint16(h[0x36:])), uint64(le.Uint16(h[0x38:]))
		},
		segment: func(b []byte) segment {
			return segment{
				kind: le.Uint32(b), off: le.Uint64(b[0x8:]),
				vaddr: le.Uint64(b[0x10:]), paddr: le.Uint64(b[0x18:]),
				filesz: le.Uint64(b[0x20:]), memsz: le.Uint64(b[0x28:]), align: le.Uint64(b[0x30:]),
			}
		},
	}
}

func elf32Form() elfForm {
	at := func(b []byte, off int) uint64 { return uint64(binary.LittleEndian.Uint32(b[off:])) }
	return elfForm{
		headerLen: elf32HeaderLen, phdrLen: elf32PhdrLen,
		entry: func(h []byte) uint64 { return at(h, 0x18) },
		programHeaders: func(h []byte) (off, size, n uint64) {
			le := binary.LittleEndian
			return at(h, 0x1c), uint64(le.Uint16(h[0x2a:])), uint64(le.Uint16(h[0x2c:]))
		},
		segment: func(b []byte) segment {
			return segment{
				kind: binary.LittleEndian.Uint32(b), off: at(b, 0x4),
				vaddr: at(b, 0x8), paddr: at(b, 0xc),
				filesz: at(b, 0x10), memsz: at(b, 0x14), align: at(b, 0x1c),
			}
		},
	}
}

// machineName names the architectures that people confuse with x86-64.
func machineName(machine uint16) string {
	switch machine {
	case elf386:
		return "32-bit x86"
	case 20, 21:
		return "PowerPC"
	case 22:
		return "s390"
	case 40:
		return "arm"
	case 183:
		return "aarch64"
	case 243:
		return "RISC-V"
	case 258:
		return "LoongArch"
	}
	return fmt.Sprintf("machine %d", machine)
}
