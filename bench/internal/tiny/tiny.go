package tiny

import (
	"bytes"
	"encoding/binary"
)

// Bytes that the guests write to the serial port. No VMM's own chatter has them.
const (
	Begin = 0x02 // the first instructions run
	End   = 0x03 // the loop of port writes is over
)

// Code is the guest's program: it writes Begin, writes outs times to port 0x80,
// writes End if there was anything to write, and asks the i8042 for a reset.
func Code(outs uint32) []byte {
	code := []byte{
		0x66, 0xba, 0xf8, 0x03, // mov dx, 0x3f8     COM1, transmit
		0xb0, Begin, //            mov al, Begin
		0xee, //                   out dx, al
	}
	if outs > 0 {
		code = append(code, 0xb9) // mov ecx, outs
		code = binary.LittleEndian.AppendUint32(code, outs)
		code = append(code,
			0xe6, 0x80, // 1: out 0x80, al
			0xe2, 0xfc, //    loop 1b
			0xb0, End, //     mov al, End
			0xee, //          out dx, al
		)
	}
	return append(code, reset...)
}

// reset pulses the processor's reset line through the keyboard controller, and
// halts where that does nothing.
var reset = []byte{
	0xb0, 0xfe, //     mov al, 0xfe
	0xe6, 0x64, //     out 0x64, al
	0xf4,       //        1: hlt
	0xeb, 0xfd, //     jmp 1b
}

// Addresses within the ELF file and in the guest. One segment holds everything.
const (
	loadAddr = 0x100000
	headers  = 64 + 2*56 // Elf64_Ehdr, two Elf64_Phdr
	noteSize = 12 + 4 + 4
	codeAt   = headers + noteSize
)

// ELF is a 64-bit ELF file with a note that names Code's address to a PVH loader.
func ELF(outs uint32) []byte {
	code := Code(outs)
	size := uint64(codeAt + len(code))
	var b bytes.Buffer
	put := func(v ...any) {
		for _, v := range v {
			// A bytes.Buffer takes everything, and every v has a fixed size.
			_ = binary.Write(&b, binary.LittleEndian, v)
		}
	}
	// Elf64_Ehdr: identification, ET_EXEC, EM_X86_64, version, entry, program and section headers.
	put([]byte{0x7f, 'E', 'L', 'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	put(uint16(2), uint16(62), uint32(1), uint64(loadAddr+codeAt), uint64(64), uint64(0))
	put(uint32(0), uint16(64), uint16(56), uint16(2), uint16(0), uint16(0), uint16(0))
	// Elf64_Phdr: type, flags, offset, virtual and physical address, size in file and memory, alignment.
	put(uint32(1), uint32(7), uint64(0), uint64(loadAddr), uint64(loadAddr), size, size, uint64(0x1000))
	put(uint32(4), uint32(4), uint64(headers), uint64(loadAddr+headers), uint64(loadAddr+headers),
		uint64(noteSize), uint64(noteSize), uint64(4))
	// Note XEN_ELFNOTE_PHYS32_ENTRY (xen/include/public/elfnote.h): sizes, type 18, name, entry.
	put(uint32(4), uint32(4), uint32(18), []byte("Xen\x00"), uint32(loadAddr+codeAt))
	b.Write(code)
	return b.Bytes()
}

// ROM is a firmware image of 64 KiB, mapped below 4 GiB, that runs the same steps as
// Code(0) in real mode.
func ROM() []byte {
	const size, resetVector = 64 << 10, 0xfff0
	rom := bytes.Repeat([]byte{0xf4}, size) // hlt
	code := []byte{
		0xba, 0xf8, 0x03, // mov dx, 0x3f8
		0xb0, Begin, //      mov al, Begin
		0xee, //             out dx, al
	}
	copy(rom, append(code, reset...))
	copy(rom[resetVector:], []byte{0xe9, 0x0d, 0x00}) // jmp 0: 0xfff3 + 0x0d wraps round in 16 bits
	return rom
}
