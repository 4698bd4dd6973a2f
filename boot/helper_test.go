package boot

import (
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"terem/boot/unpack"
	"terem/internal/fault"
	"terem/memory"
)

var update = flag.Bool("update", false, "write the golden files")

// newGuest is fresh RAM of size bytes.
func newGuest(t testing.TB, size uint64) *memory.Guest {
	t.Helper()
	m, err := memory.New(size)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// golden compares got with a file in testdata, or writes the file with -update.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; -update writes it anew. Got:\n%s\nwant:\n%s", path, got, want)
	}
}

// testSegment is a program header of an ELF file that buildELF makes.
type testSegment struct {
	kind         uint32
	vaddr, paddr uint64
	data         []byte
	memsz        uint64 // 0: as long as data
	align        uint64
}

// buildELF is an ELF64 file for x86-64: headers, then each segment's data.
func buildELF(entry uint64, segments ...testSegment) []byte {
	le := binary.LittleEndian
	b := make([]byte, elfHeaderLen+len(segments)*elfPhdrLen)
	copy(b, elfMagic)
	b[4], b[5], b[6] = elfClass64, elfLittle, 1
	le.PutUint16(b[0x10:], 2) // ET_EXEC
	le.PutUint16(b[0x12:], elfAMD64)
	le.PutUint32(b[0x14:], 1)
	le.PutUint64(b[0x18:], entry)
	le.PutUint64(b[0x20:], elfHeaderLen)
	le.PutUint16(b[0x34:], elfHeaderLen)
	le.PutUint16(b[0x36:], elfPhdrLen)
	le.PutUint16(b[0x38:], uint16(len(segments)))
	for i, s := range segments {
		h := b[elfHeaderLen+i*elfPhdrLen:]
		le.PutUint32(h, s.kind)
		le.PutUint64(h[0x8:], uint64(len(b)))
		le.PutUint64(h[0x10:], s.vaddr)
		le.PutUint64(h[0x18:], s.paddr)
		le.PutUint64(h[0x20:], uint64(len(s.data)))
		le.PutUint64(h[0x28:], max(s.memsz, uint64(len(s.data))))
		le.PutUint64(h[0x30:], s.align)
		b = append(b, s.data...)
	}
	return b
}

// buildELF32 is an ELF32 file.
func buildELF32(machine uint16, entry uint32, segments ...testSegment) []byte {
	le := binary.LittleEndian
	b := make([]byte, elf32HeaderLen+len(segments)*elf32PhdrLen)
	copy(b, elfMagic)
	b[4], b[5], b[6] = elfClass32, elfLittle, 1
	le.PutUint16(b[0x10:], 2) // ET_EXEC
	le.PutUint16(b[0x12:], machine)
	le.PutUint32(b[0x14:], 1)
	le.PutUint32(b[0x18:], entry)
	le.PutUint32(b[0x1c:], elf32HeaderLen)
	le.PutUint16(b[0x28:], elf32HeaderLen)
	le.PutUint16(b[0x2a:], elf32PhdrLen)
	le.PutUint16(b[0x2c:], uint16(len(segments)))
	for i, s := range segments {
		h := b[elf32HeaderLen+i*elf32PhdrLen:]
		for at, v := range []uint64{uint64(s.kind), uint64(len(b)), s.vaddr, s.paddr, uint64(len(s.data)), max(s.memsz, uint64(len(s.data))), 7, s.align} {
			le.PutUint32(h[4*at:], uint32(v))
		}
		b = append(b, s.data...)
	}
	return b
}

// testKernel is an ELF kernel of two segments, entered at its first byte at 2 MiB.
func testKernel() []byte {
	const text, data = 2 << 20, 3 << 20
	return buildELF(text,
		testSegment{kind: elfPTLoad, vaddr: 0xffffffff80000000 + text, paddr: text, data: bytes.Repeat([]byte("text"), 5000)},
		testSegment{kind: elfPTLoad, vaddr: 0xffffffff80000000 + data, paddr: data, data: []byte("data"), memsz: 0x5000})
}

// buildNote is an ELF note with 4-byte alignment.
func buildNote(name string, kind uint32, desc []byte) []byte {
	le := binary.LittleEndian
	b := le.AppendUint32(nil, uint32(len(name)))
	b = le.AppendUint32(b, uint32(len(desc)))
	b = le.AppendUint32(b, kind)
	for _, part := range [][]byte{[]byte(name), desc} {
		b = append(b, part...)
		b = append(b, make([]byte, -len(part)&3)...)
	}
	return b
}

// pvhSegments are those of an image with a PVH note.
func pvhSegments(entry uint32) []testSegment {
	note := buildNote(noteNameXen, xenPhys32Entry, binary.LittleEndian.AppendUint32(nil, entry))
	return []testSegment{
		{kind: elfPTLoad, vaddr: 1 << 20, paddr: 1 << 20, data: []byte{0xb0, 0xfe, 0xe6, 0x64, 0xf4}, memsz: 0x1000},
		{kind: elfPTNote, data: note, align: 4},
	}
}

// pvhKernel is an ELF image with a PVH note, pvhKernel32 one of 32 bits, whose header need not give an entry point.
func pvhKernel(entry uint32) []byte   { return buildELF(1<<20, pvhSegments(entry)...) }
func pvhKernel32(entry uint32) []byte { return buildELF32(elf386, 0, pvhSegments(entry)...) }

// testBzImage is a bzImage around a payload; edit may spoil its header.
func testBzImage(payload []byte, edit ...func(h setupHeader)) []byte {
	const sects, stub, pref, version = 1, 0x400, 1 << 20, "6.12.0-test (a@b) #1"
	le := binary.LittleEndian
	b := make([]byte, (sects+1)*512+stub)
	b[hdrJump] = byte(hdrStart + hdrLen - hdrMagic)
	h := setupHeader(b[hdrStart : hdrStart+hdrLen])
	copy(h[1:], newSetupHeader()[1:])
	h.at(hdrSetupSects)[0] = sects
	h.at(hdrJump)[0] = byte(hdrStart + hdrLen - hdrMagic)
	le.PutUint16(h.at(hdrKernelVersion), 0x300-0x200)
	copy(b[0x300:], version)
	le.PutUint16(h.at(hdrXLoadFlags), xlfKernel64)
	le.PutUint32(h.at(hdrCmdLineSize), 100)
	le.PutUint32(h.at(hdrPayloadOffset), stub)
	le.PutUint32(h.at(hdrPayloadLength), uint32(len(payload)))
	le.PutUint64(h.at(hdrPrefAddress), pref)
	le.PutUint32(h.at(hdrInitSize), 1<<20)
	copy(b[1024+entry64:], "entry64")
	b = append(b, payload...)
	b = append(b, make([]byte, -len(b)&15)...)
	h = setupHeader(b[hdrStart : hdrStart+hdrLen])
	le.PutUint32(h.at(hdrSysSize), uint32((len(b)-1024)/16))
	for _, e := range edit {
		e(h)
	}
	return b
}

// detect is Detect for an image in memory.
func detect(image []byte, o Options) (Loader, error) {
	o.Unpack = unpack.Open
	return Detect(bytes.NewReader(image), int64(len(image)), o)
}

// boot detects and loads image into m.
func bootImage(m *memory.Guest, image []byte, o Options, p Platform) (Entry, error) {
	l, err := detect(image, o)
	if err != nil {
		return Entry{}, err
	}
	return l.Load(m, p)
}

// wantImageError checks that err is an *fault.Error of one line that has all of parts in it.
func wantImageError(t *testing.T, err error, parts ...string) {
	t.Helper()
	var ie *fault.Error
	if !errors.As(err, &ie) {
		t.Errorf("error %v, want an ImageError with %q", err, parts)
		return
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("error %q does not say %q", err, p)
		}
	}
	if strings.Contains(err.Error(), "\n") || ie.Thing == "" || ie.Cause == "" || ie.Mend == "" {
		t.Errorf("error %q lacks thing, cause or mend, or has two lines", err)
	}
}

// bytesAt is n bytes of guest RAM.
func bytesAt(t testing.TB, m *memory.Guest, a memory.Addr, n uint64) []byte {
	t.Helper()
	b, err := m.Slice(a, n)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
