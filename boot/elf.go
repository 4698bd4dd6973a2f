package boot

import (
	"cmp"
	"errors"
	"io"
	"slices"

	"terem/memory"
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
	thing   string
	stated  uint64 // the entry point that the header gives
	machine uint16
	narrow  bool        // 32-bit
	entry   memory.Addr // physical
	loads   []segment
	notes   []segment

	program bool // it has what programs of an operating system have, and kernels have not
}

// parseELF reads and checks the headers of the ELF file in r, which is size bytes long.
func parseELF(thing string, r io.ReaderAt, size uint64) (*elfImage, error) {
	h := make([]byte, elfHeaderLen)
	if err := readFull(r, h[:elf32HeaderLen], 0); err != nil {
		return nil, truncated(thing, err, "cannot read the ELF header")
	}
	form, err := elfFormOf(thing, h)
	if err != nil {
		return nil, err
	}
	if err := readFull(r, h[elf32HeaderLen:form.headerLen], elf32HeaderLen); err != nil {
		return nil, truncated(thing, err, "cannot read the ELF header")
	}
	off, phdrLen, n := form.programHeaders(h)
	if n == 0 {
		return nil, notKernel(thing, "is an ELF file without loadable segments")
	}
	if phdrLen != form.phdrLen || n > elfMaxPhdrs {
		return nil, notKernel(thing, "has %d program headers of %d bytes", n, phdrLen)
	}
	table := make([]byte, n*phdrLen)
	if off > size || uint64(len(table)) > size-off {
		return nil, truncated(thing, nil, "the file ends before its program headers")
	}
	if err := readFull(r, table, int64(off)); err != nil {
		return nil, truncated(thing, err, "cannot read the program headers")
	}
	e := &elfImage{thing: thing, stated: form.entry(h), machine: elfMachine(h), narrow: form.headerLen == elf32HeaderLen}
	for ; len(table) > 0; table = table[phdrLen:] {
		if err := e.add(form.segment(table), size); err != nil {
			return nil, err
		}
	}
	return e, e.finish()
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

// finish orders the segments.
func (e *elfImage) finish() error {
	if len(e.loads) == 0 {
		return notKernel(e.thing, "is an ELF file without loadable segments")
	}
	slices.SortStableFunc(e.loads, func(a, b segment) int { return cmp.Compare(a.off, b.off) })
	return nil
}

// enterAsStated finds the physical address of the entry point that the header gives. vmlinux states
// that; other linkers give the virtual one.
func (e *elfImage) enterAsStated() error {
	entry := e.stated
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
