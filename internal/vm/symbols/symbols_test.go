package symbols

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
)

const small = `0000000000000000 D __per_cpu_start
ffffffff81000000 T _text
ffffffff81000000 T startup_64
ffffffff81000100 t early
ffffffff81000200 T start_kernel
ffffffff81002000 D jiffies
`

func table(t testing.TB) Table {
	t.Helper()
	list, err := Parse(strings.NewReader(small))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestFind(t *testing.T) {
	list := table(t)
	for addr, want := range map[uint64]string{
		0xffffffff81000000: "_text",
		0xffffffff81000001: "_text+0x1",
		0xffffffff81000200: "start_kernel",
		0xffffffff81000212: "start_kernel+0x12",
		0xffffffff81000100: "early",
	} {
		if got := list.Name(addr); got != want {
			t.Errorf("%#x: %s, want %s", addr, got, want)
		}
	}
	if got := list.Code().Name(0x1234); got != "0x1234" {
		t.Errorf("below all of the code: %s", got)
	}
	if got := list.Code().Name(0xffffffff81002000); got != "start_kernel+0x1e00" {
		t.Errorf("data is no code: %s", got)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, text := range []string{"", "x T y\n", "1 T\n", "1 TT y\n", "1 T a b\n", strings.Repeat("1", maxLine) + " T x\n"} {
		if list, err := Parse(strings.NewReader(text)); err == nil {
			t.Errorf("%.40q: %v", text, list)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(small)
	f.Fuzz(func(t *testing.T, text string) {
		list, err := Parse(strings.NewReader(text))
		if err != nil {
			return
		}
		for _, s := range list {
			if found, ok := list.Find(s.Addr); !ok || found.Addr != s.Addr {
				t.Fatalf("%#x: %+v", s.Addr, found)
			}
		}
	})
}

// stripped is an ELF file with a section of code at 0xffffffff81000000 and one of data, and no symbols.
func stripped(t testing.TB) []byte {
	t.Helper()
	names := "\x00.text\x00.data\x00.shstrtab\x00"
	var b bytes.Buffer
	h := elf.Header64{Ident: [16]byte{0x7f, 'E', 'L', 'F', 2, 1, 1}, Type: uint16(elf.ET_EXEC), Machine: uint16(elf.EM_X86_64), Version: 1,
		Ehsize: 64, Shentsize: 64, Shnum: 4, Shstrndx: 3, Phentsize: 56}
	h.Shoff = uint64(64 + len(names))
	sections := []elf.Section64{{},
		{Name: 1, Type: uint32(elf.SHT_NOBITS), Flags: uint64(elf.SHF_ALLOC | elf.SHF_EXECINSTR), Addr: 0xffffffff81000000, Size: 0x300},
		{Name: 7, Type: uint32(elf.SHT_NOBITS), Flags: uint64(elf.SHF_ALLOC | elf.SHF_WRITE), Addr: 0xffffffff81002000, Size: 8},
		{Name: 13, Type: uint32(elf.SHT_STRTAB), Off: 64, Size: uint64(len(names))}}
	for _, v := range []any{h, []byte(names), sections} {
		if err := binary.Write(&b, binary.LittleEndian, v); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

func TestAddTo(t *testing.T) {
	out, err := table(t).AddTo(stripped(t))
	if err != nil {
		t.Fatal(err)
	}
	f, err := elf.NewFile(bytes.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}
	syms, err := f.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for _, s := range syms {
		fmt.Fprintf(&got, "%s %#x %d %v %s\n", s.Name, s.Value, s.Size, elf.ST_TYPE(s.Info), f.Sections[s.Section].Name)
	}
	const want = `_text 0xffffffff81000000 256 STT_FUNC .text
startup_64 0xffffffff81000000 256 STT_FUNC .text
early 0xffffffff81000100 256 STT_FUNC .text
start_kernel 0xffffffff81000200 256 STT_FUNC .text
jiffies 0xffffffff81002000 8 STT_OBJECT .data
`
	if got.String() != want {
		t.Errorf("symbols:\n%s", got.String())
	}
}

// TestAddToMany: symbols that are all at one address, or in none of many sections, take no longer than others. If each were compared with all, this
// would take minutes.
func TestAddToMany(t *testing.T) {
	const n = 1 << 16
	list := slices.Concat(slices.Repeat(Table{{0xffffffff81000000, 'T', "a"}}, n), slices.Repeat(Table{{0xffffffffa0000000, 'T', "b"}}, n))
	out, err := list.AddTo(withSections(t, 0xfe00))
	if err != nil {
		t.Fatal(err)
	}
	f, err := elf.NewFile(bytes.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}
	if syms, err := f.Symbols(); err != nil || len(syms) != n || syms[0].Size != 0x300 || syms[n-1].Size != 0x300 {
		t.Errorf("%d symbols, %v", len(syms), err)
	}
}

// TestAddToTooManySections: numbers of sections from SHN_LORESERVE on mean something else.
func TestAddToTooManySections(t *testing.T) {
	for n, good := range map[int]bool{0xff00 - 4: true, 0xff00 - 3: false, 0xffff: false} {
		out, err := table(t).AddTo(withSections(t, n))
		if (err == nil) != good {
			t.Errorf("%d sections: %v", n, err)
		}
		if err != nil {
			continue
		}
		if f, err := elf.NewFile(bytes.NewReader(out)); err != nil || len(f.Sections) != n+3 {
			t.Errorf("%d sections: %v", n, err)
		}
	}
}

// withSections is stripped with more sections, which are nowhere in memory.
func withSections(t testing.TB, n int) []byte {
	b := stripped(t)
	extra := make([]byte, (n-4)*binary.Size(elf.Section64{}))
	binary.LittleEndian.PutUint16(b[60:], uint16(n)) // e_shnum
	return append(b, extra...)
}

// FuzzAddTo: whatever file it is given, there is a result or an error.
func FuzzAddTo(f *testing.F) {
	f.Add(stripped(f))
	list := table(f)
	f.Fuzz(func(_ *testing.T, file []byte) { _, _ = list.AddTo(file) })
}

func ExampleTable_Name() {
	t, err := Parse(strings.NewReader("ffffffff81000000 T startup_64\nffffffff81000200 T start_kernel\n"))
	if err != nil {
		panic(err)
	}
	fmt.Println(t.Name(0xffffffff81000212))
	// Output: start_kernel+0x12
}
