package boot

import (
	"fmt"
	"io"

	"terem/memory"
)

// ELF loads an image of 64 bits and enters it at its 64-bit entry point, as a bzImage's unpacking code
// would: for Linux, startup_64 in arch/x86/kernel/head_64.S.
type ELF struct {
	image *elfImage
	r     io.ReaderAt
}

// newELFLoader gives the loader for the ELF file in r.
func newELFLoader(r io.ReaderAt, size int64, o Options) (Loader, error) {
	e, err := parseELF(kernelThing(o.Name), r, uint64(size))
	if err != nil {
		return nil, err
	}
	n, err := e.readNotes(r)
	if err != nil {
		return nil, err
	}
	if e.narrow && !n.pvh {
		return nil, e.narrowError()
	}
	if (e.program || n.program) && !n.linux && !n.pvh {
		return nil, notKernel(e.thing, "is an ELF program, not a kernel")
	}
	pvh := o.Protocol == ProtocolPVH || o.Protocol == ProtocolAuto && n.pvh && (!n.linux || e.narrow)
	if !pvh {
		if e.narrow {
			return nil, e.narrowError()
		}
		if err := e.enterAsStated(); err != nil {
			return nil, err
		}
		return &ELF{image: e, r: r}, nil
	}
	if !n.pvh {
		return nil, notKernel(e.thing, "has no PVH entry point (the note XEN_ELFNOTE_PHYS32_ENTRY)")
	}
	e.entry = n.entry
	return &PVH{image: e, r: r}, nil
}

// narrowError refuses an image of 32 bits, which only PVH can enter.
func (e *elfImage) narrowError() error {
	if e.machine == elf386 {
		return notKernel(e.thing, "is an ELF file for %s, not for x86-64, and has no PVH entry point", machineName(e.machine))
	}
	return notKernel(e.thing, "is a 32-bit ELF file without a PVH entry point")
}

// String names the way in which the image is loaded.
func (e *ELF) String() string { return fmt.Sprintf("ELF, entered at %v in 64-bit mode", e.image.entry) }

// Load implements Loader.
func (e *ELF) Load(m *memory.Guest, p Platform) (Entry, error) {
	if err := checkMemory(m, e.image.thing); err != nil {
		return Entry{}, err
	}
	end, err := e.image.load(m, e.r, p.Initrd)
	if err != nil {
		return Entry{}, err
	}
	return vmlinuxKernel(e.image.thing, e.image.entry, end).start(m, p)
}
