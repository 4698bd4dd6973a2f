package symbols

import (
	"bytes"
	"cmp"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"sort"
)

// AddTo gives an ELF file, a kernel whose symbols were stripped, with the symbols of the table. They are appended, with a new table of
// sections at the end; what there was stays where it is.
func (t Table) AddTo(kernel []byte) ([]byte, error) {
	var h elf.Header64
	if _, err := binary.Decode(kernel, binary.LittleEndian, &h); err != nil {
		return nil, errors.New("too short for an ELF file")
	}
	ident := [...]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB)}
	if !bytes.HasPrefix(h.Ident[:], ident[:]) || h.Machine != uint16(elf.EM_X86_64) {
		return nil, errors.New("not an ELF file for x86-64")
	}
	sections, err := sectionHeaders(kernel, &h)
	if err != nil {
		return nil, err
	}
	const ours = 3 // sections that come with a table of symbols
	if len(sections)+ours >= int(elf.SHN_LORESERVE) {
		return nil, fmt.Errorf("%d sections: with its symbols they were too many for an ELF file of this kind", len(sections))
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
	ends := t.ends()
	loaded := byAddress(sections)
	strings = []byte{0}
	syms, _ = binary.Append(syms, binary.LittleEndian, elf.Sym64{}) // a struct of fixed size
	for i, s := range t {
		index := loaded.at(s.Addr)
		if index == 0 {
			continue
		}
		size := min(ends[i]-s.Addr, sections[index].Size-(s.Addr-sections[index].Addr))
		kind := elf.STT_OBJECT
		if s.code() {
			kind = elf.STT_FUNC
		}
		syms, _ = binary.Append(syms, binary.LittleEndian, elf.Sym64{
			Name: uint32(len(strings)), Info: elf.ST_INFO(elf.STB_GLOBAL, kind), Shndx: uint16(index), Value: s.Addr, Size: size,
		})
		strings = append(append(strings, s.Name...), 0)
	}
	return syms, strings
}

// ends are the addresses of the next symbols that are further on, found from the end, since there may be many at one address.
func (t Table) ends() []uint64 {
	ends := make([]uint64, len(t))
	next := uint64(math.MaxUint64)
	for i := len(t) - 1; i >= 0; i-- {
		if i+1 < len(t) && t[i+1].Addr > t[i].Addr {
			next = t[i+1].Addr
		}
		ends[i] = next
	}
	return ends
}

// loaded are the sections that are somewhere in memory, in the order of their addresses.
type loaded []place

type place struct {
	addr, size uint64
	index      int // in the file's table
}

func byAddress(sections []elf.Section64) (list loaded) {
	for i, s := range sections {
		if s.Flags&uint64(elf.SHF_ALLOC) != 0 && s.Addr != 0 && s.Size != 0 {
			list = append(list, place{s.Addr, s.Size, i})
		}
	}
	slices.SortStableFunc(list, func(a, b place) int { return cmp.Compare(a.addr, b.addr) })
	return list
}

// at is the section at an address; 0: none.
func (list loaded) at(addr uint64) int {
	behind := sort.Search(len(list), func(i int) bool { return list[i].addr > addr })
	if behind == 0 {
		return 0
	}
	if s := list[behind-1]; addr-s.addr < s.size {
		return s.index
	}
	return 0
}
