package memory

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// wantBlank asks for all pages of g from a on.
func wantBlank(t *testing.T, g *Guest, a Addr, want ...bool) {
	t.Helper()
	l := g.Looker()
	defer l.Close()
	if l.pagemap == nil && slices.Contains(want, true) {
		t.Skip("no /proc/self/pagemap")
	}
	got := make([]bool, len(want))
	for i := range got {
		got[i] = true // which must not be taken for an answer
	}
	if err := l.Blank(a, got); err != nil || !slices.Equal(got, want) {
		t.Errorf("blank from %v on: %v, %v, want %v", a, got, err, want)
	}
	if n := testing.AllocsPerRun(10, func() { _ = l.Blank(a, got) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestBlank(t *testing.T) {
	g := mustNew(t, 8*PageSize)
	ram := g.Regions()[0].Host
	ram[2*PageSize], ram[3*PageSize], ram[7*PageSize+9], ram[5*PageSize] = 1, 1, 1, 0
	if err := g.Discard(3*PageSize, PageSize); err != nil {
		t.Fatal(err)
	}
	wantBlank(t, g, 0, true, true, false, true, true, false, true, false)
	wantBlank(t, g, 4*PageSize, true, false, true)
	if n := resident(t, ram); n != 3 {
		t.Errorf("%d pages are there, want 3: to ask must not bring any", n)
	}
}

// TestBlankFile: what is in a hole of the file is blank until the guest writes it, whether or not it was read.
func TestBlankFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ram")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	_, err1 := f.WriteAt(make([]byte, PageSize), 2*PageSize)
	_, err2 := f.WriteAt([]byte{1}, 6*PageSize+100)
	if err := errors.Join(f.Truncate(10*PageSize), err1, err2, f.Close()); err != nil {
		t.Fatal(err)
	}
	g := mustMap(t, path, Span{0, 5 * PageSize}, Span{HighRAM, 5 * PageSize})
	if !holesAre(t, path, PageSize) {
		t.Skip("the file system does not know its holes")
	}
	if err := errors.Join(g.Store8(PageSize, 1), g.Store8(HighRAM+3*PageSize, 0)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		wantBlank(t, g, 0, true, false, false, true, true)
		wantBlank(t, g, PageSize, false, false, true)
		wantBlank(t, g, HighRAM, true, false, true, false, true)
		if v, err := g.Load8(3 * PageSize); v != 0 || err != nil {
			t.Error(v, err)
		}
	}
	if err := g.Discard(PageSize, PageSize); err != nil {
		t.Fatal(err)
	}
	wantBlank(t, g, PageSize, true, false)
}

// holesAre says whether there is a hole at off.
func holesAre(t *testing.T, path string, off int64) bool {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	at, err := f.Seek(off, unix.SEEK_HOLE)
	return err == nil && at == off
}

// TestBlankUnknown: of a caller's slices nothing is known.
func TestBlankUnknown(t *testing.T) {
	g, err := NewFromRegions(Region{Addr: 0, Host: make([]byte, 2*PageSize)})
	if err != nil {
		t.Fatal(err)
	}
	wantBlank(t, g, 0, false, false)
}

func TestBlankOutside(t *testing.T) {
	l := mustNew(t, 2*PageSize).Looker()
	defer l.Close()
	for _, a := range []Addr{PageSize, 2 * PageSize, math.MaxUint64 - PageSize + 1} {
		var r *RangeError
		if err := l.Blank(a, make([]bool, 2)); !errors.As(err, &r) {
			t.Errorf("Blank(%v) = %v, want a *RangeError", a, err)
		}
	}
}
