package boot

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"terem/memory"
)

// PVH loads an ELF image, of 64 or 32 bits, and enters it in 32-bit mode by Xen's PVH protocol, which knows nothing
// of Linux: a start info structure takes the zero page's place.
type PVH struct {
	image *elfImage
	r     io.ReaderAt
}

// String names the way in which the image is loaded.
func (v *PVH) String() string {
	return fmt.Sprintf("ELF, entered at %v by PVH", v.image.entry)
}

// Load implements Loader.
func (v *PVH) Load(m *memory.Guest, p Platform) (Entry, error) {
	if err := checkMemory(m, v.image.thing); err != nil {
		return Entry{}, err
	}
	if !v.image.covers(v.image.entry) {
		return Entry{}, notKernel(v.image.thing, "its PVH entry point %v lies in none of its segments", v.image.entry)
	}
	end, err := v.image.load(m, v.r, p.Initrd)
	if err != nil {
		return Entry{}, err
	}
	if err := writeCmdLine(m, p.CmdLine, linuxCmdLineMax); err != nil {
		return Entry{}, err
	}
	initrd, err := p.Initrd.place(m, end, math.MaxUint32)
	if err != nil {
		return Entry{}, err
	}
	rsdp, err := writeTables(m, &p)
	if err != nil {
		return Entry{}, err
	}
	if err := writeStartInfo(m, initrd, rsdp); err != nil {
		return Entry{}, err
	}
	e := Entry{Mode: Protected, IP: v.image.entry, Arg: memory.PVHStartInfo}
	return e, e.writeGDT(m)
}

// covers reports whether a lies in one of the loadable segments.
func (e *elfImage) covers(a memory.Addr) bool {
	for _, s := range e.loads {
		if uint64(a) >= s.paddr && uint64(a)-s.paddr < s.memsz {
			return true
		}
	}
	return false
}

// struct hvm_start_info, version 1 (Xen, public/arch-x86/hvm/start_info.h), and its lists:
//
//	0x00  u32  magic              module                    memory map entry
//	0x04  u32  version            0x00  u64  address        0x00  u64  address
//	0x08  u32  flags              0x08  u64  size           0x08  u64  size
//	0x0c  u32  number of modules  0x10  u64  command line   0x10  u32  type, as in e820
//	0x10  u64  modules            0x18  u64  reserved       0x14  u32  reserved
//	0x18  u64  command line
//	0x20  u64  RSDP
//	0x28  u64  memory map
//	0x30  u32  its length
const (
	startInfoMagic   = 0x336ec578
	startInfoVersion = 1
	startInfoLen     = 0x38
	moduleLen        = 0x20
	memMapEntryLen   = 0x18
)

// writeStartInfo writes the start info with at most one module, the initrd.
func writeStartInfo(m *memory.Guest, initrd span, rsdp memory.Addr) error {
	b, err := m.Slice(memory.PVHStartInfo, startInfoLen)
	if err != nil {
		return err
	}
	ranges := memoryMap(m)
	le := binary.LittleEndian
	clear(b)
	le.PutUint32(b, startInfoMagic)
	le.PutUint32(b[0x04:], startInfoVersion)
	le.PutUint64(b[0x18:], uint64(memory.CommandLine))
	le.PutUint64(b[0x20:], uint64(rsdp))
	le.PutUint64(b[0x28:], uint64(memory.PVHMemMap))
	le.PutUint32(b[0x30:], uint32(len(ranges)))
	if initrd.size() > 0 {
		le.PutUint32(b[0x0c:], 1)
		le.PutUint64(b[0x10:], uint64(memory.PVHModules))
		if err := writeModule(m, initrd); err != nil {
			return err
		}
	}
	return writePVHMemMap(m, ranges)
}

func writeModule(m *memory.Guest, s span) error {
	b, err := m.Slice(memory.PVHModules, moduleLen)
	if err != nil {
		return err
	}
	clear(b)
	binary.LittleEndian.PutUint64(b, uint64(s.start))
	binary.LittleEndian.PutUint64(b[8:], s.size())
	return nil
}

func writePVHMemMap(m *memory.Guest, ranges []memRange) error {
	b, err := m.Slice(memory.PVHMemMap, uint64(len(ranges))*memMapEntryLen)
	if err != nil {
		return err
	}
	clear(b)
	for i, r := range ranges {
		e := b[i*memMapEntryLen:]
		binary.LittleEndian.PutUint64(e, uint64(r.start))
		binary.LittleEndian.PutUint64(e[8:], uint64(r.end-r.start))
		binary.LittleEndian.PutUint32(e[0x10:], uint32(r.kind))
	}
	return nil
}
