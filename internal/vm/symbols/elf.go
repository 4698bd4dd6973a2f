package symbols

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
)

// AddTo gives an ELF file, a kernel whose symbols were stripped, with the symbols of the table. They are appended, with a new table of
// sections at the end; what there was stays where it is.
func (t Table) AddTo(kernel []byte) ([]byte, error) {
	var h elf.Header64
	if _, err := binary.Decode(kernel, binary.LittleEndian, &h); err != nil {
		return nil, errors.New("too short for an ELF file")
	}
	ours := [...]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB)}
	if !bytes.HasPrefix(h.Ident[:], ours[:]) || h.Machine != uint16(elf.EM_X86_64) {
		return nil, errors.New("not an ELF file for x86-64")
	}
	sections, err := sectionHeaders(kernel, &h)
	if err != nil {
		return nil, err
	}
	b := bytes.NewBuffer(bytes.Clone(kernel))
	add := func(s elf.Section64, content []byte) {
		for b.Len()%8 != 0 {
			b.WriteByte(0)
		}
		s.Off, s.Size = uint64(b.Len()), uint64(len(content))
		b.Write(content)
		sections = append(sections, s)
	}
	names := bytes.Clone(kernel[sections[h.Shstrndx].Off:][:sections[h.Shstrndx].Size])
	at := uint32(len(names))
	names = append(names, ".symtab\x00.strtab\x00.shstrtab\x00"...)
	first := uint32(len(sections))
	syms, strings := t.encode(sections)
	const symSize, align = 24, 8
	add(elf.Section64{Name: at, Type: uint32(elf.SHT_SYMTAB), Link: first + 1, Info: 1, Addralign: align, Entsize: symSize}, syms)
	add(elf.Section64{Name: at + 8, Type: uint32(elf.SHT_STRTAB), Addralign: 1}, strings)
	add(elf.Section64{Name: at + 16, Type: uint32(elf.SHT_STRTAB), Addralign: 1}, names)
	h.Shoff, h.Shnum, h.Shstrndx = uint64(b.Len()), uint16(len(sections)), uint16(first+2)
	if err := binary.Write(b, binary.LittleEndian, sections); err != nil {
		return nil, err
	}
	out := b.Bytes()
	_, err = binary.Encode(out, binary.LittleEndian, &h) // in the place of the old header
	return out, err
}

func sectionHeaders(kernel []byte, h *elf.Header64) ([]elf.Section64, error) {
	list := make([]elf.Section64, h.Shnum)
	size := uint64(binary.Size(list))
	if h.Shstrndx >= h.Shnum || h.Shoff > uint64(len(kernel)) || size > uint64(len(kernel))-h.Shoff {
		return nil, fmt.Errorf("its table of %d sections is not in it", h.Shnum)
	}
	if _, err := binary.Decode(kernel[h.Shoff:], binary.LittleEndian, list); err != nil {
		return nil, err
	}
	if names := &list[h.Shstrndx]; names.Off > uint64(len(kernel)) || names.Size > uint64(len(kernel))-names.Off {
		return nil, errors.New("its sections' names are not in it")
	}
	return list, nil
}

// encode makes a symbol table and its strings. A symbol is as long as the way to the next, within its section.
func (t Table) encode(sections []elf.Section64) (syms, strings []byte) {
	strings = []byte{0}
	syms, _ = binary.Append(syms, binary.LittleEndian, elf.Sym64{}) // a struct of fixed size
	for i, s := range t {
		index := sectionAt(sections, s.Addr)
		if index == 0 {
			continue
		}
		end := sections[index].Addr + sections[index].Size
		for _, next := range t[i+1:] {
			if next.Addr > s.Addr {
				end = min(end, next.Addr)
				break
			}
		}
		kind := elf.STT_OBJECT
		if s.code() {
			kind = elf.STT_FUNC
		}
		syms, _ = binary.Append(syms, binary.LittleEndian, elf.Sym64{
			Name: uint32(len(strings)), Info: elf.ST_INFO(elf.STB_GLOBAL, kind), Shndx: uint16(index), Value: s.Addr, Size: end - s.Addr,
		})
		strings = append(append(strings, s.Name...), 0)
	}
	return syms, strings
}

// sectionAt is the section that is loaded at an address; 0: none.
func sectionAt(sections []elf.Section64, addr uint64) int {
	for i, s := range sections {
		if s.Flags&uint64(elf.SHF_ALLOC) != 0 && s.Addr != 0 && addr >= s.Addr && addr-s.Addr < s.Size {
			return i
		}
	}
	return 0
}
