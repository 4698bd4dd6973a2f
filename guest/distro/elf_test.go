package distro

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
)

// moduleELF is an object file with a section .modinfo and the names of the sections, no more.
func moduleELF(info string) []byte {
	const names = "\x00.modinfo\x00.shstrtab\x00"
	const headerLen, sectionLen = 64, 64
	at := uint64(headerLen + 3*sectionLen)
	h := elf.Header64{Type: uint16(elf.ET_REL), Machine: uint16(elf.EM_X86_64), Version: uint32(elf.EV_CURRENT),
		Shoff: headerLen, Ehsize: headerLen, Shentsize: sectionLen, Shnum: 3, Shstrndx: 2}
	copy(h.Ident[:], "\x7fELF\x02\x01\x01")
	sections := []elf.Section64{
		{},
		{Name: 1, Type: uint32(elf.SHT_PROGBITS), Off: at, Size: uint64(len(info))},
		{Name: 10, Type: uint32(elf.SHT_STRTAB), Off: at + uint64(len(info)), Size: uint64(len(names))},
	}
	var b bytes.Buffer
	for _, part := range []any{h, sections, []byte(info), []byte(names)} {
		if err := binary.Write(&b, binary.LittleEndian, part); err != nil {
			panic(err) // fixed-size values into memory
		}
	}
	return b.Bytes()
}
