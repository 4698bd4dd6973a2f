package memory

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// ramFile is a closed file of so many pages; each begins with its number, counted from one.
func ramFile(t testing.TB, pages int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ram")
	b := make([]byte, pages*PageSize)
	for i := range pages {
		b[i*PageSize] = byte(i + 1)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func mustMap(t testing.TB, path string, spans ...Span) *Guest {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	g, err := NewFromFile(f, spans...)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	return g
}

// TestNewFromFile: two guests of a file that is closed do not see each other's writes, and the file does not change.
func TestNewFromFile(t *testing.T) {
	path := ramFile(t, 4)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	spans := []Span{{0, 3 * PageSize}, {HighRAM, PageSize}}
	a, b := mustMap(t, path, spans...), mustMap(t, path, spans...)
	for _, g := range []*Guest{a, b} {
		if g.Size() != 4*PageSize || len(g.Regions()) != 2 || g.LowEnd() != 3*PageSize {
			t.Fatalf("regions %v", g.Regions())
		}
		for i, at := range []Addr{0, PageSize, 2 * PageSize, HighRAM} {
			if v, err := g.Load8(at); err != nil || v != byte(i+1) {
				t.Errorf("byte at %v: %d, %v", at, v, err)
			}
		}
	}
	if err := errors.Join(a.Store8(PageSize, 77), a.Store8(HighRAM, 78), b.Store8(HighRAM, 79)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		g    *Guest
		a    Addr
		want uint8
	}{{a, PageSize, 77}, {a, HighRAM, 78}, {b, PageSize, 2}, {b, HighRAM, 79}} {
		if v, err := c.g.Load8(c.a); err != nil || v != c.want {
			t.Errorf("byte at %v: %d, %v, want %d", c.a, v, err, c.want)
		}
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the file has changed, %v", err)
	}
}

// TestFileIsShared counts pages that are a guest's own: those that it has written.
func TestFileIsShared(t *testing.T) {
	const pages = 16
	g := mustMap(t, ramFile(t, pages), Span{0, pages * PageSize})
	ram := g.Regions()[0].Host
	for i := range pages {
		if ram[i*PageSize] != byte(i+1) {
			t.Fatalf("page %d begins with %d", i, ram[i*PageSize])
		}
	}
	if n := resident(t, ram); n != pages {
		t.Errorf("%d pages are there, want %d", n, pages)
	}
	if n := ownPages(t, ram); n != 0 {
		t.Errorf("%d pages are the guest's own before it wrote", n)
	}
	ram[PageSize], ram[5*PageSize] = 1, 1
	if n := ownPages(t, ram); n != 2 {
		t.Errorf("%d pages are the guest's own, want the 2 that were written", n)
	}
	if err := g.Discard(PageSize, PageSize); err != nil || ram[PageSize] != 2 {
		t.Errorf("a page given back reads %d, want the file's 2; %v", ram[PageSize], err)
	}
}

func TestFileHugePagesFit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ram")
	if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, 3*hugePage+PageSize)); err != nil {
		t.Fatal(err)
	}
	for range 8 {
		for _, r := range mustMap(t, path, Span{0, hugePage + PageSize}, Span{HighRAM + PageSize, 2 * hugePage}).Regions() {
			if got, want := hostAddr(r.Host)%hugePage, uint64(r.Addr)%hugePage; got != want {
				t.Errorf("RAM at %v is %#x into a huge page of the host, want %#x", r.Addr, got, want)
			}
		}
	}
}

// TestFileGuardPages runs itself as a child that steps over a region's edge, which must kill it.
func TestFileGuardPages(t *testing.T) {
	if where := os.Getenv("TEREM_TOUCH_GUARD"); where != "" {
		file := os.Getenv("TEREM_GUARDED_FILE") // the caller's to remove: this process ends by a fault
		g := mustMap(t, file, Span{PageSize, 2 * PageSize})
		touchGuard(g.Regions()[0].Host, where == "before")
		fmt.Println("survived")
		return
	}
	for _, where := range []string{"before", "after"} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestFileGuardPages$")
		cmd.Env = append(os.Environ(), "TEREM_TOUCH_GUARD="+where, "TEREM_GUARDED_FILE="+ramFile(t, 3))
		out, err := cmd.CombinedOutput()
		if err == nil || bytes.Contains(out, []byte("survived")) {
			t.Errorf("a write %s the region did not fault", where)
		}
	}
}

func TestNewFromFileRefuses(t *testing.T) {
	f, err := os.Open(ramFile(t, 2))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := NewFromFile(f, Span{0, 3 * PageSize}); err == nil {
		t.Error("a file that is too short was accepted")
	}
	if _, err := NewFromFile(f, Span{1, PageSize}); !errors.Is(err, ErrSpans) {
		t.Error(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	if _, err := NewFromFile(r, Span{0, PageSize}); err == nil {
		t.Error("a pipe was accepted")
	}
}

func TestTotalSize(t *testing.T) {
	const p = PageSize
	for _, c := range []struct {
		spans []Span
		want  uint64 // 0: refused
	}{
		{[]Span{{0, p}}, p},
		{[]Span{{p, 2 * p}, {3 * p, p}, {HighRAM, p}}, 4 * p},
		{[]Span{{0, MaxSize}}, MaxSize},
		{nil, 0},
		{[]Span{{0, 0}}, 0},
		{[]Span{{1, p}}, 0},
		{[]Span{{0, p + 1}}, 0},
		{[]Span{{0, 2 * p}, {p, p}}, 0},
		{[]Span{{p, p}, {0, p}}, 0},
		{[]Span{{0, MaxSize + p}}, 0},
		{[]Span{{0, MaxSize}, {MaxSize, p}}, 0},
		{[]Span{{math.MaxUint64 - p + 1, p}}, 0},
		{[]Span{{math.MaxUint64 - 2*p + 1, p}}, p},
		{[]Span{{math.MaxUint64 - 2*p + 1, 1 << 40}}, 0},
	} {
		got, err := TotalSize(c.spans)
		if got != c.want || (err == nil) != (c.want != 0) || err != nil && !errors.Is(err, ErrSpans) {
			t.Errorf("TotalSize(%v) = %d, %v, want %d", c.spans, got, err, c.want)
		}
	}
}

func ExampleNewFromFile() {
	f, err := os.CreateTemp("", "ram")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.Remove(f.Name())
	if _, err := f.Write(append([]byte("hello"), make([]byte, PageSize-5)...)); err != nil {
		fmt.Println(err)
		return
	}
	g, err := NewFromFile(f, Span{Addr: 0x1000, Size: PageSize})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer g.Close()
	f.Close()
	b, _ := g.Slice(0x1000, 5)
	fmt.Printf("%s\n", b)
	// Output: hello
}
