package boot

import (
	"bytes"
	"encoding/binary"
	"math"
	"testing"

	"terem/memory"
)

func TestELFLoad(t *testing.T) {
	m := newGuest(t, 16<<20)
	e, err := bootImage(m, testKernel(), Options{}, Platform{CmdLine: "quiet"})
	if err != nil {
		t.Fatal(err)
	}
	if want := (Entry{Mode: Long, IP: 2 << 20, Arg: memory.ZeroPage}); e != want {
		t.Errorf("entry %+v, want %+v", e, want)
	}
	if got := bytesAt(t, m, 2<<20, 20000); !bytes.Equal(got, bytes.Repeat([]byte("text"), 5000)) {
		t.Error("first segment is not in place")
	}
	if got := bytesAt(t, m, 3<<20, 8); string(got) != "data\x00\x00\x00\x00" {
		t.Errorf("second segment: %q", got)
	}
	if got := bytesAt(t, m, memory.CommandLine, 6); string(got) != "quiet\x00" {
		t.Errorf("command line %q", got)
	}
}

func TestELFEntryByVirtualAddress(t *testing.T) {
	const virt = 0xffffffff81000000
	image := buildELF(virt+0x10, testSegment{kind: elfPTLoad, vaddr: virt, paddr: 4 << 20, data: make([]byte, 0x20)})
	e, err := bootImage(newGuest(t, 16<<20), image, Options{}, Platform{})
	if err != nil || e.IP != 4<<20+0x10 {
		t.Errorf("entry %v, %v", e.IP, err)
	}
}

func TestELFErrors(t *testing.T) {
	one := func(paddr, memsz uint64) []byte {
		return buildELF(paddr, testSegment{kind: elfPTLoad, paddr: paddr, data: []byte("x"), memsz: memsz})
	}
	edit := func(image []byte, at int, v ...byte) []byte {
		b := bytes.Clone(image)
		copy(b[at:], v)
		return b
	}
	huge := binary.LittleEndian.AppendUint64(nil, math.MaxUint64-3)
	k := testKernel()
	for _, c := range []struct {
		name  string
		image []byte
		want  string
	}{
		{"header cut", k[:30], "cannot read the ELF header"},
		{"program headers cut", k[:0x50], "the file ends before its program headers"},
		{"segment cut", k[:len(k)-1], "lies outside the file"},
		{"32-bit", buildELF32(elfAMD64, 1<<20, pvhSegments(1 << 20)[:1]...), "32-bit ELF file without a PVH entry point"},
		{"i386", buildELF32(elf386, 1<<20, pvhSegments(1 << 20)[:1]...), "ELF file for 32-bit x86, not for x86-64, and has no PVH entry point"},
		{"i386 in 64 bits", edit(k, 0x12, 3), "ELF file for 32-bit x86, not for x86-64"},
		{"arm", buildELF32(40, 1<<20), "ELF file for arm"},
		{"no class", edit(k, 4, 3), "class 3"},
		{"32-bit header cut", pvhKernel32(1 << 20)[:elf32HeaderLen-1], "cannot read the ELF header"},
		{"32-bit program headers cut", pvhKernel32(1 << 20)[:0x40], "the file ends before its program headers"},
		{"32-bit segment above RAM", buildELF32(elf386, 0, append(pvhSegments(1<<20), testSegment{kind: elfPTLoad, paddr: 0xfffff000, data: []byte("x"), memsz: 0xffffffff})...), "ends beyond 4 GiB"},
		{"aarch64", edit(k, 0x12, 183), "ELF file for aarch64"},
		{"other machine", edit(k, 0x12, 0xee), "machine 238"},
		{"big-endian", edit(k, 5, 2), "big-endian"},
		{"no program headers", edit(k, 0x38, 0, 0), "without loadable segments"},
		{"too many program headers", edit(k, 0x38, 0xff, 0xff), "65535 program headers"},
		{"odd program headers", edit(k, 0x36, 32), "program headers of 32 bytes"},
		{"program headers far out", edit(k, 0x20, huge...), "the file ends before its program headers"},
		{"no loadable segment", buildELF(0, testSegment{kind: elfPTNote}), "without loadable segments"},
		{"entry nowhere", edit(k, 0x18, 1, 2, 3, 4), "its entry point"},
		{"offset wraps", edit(k, elfHeaderLen+8, huge...), "lies outside the file"},
		{"more in file than in memory", edit(k, elfHeaderLen+0x28, 1, 0), "in memory"},
		{"address wraps", one(math.MaxUint64-3, 3), "ends beyond 4 GiB"},
		{"size wraps", one(2<<20, math.MaxUint64), "ends beyond 4 GiB"},
		{"above RAM", one(64<<20, 1), "the guest has 16 MiB of memory; give the guest more memory with Memory: 68M at least"},
		{"end above RAM", one(15<<20, 1<<20+1), "belongs at 0xf00000"},
		{"dynamic program", buildELF(2<<20, testSegment{kind: elfPTInterp, data: []byte("/lib64/ld.so\x00")},
			testSegment{kind: elfPTLoad, paddr: 2 << 20, data: []byte("abc")}), "is an ELF program, not a kernel"},
		{"static program", programOf(testSegment{kind: elfPTTLS}), "is an ELF program, not a kernel"},
		{"program of the C library", programOf(testSegment{kind: elfPTNote, data: buildNote(noteNameGNU, gnuABITag, make([]byte, 16))}), "is an ELF program, not a kernel"},
		{"program of Go", programOf(testSegment{kind: elfPTNote, data: buildNote(noteNameGo, 4, make([]byte, 16))}), "is an ELF program, not a kernel"},
		{"over the boot data", one(uint64(memory.ZeroPage), 1), "overlaps the areas that a loader uses"},
		{"over the EBDA", one(0x90000, 0x10000), "overlaps the areas that a loader uses"},
		{"over the BIOS", one(uint64(memory.BIOSEnd)-1, 2), "overlaps the areas that a loader uses"},
		{"overlap", buildELF(2<<20,
			testSegment{kind: elfPTLoad, paddr: 2 << 20, data: []byte("abc")},
			testSegment{kind: elfPTLoad, paddr: 2<<20 + 2, data: []byte("abc")}), "overlap"},
		{"in what is zero of another", buildELF(2<<20,
			testSegment{kind: elfPTLoad, paddr: 2 << 20, data: []byte("abc"), memsz: 0x2000},
			testSegment{kind: elfPTLoad, paddr: 2<<20 + 0x1000, data: []byte("abc")}), "overlap"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := bootImage(newGuest(t, 16<<20), c.image, Options{Name: "k"}, Platform{})
			wantImageError(t, err, "kernel k: ", c.want)
		})
	}
}

// programOf is an ELF file at a program's usual address, with one more segment.
func programOf(s testSegment) []byte {
	return buildELF(4<<20, testSegment{kind: elfPTLoad, vaddr: 4 << 20, paddr: 4 << 20, data: []byte("abc")}, s)
}

// TestKernelsAreNoPrograms: what a linker puts into every file makes no program of a kernel.
func TestKernelsAreNoPrograms(t *testing.T) {
	buildID := testSegment{kind: elfPTNote, data: buildNote(noteNameGNU, 3, make([]byte, 20))}
	const gnuStack = 0x6474e551
	both := append(buildNote(noteNameGNU, gnuABITag, make([]byte, 16)), buildNote(noteNameLinux, 0x101, make([]byte, 4))...)
	for name, image := range map[string][]byte{
		"build ID": programOf(buildID), "stack": programOf(testSegment{kind: gnuStack}),
		"Linux's note": programOf(testSegment{kind: elfPTNote, data: both}),
	} {
		if _, err := bootImage(newGuest(t, 16<<20), image, Options{Name: "k"}, Platform{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNotes(t *testing.T) {
	entry8 := binary.LittleEndian.AppendUint64(nil, 0x123456)
	high := binary.LittleEndian.AppendUint64(nil, 1<<32)
	linux := buildNote(noteNameLinux, 0x101, []byte{0, 0, 0, 0})
	for _, c := range []struct {
		name string
		data []byte
		want notes
	}{
		{"empty", nil, notes{}},
		{"32-bit value", buildNote(noteNameXen, xenPhys32Entry, entry8[:4]), notes{pvh: true, entry: 0x123456}},
		{"64-bit value", buildNote(noteNameXen, xenPhys32Entry, entry8), notes{pvh: true, entry: 0x123456}},
		{"beyond 4 GiB", buildNote(noteNameXen, xenPhys32Entry, high), notes{}},
		{"odd length", buildNote(noteNameXen, xenPhys32Entry, entry8[:5]), notes{}},
		{"other type", buildNote(noteNameXen, 1, entry8), notes{}},
		{"other name", buildNote("GNU\x00", xenPhys32Entry, entry8), notes{}},
		{"after another", append(linux, buildNote(noteNameXen, xenPhys32Entry, entry8)...),
			notes{linux: true, pvh: true, entry: 0x123456}},
		{"after one of odd length", append(buildNote(noteNameLinux, 0x101, []byte{1, 2, 3}), buildNote(noteNameXen, xenPhys32Entry, entry8)...),
			notes{linux: true, pvh: true, entry: 0x123456}},
		{"cut", buildNote(noteNameXen, xenPhys32Entry, entry8)[:20], notes{}},
		{"huge lengths", bytes.Repeat([]byte{0xff}, 40), notes{}},
	} {
		var n notes
		n.parse(c.data, noteDefaultAlign)
		if n != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, n, c.want)
		}
	}
	if noteAlign(segment{align: 8}) != 8 || noteAlign(segment{align: 1}) != 4 {
		t.Error("alignment of notes")
	}
}
