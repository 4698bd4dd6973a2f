package boot

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"terem/memory"
)

// What a loader reads of an ELF64 file (System V ABI, gabi chapters 4 and 5):
//
//	file header                        program header
//	0x00  "\x7fELF"                    0x00  u32  type
//	0x04  u8   class: 2 = 64-bit       0x08  u64  offset in the file
//	0x05  u8   data: 1 = little end    0x10  u64  virtual address
//	0x12  u16  machine: 62 = x86-64    0x18  u64  physical address
//	0x18  u64  entry point             0x20  u64  size in the file
//	0x20  u64  program headers         0x28  u64  size in memory; the rest is zero
//	0x36  u16  size of one             0x30  u64  alignment
//	0x38  u16  how many
const (
	elfMagic     = "\x7fELF"
	elfHeaderLen = 0x40
	elfClass64   = 2
	elfLittle    = 1
	elfAMD64     = 62
	elfPhdrLen   = 0x38
	elfMaxPhdrs  = 256
	elfPTLoad    = 1
	elfPTInterp  = 3
	elfPTNote    = 4
	elfPTTLS     = 7
)

// segment is one program header.
type segment struct {
	kind         uint32
	off          uint64
	vaddr, paddr uint64
	filesz       uint64
	memsz        uint64
	align        uint64
}

// elfImage is what a loader needs to know of an ELF file. All its loadable segments lie within the
// file, in the order of their offsets; where they lie in memory is not checked yet.
type elfImage struct {
	thing string
	entry memory.Addr // physical
	loads []segment
	notes []segment

	program bool // it has what programs of an operating system have, and kernels have not
}

// parseELF reads and checks the headers of the ELF64 file in r, which is size bytes long.
func parseELF(thing string, r io.ReaderAt, size uint64) (*elfImage, error) {
	h := make([]byte, elfHeaderLen)
	if err := readFull(r, h, 0); err != nil {
		return nil, truncated(thing, err, "cannot read the ELF header")
	}
	if err := checkIdent(thing, h); err != nil {
		return nil, err
	}
	le := binary.LittleEndian
	off, n := le.Uint64(h[0x20:]), uint64(le.Uint16(h[0x38:]))
	if n == 0 {
		return nil, notKernel(thing, "is an ELF file without loadable segments")
	}
	if le.Uint16(h[0x36:]) != elfPhdrLen || n > elfMaxPhdrs {
		return nil, notKernel(thing, "has %d program headers of %d bytes", n, le.Uint16(h[0x36:]))
	}
	table := make([]byte, n*elfPhdrLen)
	if off > size || uint64(len(table)) > size-off {
		return nil, truncated(thing, nil, "the file ends before its program headers")
	}
	if err := readFull(r, table, int64(off)); err != nil {
		return nil, truncated(thing, err, "cannot read the program headers")
	}
	e := &elfImage{thing: thing}
	for ; len(table) > 0; table = table[elfPhdrLen:] {
		if err := e.add(parseSegment(table), size); err != nil {
			return nil, err
		}
	}
	return e, e.finish(le.Uint64(h[0x18:]))
}

// checkIdent refuses what is not an ELF64 file for x86-64.
func checkIdent(thing string, h []byte) error {
	switch {
	case !bytes.HasPrefix(h, []byte(elfMagic)):
		return notKernel(thing, "is not an ELF file")
	case h[5] != elfLittle:
		return notKernel(thing, "is a big-endian ELF file, not one for x86-64")
	}
	if machine := binary.LittleEndian.Uint16(h[0x12:]); machine != elfAMD64 {
		return notKernel(thing, "is an ELF file for %s, not for x86-64", machineName(machine))
	}
	if h[4] != elfClass64 {
		return notKernel(thing, "is a 32-bit ELF file")
	}
	return nil
}

// machineName names the architectures that people confuse with x86-64.
func machineName(machine uint16) string {
	switch machine {
	case 3:
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

func parseSegment(b []byte) segment {
	le := binary.LittleEndian
	return segment{
		kind: le.Uint32(b), off: le.Uint64(b[0x8:]),
		vaddr: le.Uint64(b[0x10:]), paddr: le.Uint64(b[0x18:]),
		filesz: le.Uint64(b[0x20:]), memsz: le.Uint64(b[0x28:]), align: le.Uint64(b[0x30:]),
	}
}

// add keeps a segment that a loader has a use for.
func (e *elfImage) add(s segment, size uint64) error {
	if s.kind == elfPTInterp || s.kind == elfPTTLS {
		e.program = true
	}
	if s.kind != elfPTLoad && s.kind != elfPTNote {
		return nil
	}
	if s.off > size || s.filesz > size-s.off {
		return truncated(e.thing, nil, "a segment, %d bytes at %#x, lies outside the file of %d bytes", s.filesz, s.off, size)
	}
	if s.kind == elfPTNote {
		e.notes = append(e.notes, s)
		return nil
	}
	if s.filesz > s.memsz {
		return truncated(e.thing, nil, "a segment has %d bytes in the file and %d in memory", s.filesz, s.memsz)
	}
	if s.memsz > 0 {
		e.loads = append(e.loads, s)
	}
	return nil
}

// finish orders the segments and finds the physical address of the entry point. vmlinux states
// that; other linkers give the virtual one.
func (e *elfImage) finish(entry uint64) error {
	if len(e.loads) == 0 {
		return notKernel(e.thing, "is an ELF file without loadable segments")
	}
	slices.SortStableFunc(e.loads, func(a, b segment) int { return cmp.Compare(a.off, b.off) })
	for _, s := range e.loads {
		if entry >= s.paddr && entry-s.paddr < s.memsz {
			e.entry = memory.Addr(entry)
			return nil
		}
	}
	for _, s := range e.loads {
		if entry >= s.vaddr && entry-s.vaddr < s.memsz {
			e.entry = memory.Addr(s.paddr + (entry - s.vaddr))
			return nil
		}
	}
	return notKernel(e.thing, "its entry point %#x lies in none of its segments", entry)
}

// load reads the segments into guest RAM and gives the end of the highest. Bytes that are not in
// the file are zero in fresh RAM already. The initrd only counts where RAM is too small.
func (e *elfImage) load(m *memory.Guest, r io.ReaderAt, i *Initrd) (memory.Addr, error) {
	if err := e.checkPlaces(m, i); err != nil {
		return 0, err
	}
	var end memory.Addr
	for _, s := range e.loads {
		at := memory.Addr(s.paddr)
		if err := m.Fill(at, r, int64(s.off), s.filesz); err != nil {
			return 0, truncated(e.thing, err, "cannot read a segment of %d bytes at %#x", s.filesz, s.off)
		}
		end = max(end, at+memory.Addr(s.memsz))
	}
	return end, nil
}

// checkPlaces makes sure that each segment lies in RAM, apart from the others and from what a
// loader writes below 1 MiB.
func (e *elfImage) checkPlaces(m *memory.Guest, initrd *Initrd) error {
	byAddr := slices.Clone(e.loads)
	slices.SortFunc(byAddr, func(a, b segment) int { return cmp.Compare(a.paddr, b.paddr) })
	for i, s := range byAddr {
		at := memory.Addr(s.paddr)
		switch {
		case at < memory.BootDataEnd,
			at < memory.KernelBase && (at >= memory.LowRAMEnd || s.memsz > uint64(memory.LowRAMEnd-at)):
			return notKernel(e.thing, "a segment of %d bytes at %v overlaps the areas that a loader uses below %v",
				s.memsz, at, memory.KernelBase)
		case at >= memory.HighRAM || s.memsz > uint64(memory.HighRAM-at):
			return notKernel(e.thing, "a segment of %d bytes at %v ends beyond 4 GiB", s.memsz, at)
		case !m.Contains(at, s.memsz):
			return noRoom(m, e.thing, e.end()+initrd.size(), "a segment of %s belongs at %v", sizeString(s.memsz), at)
		case i > 0 && s.paddr-byAddr[i-1].paddr < byAddr[i-1].memsz:
			return notKernel(e.thing, "its segments at %#x and %#x overlap", byAddr[i-1].paddr, s.paddr)
		}
	}
	return nil
}

// end is where the highest segment ends, or 0 if that cannot be.
func (e *elfImage) end() (end uint64) {
	for _, s := range e.loads {
		if s.paddr > uint64(memory.HighRAM) || s.memsz > uint64(memory.HighRAM)-s.paddr {
			return 0
		}
		end = max(end, s.paddr+s.memsz)
	}
	return end
}

// readFull reads len(p) bytes at off.
func readFull(r io.ReaderAt, p []byte, off int64) error {
	n, err := r.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
