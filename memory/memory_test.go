package memory

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"strings"
	"testing"
)

func mustNew(t testing.TB, size uint64) *Guest {
	t.Helper()
	g, err := New(size)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	return g
}

func TestNewSplitsAtTheHole(t *testing.T) {
	for _, c := range []struct {
		size uint64
		want [][2]uint64 // address, size
	}{
		{PageSize, [][2]uint64{{0, PageSize}}},
		{1 << 30, [][2]uint64{{0, 1 << 30}}},
		{3 << 30, [][2]uint64{{0, 3 << 30}}},
		{3<<30 + PageSize, [][2]uint64{{0, 3 << 30}, {4 << 30, PageSize}}},
		{64 << 30, [][2]uint64{{0, 3 << 30}, {4 << 30, 61 << 30}}},
	} {
		g := mustNew(t, c.size)
		if g.Size() != c.size {
			t.Errorf("size %#x: Size() = %#x", c.size, g.Size())
		}
		var got [][2]uint64
		for _, r := range g.Regions() {
			got = append(got, [2]uint64{uint64(r.Addr), r.Size()})
		}
		if fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("size %#x: regions %x, want %x", c.size, got, c.want)
		}
	}
}

// TestHugePagesFit: KVM maps 2 MiB at once only where host and guest addresses agree in their low bits.
func TestHugePagesFit(t *testing.T) {
	for _, size := range []uint64{PageSize, hugePage - PageSize, hugePage, hugePage + PageSize, 128 << 20, 3<<30 + hugePage} {
		for range 8 { // the kernel chooses the place, and it is right by chance now and then
			for _, r := range mustNew(t, size).Regions() {
				if r.Size() < hugePage {
					continue
				}
				if got, want := hostAddr(r.Host)%hugePage, uint64(r.Addr)%hugePage; got != want {
					t.Errorf("size %#x: RAM at %v is %#x into a huge page of the host, want %#x", size, r.Addr, got, want)
				}
			}
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for _, size := range []uint64{0, 1, PageSize + 1, MaxSize + PageSize, math.MaxUint64} {
		if _, err := New(size); !errors.Is(err, ErrSize) {
			t.Errorf("New(%#x) = %v, want ErrSize", size, err)
		}
	}
}

func TestSlice(t *testing.T) {
	g := mustNew(t, 3<<30+PageSize)
	hole, high := uint64(PCIHole), uint64(HighRAM)
	for _, c := range []struct {
		a, n uint64
		ok   bool
	}{
		{0, 0, true}, {0, 1, true}, {0, hole, true}, {0, hole + 1, false},
		{hole - 1, 1, true}, {hole - 1, 2, false}, {hole, 0, true}, {hole, 1, false},
		{hole + 1, 0, false}, {0xd0000000, 4, false},
		{high - 1, 1, false}, {high - 1, 2, false}, {high, PageSize, true}, {high, PageSize + 1, false},
		{high + PageSize, 0, true}, {high + PageSize, 1, false}, {high + PageSize + 1, 0, false},
		{0, math.MaxUint64, false}, {math.MaxUint64, 0, false}, {math.MaxUint64, 1, false},
		{math.MaxUint64, math.MaxUint64, false}, {high, math.MaxUint64 - high + 1, false},
	} {
		b, err := g.Slice(Addr(c.a), c.n)
		if (err == nil) != c.ok {
			t.Errorf("Slice(%#x, %#x): error %v, want ok=%t", c.a, c.n, err, c.ok)
			continue
		}
		if g.Contains(Addr(c.a), c.n) != c.ok {
			t.Errorf("Contains(%#x, %#x) = %t", c.a, c.n, !c.ok)
		}
		var re *RangeError
		if err != nil && (!errors.As(err, &re) || re.Addr != Addr(c.a) || re.N != c.n) {
			t.Errorf("Slice(%#x, %#x): error %#v", c.a, c.n, err)
		}
		if err == nil && (uint64(len(b)) != c.n || len(b) != cap(b)) {
			t.Errorf("Slice(%#x, %#x): len %#x, cap %#x", c.a, c.n, len(b), cap(b))
		}
	}
}

func TestSliceAllocatesNothing(t *testing.T) {
	g := mustNew(t, 1<<20)
	if n := testing.AllocsPerRun(100, func() {
		if _, err := g.Slice(0x1000, 16); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("Slice allocates %v times", n)
	}
}

func TestNewFromRegions(t *testing.T) {
	page := make([]byte, PageSize)
	if _, err := NewFromRegions(Region{0, page}, Region{PageSize, page}); err != nil {
		t.Error(err)
	}
	for name, rs := range map[string][]Region{
		"empty":        {{0, nil}},
		"overlap":      {{0, page}, {PageSize - 1, page}},
		"out of order": {{PageSize, page}, {0, page}},
		"wraps":        {{math.MaxUint64 - 1, page}},
	} {
		if _, err := NewFromRegions(rs...); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	g, err := NewFromRegions(Region{0x1000, page})
	if err != nil {
		t.Fatal(err)
	}
	if g.LowEnd() != 0 {
		t.Errorf("LowEnd without RAM at zero = %v", g.LowEnd())
	}
	if err := g.Close(); err != nil || g.Size() != 0 || g.LowEnd() != 0 {
		t.Errorf("after Close: %v, size %d", err, g.Size())
	}
}

func TestAccess(t *testing.T) {
	g := mustNew(t, PageSize)
	if err := errors.Join(g.Store8(0, 0x11), g.Store16(1, 0x3322), g.Store32(3, 0x77665544),
		g.Store64(7, 0xffeeddccbbaa9988)); err != nil {
		t.Fatal(err)
	}
	want := []byte{0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff}
	if got, err := g.Slice(0, uint64(len(want))); err != nil || !bytes.Equal(got, want) {
		t.Errorf("stored % x, %v", got, err)
	}
	v8, e8 := g.Load8(0)
	v16, e16 := g.Load16(1)
	v32, e32 := g.Load32(3)
	v64, e64 := g.Load64(7)
	if err := errors.Join(e8, e16, e32, e64); err != nil {
		t.Fatal(err)
	}
	if v8 != 0x11 || v16 != 0x3322 || v32 != 0x77665544 || v64 != 0xffeeddccbbaa9988 {
		t.Errorf("loads: %#x %#x %#x %#x", v8, v16, v32, v64)
	}
}

func TestAccessOutside(t *testing.T) {
	g := mustNew(t, PageSize)
	end := Addr(PageSize)
	_, e8 := g.Load8(end)
	_, e16 := g.Load16(end - 1)
	_, e32 := g.Load32(end - 3)
	_, e64 := g.Load64(end - 7)
	for i, err := range []error{e8, e16, e32, e64,
		g.Store8(end, 0), g.Store16(end-1, 0), g.Store32(end-3, 0), g.Store64(end-7, 0),
		g.Write(end-1, make([]byte, 2)),
		g.Fill(end-1, strings.NewReader("ab"), 0, 2)} {
		var re *RangeError
		if !errors.As(err, &re) {
			t.Errorf("access %d: %v, want a RangeError", i, err)
		}
	}
}

func TestFill(t *testing.T) {
	g := mustNew(t, PageSize)
	r := strings.NewReader("0123456789")
	if err := g.Fill(0x10, r, 4, 6); err != nil {
		t.Fatal(err)
	}
	if got, err := g.Slice(0x10, 7); err != nil || string(got) != "456789\x00" {
		t.Errorf("filled %q, %v", got, err)
	}
	if err := g.Fill(0, r, 4, 7); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("short file: %v", err)
	}
}

// TestGuardPages runs itself as a child that steps over a region's edge, which must kill it.
func TestGuardPages(t *testing.T) {
	if where := os.Getenv("TEREM_TOUCH_GUARD"); where != "" {
		g := mustNew(t, PageSize)
		touchGuard(g.Regions()[0].Host, where == "before")
		fmt.Println("survived")
		return
	}
	for _, where := range []string{"before", "after"} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestGuardPages$")
		cmd.Env = append(os.Environ(), "TEREM_TOUCH_GUARD="+where)
		out, err := cmd.CombinedOutput()
		if err == nil || bytes.Contains(out, []byte("survived")) {
			t.Errorf("a write %s the region did not fault", where)
		}
	}
}

func TestVirtioGSI(t *testing.T) {
	var got []uint32
	for i := 0; ; i++ {
		gsi, ok := VirtioGSI(i)
		if !ok {
			break
		}
		got = append(got, gsi)
	}
	if want := "[5 6 7 10 11 12 14 15 16 17 18 19 20 21 22 23]"; fmt.Sprint(got) != want {
		t.Errorf("lines %v, want %v", got, want)
	}
	if VirtioMMIOAddr(3) != 0xd0003000 {
		t.Errorf("VirtioMMIOAddr(3) = %v", VirtioMMIOAddr(3))
	}
}

// TestLayoutHasNoOverlap keeps the map honest: areas in order, none inside another.
func TestLayoutHasNoOverlap(t *testing.T) {
	areas := []struct {
		name string
		at   Addr
		size uint64
	}{
		{"GDT", GDT, GDTSize}, {"PVHStartInfo", PVHStartInfo, uint64(PVHModules - PVHStartInfo)},
		{"PVHModules", PVHModules, PVHModulesSize}, {"PVHMemMap", PVHMemMap, PVHMemMapSize},
		{"ZeroPage", ZeroPage, ZeroPageSize}, {"PageTables", PageTables, PageTablesSize},
		{"SetupData", SetupData, SetupDataSize}, {"CommandLine", CommandLine, CommandLineSize},
		{"EBDA", EBDA, EBDASize}, {"RSDP", RSDP, uint64(ACPI - RSDP)}, {"ACPI", ACPI, ACPISize}, {"FACS", FACS, FACSSize},
		{"MPTable", MPTable, MPTableSize}, {"Generation", Generation, GenerationSize}, {"RAM", KernelBase, uint64(PCIHole - KernelBase)},
		{"VirtioMMIO", VirtioMMIO, VirtioMMIOSlots * VirtioMMIOStride},
		{"IOAPIC", IOAPIC, PageSize}, {"LAPIC", LAPIC, PageSize},
		{"KVMIdentityMap", KVMIdentityMap, PageSize}, {"KVMTSS", KVMTSS, KVMTSSSize},
		{"HighRAM", HighRAM, PageSize},
	}
	var end Addr
	for _, a := range areas {
		if a.at < end {
			t.Errorf("%s at %v begins before %v", a.name, a.at, end)
		}
		end = a.at + Addr(a.size)
	}
}

func ExampleNew() {
	g, err := New(4 << 30)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer g.Close()
	for _, r := range g.Regions() {
		fmt.Printf("%#x-%#x\n", uint64(r.Addr), uint64(r.End()))
	}
	// Output:
	// 0x0-0xc0000000
	// 0x100000000-0x140000000
}

func ExampleGuest_Slice() {
	g, err := New(1 << 20)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer g.Close()
	if b, err := g.Slice(0x1000, 5); err == nil {
		copy(b, "hello")
	}
	v, _ := g.Load8(0x1004)
	fmt.Printf("%c\n", v)
	_, err = g.Slice(1<<20-1, 2)
	fmt.Println(err)
	// Output:
	// o
	// guest address 0xfffff, 2 bytes: outside guest RAM
}

func ExampleGuest_Fill() {
	g, err := New(1 << 20)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer g.Close()
	if err := g.Fill(0x2000, strings.NewReader("a kernel"), 2, 6); err != nil {
		fmt.Println(err)
		return
	}
	b, _ := g.Slice(0x2000, 6)
	fmt.Printf("%s\n", b)
	// Output: kernel
}

func ExampleNewFromRegions() {
	g, err := NewFromRegions(Region{Addr: 0, Host: make([]byte, PageSize)}, Region{Addr: HighRAM, Host: make([]byte, PageSize)})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer g.Close()
	fmt.Println(g.Size(), g.Contains(HighRAM, PageSize), g.Contains(PageSize, 1))
	// Output: 8192 true false
}

func ExampleVirtioGSI() {
	for i := range 4 {
		gsi, _ := VirtioGSI(i)
		fmt.Println(VirtioMMIOAddr(i), gsi)
	}
	// Output:
	// 0xd0000000 5
	// 0xd0001000 6
	// 0xd0002000 7
	// 0xd0003000 10
}
