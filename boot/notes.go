package boot

import (
	"encoding/binary"
	"io"
	"math"

	"terem/memory"
)

// notes is what an image's ELF notes tell a loader.
type notes struct {
	linux bool        // a note named "Linux": vmlinux, since 4.19
	pvh   bool        // XEN_ELFNOTE_PHYS32_ENTRY is there
	entry memory.Addr // its value

	program bool // what a linker puts into programs: the ABI they are made for, Go's build ID
}

const (
	noteHeaderLen    = 12 // u32 name length, u32 descriptor length, u32 type
	notesMax         = 1 << 20
	xenPhys32Entry   = 18 // public/elfnote.h, XEN_ELFNOTE_PHYS32_ENTRY
	noteNameXen      = "Xen\x00"
	noteNameLinux    = "Linux\x00"
	noteNameGNU      = "GNU\x00"
	gnuABITag        = 1 // elf.h, NT_GNU_ABI_TAG
	noteNameGo       = "Go\x00\x00"
	noteDefaultAlign = 4
)

// readNotes reads the image's note segments. Notes that run past their segment end the reading of
// that segment; nothing in them is needed to load the image.
func (e *elfImage) readNotes(r io.ReaderAt) (notes, error) {
	var n notes
	for _, s := range e.notes {
		if s.filesz > notesMax {
			return n, notKernel(e.thing, "has a note segment of %s", sizeString(s.filesz))
		}
		b := make([]byte, s.filesz)
		if err := readFull(r, b, int64(s.off)); err != nil {
			return n, truncated(e.thing, err, "cannot read its notes")
		}
		n.parse(b, noteAlign(s))
	}
	return n, nil
}

// noteAlign is the alignment of names and descriptors: 8 bytes where the segment says so, as for
// GNU properties, otherwise 4.
func noteAlign(s segment) uint64 {
	if s.align == 8 {
		return 8
	}
	return noteDefaultAlign
}

// parse walks the notes in b.
func (n *notes) parse(b []byte, align uint64) {
	for len(b) >= noteHeaderLen {
		nameLen := uint64(binary.LittleEndian.Uint32(b))
		descLen := uint64(binary.LittleEndian.Uint32(b[4:]))
		kind := binary.LittleEndian.Uint32(b[8:])
		descAt := alignUp(noteHeaderLen+nameLen, align)
		if descAt+descLen > uint64(len(b)) { // sums of 32-bit numbers
			return
		}
		n.note(string(b[noteHeaderLen:noteHeaderLen+nameLen]), kind, b[descAt:descAt+descLen])
		b = b[min(alignUp(descAt+descLen, align), uint64(len(b))):]
	}
}

// note takes up one note.
func (n *notes) note(name string, kind uint32, desc []byte) {
	switch {
	case name == noteNameLinux:
		n.linux = true
	case name == noteNameGo, name == noteNameGNU && kind == gnuABITag:
		n.program = true
	}
	if name != noteNameXen || kind != xenPhys32Entry {
		return
	}
	var entry uint64
	switch len(desc) {
	case 4:
		entry = uint64(binary.LittleEndian.Uint32(desc))
	case 8:
		entry = binary.LittleEndian.Uint64(desc)
	default:
		return
	}
	if entry <= math.MaxUint32 {
		n.pvh, n.entry = true, memory.Addr(entry)
	}
}

func alignUp(n, align uint64) uint64 { return (n + align - 1) &^ (align - 1) }
