package tiny

import (
	"bytes"
	"encoding/binary"
)

// Addresses of the image: one segment holds the headers, the note, the code, and
// from the next page on what the code needs.
const (
	loadAddr = 0x100000
	pageSize = 0x1000
	headers  = 64 + 2*56 // Elf64_Ehdr, two Elf64_Phdr
	noteSize = 12 + 4 + 4
	codeAt   = headers + noteSize
	codeAddr = loadAddr + codeAt
)

// image is a 64-bit ELF file with a note that names the code's address to a PVH
// loader.
func image(code, data []byte) []byte {
	size := uint64(codeAt + len(code))
	if len(data) > 0 {
		size = uint64(pageSize + len(data))
	}
	var b bytes.Buffer
	put := func(values ...any) {
		for _, v := range values {
			// A bytes.Buffer takes everything, and every v has a fixed size.
			_ = binary.Write(&b, binary.LittleEndian, v)
		}
	}
	// Elf64_Ehdr: identification, ET_EXEC, EM_X86_64, version, entry, program and section headers.
	put([]byte{0x7f, 'E', 'L', 'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	put(uint16(2), uint16(62), uint32(1), uint64(codeAddr), uint64(64), uint64(0))
	put(uint32(0), uint16(64), uint16(56), uint16(2), uint16(0), uint16(0), uint16(0))
	// Elf64_Phdr: type, flags, offset, virtual and physical address, size in file and memory, alignment.
	put(uint32(1), uint32(7), uint64(0), uint64(loadAddr), uint64(loadAddr), size, size, uint64(pageSize))
	put(uint32(4), uint32(4), uint64(headers), uint64(loadAddr+headers), uint64(loadAddr+headers),
		uint64(noteSize), uint64(noteSize), uint64(4))
	// Note XEN_ELFNOTE_PHYS32_ENTRY (xen/include/public/elfnote.h): sizes, type 18, name, entry.
	put(uint32(4), uint32(4), uint32(18), []byte("Xen\x00"), uint32(codeAddr))
	b.Write(code)
	out := b.Bytes()
	if len(data) > 0 {
		out = append(append(out, make([]byte, pageSize-len(out))...), data...)
	}
	return out
}
