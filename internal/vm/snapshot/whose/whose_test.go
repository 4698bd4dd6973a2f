package whose

import (
	"bytes"
	"context"
	"debug/elf"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"terem/internal/vm/machine"
	"terem/internal/vm/snapshot"
	"terem/memory"
)

// ram is some pages of memory; all others up to its size are zero.
type ram struct {
	size  memory.Addr
	pages map[memory.Addr]*[memory.PageSize]byte
}

func newRAM(size memory.Addr) *ram {
	return &ram{size, map[memory.Addr]*[memory.PageSize]byte{}}
}

func (r *ram) Page(a memory.Addr, p []byte) error {
	a &^= memory.PageSize - 1
	if a >= r.size {
		return &memory.RangeError{Addr: a, N: memory.PageSize}
	}
	clear(p)
	if have := r.pages[a]; have != nil {
		copy(p, have[:])
	}
	return nil
}

func (r *ram) put(a memory.Addr, b []byte) {
	for ; len(b) > 0; a++ {
		page := r.pages[a&^(memory.PageSize-1)]
		if page == nil {
			page = new([memory.PageSize]byte)
			r.pages[a&^(memory.PageSize-1)] = page
		}
		page[a%memory.PageSize] = b[0]
		b = b[1:]
	}
}

func (r *ram) put64(a memory.Addr, v uint64) { r.put(a, binary.LittleEndian.AppendUint64(nil, v)) }

// pageMap maps a page, with tables from next on.
func (r *ram) pageMap(root memory.Addr, next *memory.Addr, virt uint64, a memory.Addr, flags uint64) {
	at := root
	for level := 4; level > 1; level-- {
		entry := at + memory.Addr(8*index(virt, level))
		var p [memory.PageSize]byte
		_ = r.Page(entry, p[:])
		e := binary.LittleEndian.Uint64(p[entry%memory.PageSize:])
		if e == 0 {
			e = uint64(*next) | 7
			*next += memory.PageSize
			r.put64(entry, e)
		}
		at = memory.Addr(e & entryAddr)
	}
	r.put64(at+memory.Addr(8*index(virt, 1)), uint64(a)|flags)
}

const (
	root     memory.Addr = 0x10_0000
	textVirt             = 0xffff_ffff_8100_0000
	dataVirt             = textVirt + 0x2000
	notesAt              = textVirt + 0x1010
	perVirt              = 0xffff_8880_0003_0000
)

const systemMap = `0000000000000000 D __per_cpu_start
0000000000000040 D runqueues
0000000000002000 D __per_cpu_end
ffffffff81000000 T _stext
ffffffff81000000 T start_kernel
ffffffff81001000 T _etext
ffffffff81001000 D __start_rodata
ffffffff81001010 R __start_notes
ffffffff81001800 D __per_cpu_offset
ffffffff81002000 D __end_rodata
ffffffff81002000 D _sdata
ffffffff81002000 D init_task
ffffffff81002100 D jiffies
ffffffff81002108 D total_forks
ffffffff81003000 D _edata
`

// guestOf has a kernel at 1 MiB and more: one page of code, of constants, of variables; variables of two CPUs; a program.
func guestOf() (*ram, *machine.State) {
	r, next := newRAM(1<<26), root+memory.PageSize
	const flags = entryPresent | 2
	for i := range 3 {
		r.pageMap(root, &next, textVirt+uint64(i)*memory.PageSize, memory.Addr(0x100_0000+i*memory.PageSize), flags)
	}
	for i := range 4 {
		r.pageMap(root, &next, perVirt+uint64(i)*memory.PageSize, memory.Addr(0x200_0000+i*memory.PageSize), flags)
	}
	r.pageMap(root, &next, 0x40_0000, 0x300_0000, flags|entryUser)
	r.pageMap(root, &next, 0x40_1000, 0x100_1000, flags|entryUser) // a page of the kernel's, as the vDSO is
	r.pageMap(root, &next, vmemmapStart, 0x301_0000, flags)
	r.pageMap(root, &next, vmallocStart, 0x302_0000, flags)
	r.pageMap(root, &next, 0x7fff_ffff_f000, 0xfff_ffff_f000, flags|entryUser) // which is not in RAM
	r.put(0x100_1010, []byte("build ID"))
	r.put64(0x100_1800, perVirt)
	r.put64(0x100_1808, perVirt+0x2000)
	s := &machine.State{CPUs: make([]machine.CPUState, 2), Devices: map[string]json.RawMessage{
		"rng transport":       json.RawMessage(`{"Queues":[{"Size":8,"Ready":true,"Desc":66064384,"Driver":67108000,"Device":18446744073709551600}]}`),
		"disk \x1b transport": json.RawMessage(`{"Queues":[{"Size":256,"Ready":true,"Desc":53477376,"Driver":53481472,"Device":53485568},{"Desc":1}]}`),
		"odd transport":       json.RawMessage(`7`),
		"serial":              json.RawMessage(`{}`),
	}}
	for i := range s.CPUs {
		s.CPUs[i].Sregs.CR0, s.CPUs[i].Sregs.EFER, s.CPUs[i].Sregs.CR3 = cr0Paging, eferLMA, uint64(root)
	}
	return r, s
}

// kernels is a cache with one kernel, which has notes.
func kernels(t testing.TB, notes string) string {
	t.Helper()
	top := t.TempDir()
	dir := filepath.Join(top, "one")
	for _, err := range []error{os.Mkdir(dir, 0o700), os.WriteFile(dir+"/System.map", []byte(systemMap), 0o600), os.WriteFile(dir+"/vmlinux", elfWith(notes), 0o600)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return top
}

// elfWith is an ELF file with a section of notes.
func elfWith(notes string) []byte {
	const names = "\x00.notes\x00.shstrtab\x00"
	var b bytes.Buffer
	h := elf.Header64{Type: uint16(elf.ET_EXEC), Machine: uint16(elf.EM_X86_64), Version: 1, Ehsize: 64, Shentsize: 64, Shnum: 3, Shstrndx: 2, Shoff: 64}
	copy(h.Ident[:], "\x7fELF\x02\x01\x01")
	const data = 64 + 3*64
	for _, v := range []any{h, elf.Section64{},
		elf.Section64{Name: 1, Type: uint32(elf.SHT_NOTE), Addr: notesAt, Off: data, Size: uint64(len(notes))},
		elf.Section64{Name: 8, Type: uint32(elf.SHT_STRTAB), Off: data + uint64(len(notes)), Size: uint64(len(names))}} {
		_ = binary.Write(&b, binary.LittleEndian, v)
	}
	b.WriteString(notes + names)
	return b.Bytes()
}

// differ are pages that have changed, and what was there before.
func differ(after *ram, addrs ...memory.Addr) (before *ram, pages []snapshot.Page) {
	before = newRAM(after.size)
	for a, p := range after.pages {
		was := *p
		before.pages[a] = &was
	}
	for i, a := range addrs {
		pages = append(pages, snapshot.Page{Addr: a, Change: snapshot.Change(i % 3)})
	}
	return before, pages
}

// all are pages of everything that guestOf has, and one of nobody's.
var all = []memory.Addr{0xe_0000, 0xf_f000, root, root + memory.PageSize, 0x100_1000, 0x100_2000, 0x200_0000, 0x200_3000, 0x300_0000, 0x301_0000, 0x302_0000, 0x330_0000, 0x330_1000, 0x3f0_0000, 0x3f0_1000}

func TestTell(t *testing.T) {
	after, state := guestOf()
	before, pages := differ(after, all...)
	before.put64(0x100_2100, 99)          // jiffies: one byte
	before.put(0x100_2000, []byte("abc")) // init_task
	before.put(0x200_0050, []byte{1, 1})  // runqueues of CPU 0
	top := kernels(t, "build ID")
	r := tell(t, before, Image{after, state}, pages, top)
	var got bytes.Buffer
	if err := r.Write(&got); err != nil {
		t.Fatal(err)
	}
	wantGolden(t, "testdata/table", got.String())
	if r.Kernel != top+"/one" {
		t.Errorf("kernel %q", r.Kernel)
	}
	r.Kernel = "KERNEL"
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	wantGolden(t, "testdata/json", string(b)+"\n")
}

// TestTellUnknown: a kernel with other notes has no names, and nothing is claimed for it.
func TestTellUnknown(t *testing.T) {
	after, state := guestOf()
	before, pages := differ(after, all...)
	for _, top := range []string{kernels(t, "another!"), "", t.TempDir(), "/none"} {
		r := tell(t, before, Image{after, state}, pages, top)
		if r.Kernel != "" || !strings.Contains(fmt.Sprint(r.Notes), "its variables have no names") {
			t.Errorf("%q: kernel %q, notes %q", top, r.Kernel, r.Notes)
		}
		for _, o := range r.Owners {
			if strings.HasPrefix(o.Name, "kernel") || strings.HasPrefix(o.Name, "the kernel") {
				t.Errorf("%q: it has %s", top, o.Name)
			}
		}
	}
}

// TestTellBeside: the program's tables have nothing of the kernel, whose own are in the page before them.
func TestTellBeside(t *testing.T) {
	after, state := guestOf()
	const user = root + ptiBit + 0x20_0000
	for i := range state.CPUs {
		state.CPUs[i].Sregs.CR3 = uint64(user)
	}
	kernelRoot, next := user&^ptiBit, memory.Addr(0x50_0000)
	for i := range 3 {
		after.pageMap(kernelRoot, &next, textVirt+uint64(i)*memory.PageSize, memory.Addr(0x100_0000+i*memory.PageSize), 3)
	}
	before, pages := differ(after, kernelRoot, 0x100_2000)
	r := tell(t, before, Image{after, state}, pages, kernels(t, "build ID"))
	if r.Kernel == "" || len(r.Owners) != 2 || r.Owners[0].Name != "kernel variables" || r.Owners[1].Name != "page tables" {
		t.Errorf("%+v", r)
	}
}

// TestTellWithoutPaging: a guest that has not come so far has no tables.
func TestTellWithoutPaging(t *testing.T) {
	after, _ := guestOf()
	before, pages := differ(after, root, 0x3f0_0000)
	r := tell(t, before, Image{after, &machine.State{CPUs: make([]machine.CPUState, 1)}}, pages, kernels(t, "build ID"))
	if len(r.Owners) != 1 || r.Owners[0].Name != Nobody || r.Owners[0].Pages != 2 {
		t.Errorf("%+v", r)
	}
}

// TestCircle: tables that lead to themselves are gone through once at each level.
func TestCircle(t *testing.T) {
	r := newRAM(1 << 24)
	for i := range memory.Addr(entries) {
		r.put64(root+8*i, uint64(root)|7)
	}
	s := &machine.State{CPUs: make([]machine.CPUState, 64)}
	for i := range s.CPUs {
		s.CPUs[i].Sregs.CR0, s.CPUs[i].Sregs.EFER, s.CPUs[i].Sregs.CR3, s.CPUs[i].Sregs.CR4 = cr0Paging, eferLMA, uint64(root), cr4LA57
	}
	_, pages := differ(r, root, root+memory.PageSize)
	if out := tell(t, r, Image{r, s}, pages, ""); out.Pages != 2 || len(out.Owners) != 2 || out.Owners[0].Name != "page tables" {
		t.Errorf("%+v", out)
	}
}

// TestTellMany: a state that has more CPUs than there can be costs no more than those that there can.
func TestTellMany(t *testing.T) {
	r := newRAM(1 << 24)
	s := &machine.State{CPUs: make([]machine.CPUState, 1<<12)}
	for i := range s.CPUs {
		s.CPUs[i].Sregs.CR0, s.CPUs[i].Sregs.EFER, s.CPUs[i].Sregs.CR3 = cr0Paging, eferLMA, uint64(i)*memory.PageSize
	}
	_, pages := differ(r, root)
	reads := 0
	out := tell(t, r, Image{counted{r, &reads}, s}, pages, kernels(t, "build ID"))
	if !strings.Contains(fmt.Sprint(out.Notes), "more CPUs than a machine can have") || reads > 1<<16 {
		t.Errorf("%d pages read; notes %q", reads, out.Notes)
	}
}

// counted is RAM of which reads are counted.
type counted struct {
	RAM
	reads *int
}

func (c counted) Page(a memory.Addr, p []byte) error {
	*c.reads++
	return c.RAM.Page(a, p)
}

// TestTellStops: who interrupts it does not wait.
func TestTellStops(t *testing.T) {
	after, state := guestOf()
	before, pages := differ(after, all...)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if r, err := Tell(ctx, before, Image{after, state}, pages, ""); r != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("%+v, %v", r, err)
	}
}

// tell is Tell that nobody interrupts.
func tell(t *testing.T, before RAM, after Image, pages []snapshot.Page, kernels string) *Report {
	t.Helper()
	r, err := Tell(t.Context(), before, after, pages, kernels)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// FuzzTell has memory, registers and devices of strangers.
func FuzzTell(f *testing.F) {
	top := kernels(f, "build ID")
	f.Add([]byte("\x07\x10\x00"), uint64(0x1000), uint64(0), `{"Queues":[{"Size":8,"Ready":true,"Desc":4096}]}`)
	f.Add(bytes.Repeat([]byte{0x87, 0x10, 0, 0, 0, 0, 0, 0}, 600), uint64(0x1fff), uint64(cr4LA57), `{"Queues":[{"Size":65535,"Ready":true,"Desc":18446744073709551615}]}`)
	f.Fuzz(func(t *testing.T, b []byte, cr3, cr4 uint64, queues string) {
		r := newRAM(0x8000)
		r.put(0x1000, b[:min(len(b), 0x6000)])
		s := &machine.State{CPUs: make([]machine.CPUState, 1), Devices: map[string]json.RawMessage{"x transport": json.RawMessage(queues)}}
		s.CPUs[0].Sregs.CR0, s.CPUs[0].Sregs.EFER, s.CPUs[0].Sregs.CR3, s.CPUs[0].Sregs.CR4 = cr0Paging, eferLMA, cr3, cr4
		before, pages := differ(r, 0, 0x1000, 0x2000, 0x4000, 0x7000)
		out := tell(t, before, Image{r, s}, pages, top)
		sum := 0
		for _, o := range out.Owners {
			sum += o.Pages
			if o.Pages != o.Changed+o.Filled+o.Emptied {
				t.Errorf("%+v", o)
			}
		}
		if sum != len(pages) || out.Pages != len(pages) {
			t.Errorf("%d of %d pages: %+v", sum, len(pages), out)
		}
	})
}

// FuzzMap has System.maps of strangers.
func FuzzMap(f *testing.F) {
	f.Add(systemMap, uint64(dataVirt))
	f.Add("0 A a\n", uint64(0))
	f.Fuzz(func(t *testing.T, text string, at uint64) {
		k, err := newKernel(strings.NewReader(text))
		if err != nil {
			return
		}
		for _, s := range append(k.sections(), section{"", 0, ^uint64(0), 0}) {
			if name := k.within(at, s.start, s.end); name == "" {
				t.Errorf("%#x has no name in %+v", at, s)
			}
		}
	})
}
