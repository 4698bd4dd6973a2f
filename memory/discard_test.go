package memory

import (
	"encoding/binary"
	"errors"
	"math"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// resident counts the pages of b that take memory of the host, and ownPages those that nobody else has: bits 63 and 61 of
// a page's entry in /proc/self/pagemap (Documentation/admin-guide/mm/pagemap.rst).
func resident(t *testing.T, b []byte) int {
	return countPages(t, b, func(entry uint64) bool { return entry>>63 != 0 })
}

func ownPages(t *testing.T, b []byte) int {
	return countPages(t, b, func(entry uint64) bool { return entry>>63 != 0 && entry>>61&1 == 0 })
}

func countPages(t *testing.T, b []byte, counts func(entry uint64) bool) int {
	t.Helper()
	f, err := os.Open("/proc/self/pagemap")
	if err != nil {
		t.Skip(err)
	}
	defer f.Close()
	entries := make([]byte, len(b)/PageSize*8)
	if _, err := f.ReadAt(entries, int64(hostAddr(b)/PageSize)*8); err != nil {
		t.Fatal(err)
	}
	n := 0
	for ; len(entries) > 0; entries = entries[8:] {
		if counts(binary.LittleEndian.Uint64(entries)) {
			n++
		}
	}
	return n
}

func fill(b []byte) {
	for i := range b {
		b[i] = 0xa5
	}
}

func TestDiscard(t *testing.T) {
	const pages = 16
	g := mustNew(t, pages*PageSize)
	ram := g.Regions()[0].Host
	for _, c := range []struct {
		name        string
		a, n        uint64
		first, last int // pages that go, last not among them
	}{
		{"one page", 3 * PageSize, PageSize, 3, 4},
		{"all", 0, pages * PageSize, 0, pages},
		{"parts at both ends stay", PageSize - 1, 3*PageSize + 2, 1, 4},
		{"part at the end stays", PageSize, 2*PageSize - 1, 1, 2},
		{"nothing whole", 1, 2*PageSize - 2, 0, 0},
		{"less than a page", 5, 7, 0, 0},
		{"nothing", 5 * PageSize, 0, 0, 0},
		{"the end", pages * PageSize, 0, 0, 0},
	} {
		fill(ram)
		if err := g.Discard(Addr(c.a), c.n); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if got := pages - resident(t, ram); got != c.last-c.first {
			t.Errorf("%s: %d pages went, want %d", c.name, got, c.last-c.first)
		}
		for i, v := range ram {
			page := i / PageSize
			if gone := page >= c.first && page < c.last; gone != (v == 0) {
				t.Fatalf("%s: byte %#x is %#x", c.name, i, v)
			}
		}
	}
}

func TestDiscardRefuses(t *testing.T) {
	g := mustNew(t, 4*PageSize)
	ram := g.Regions()[0].Host
	fill(ram)
	for _, c := range [][2]uint64{
		{0, 5 * PageSize}, {4 * PageSize, 1}, {3 * PageSize, PageSize + 1}, {PageSize, math.MaxUint64},
		{math.MaxUint64 &^ (PageSize - 1), PageSize}, {math.MaxUint64, math.MaxUint64}, {uint64(HighRAM), PageSize},
	} {
		var r *RangeError
		if err := g.Discard(Addr(c[0]), c[1]); !errors.As(err, &r) {
			t.Errorf("Discard(%#x, %#x) = %v, want a *RangeError", c[0], c[1], err)
		}
	}
	if n := resident(t, ram); n != 4 {
		t.Errorf("%d pages of 4 are left", n)
	}
}

// TestDiscardUnaligned has RAM that does not begin at a page of the host.
func TestDiscardUnaligned(t *testing.T) {
	m := mustNew(t, 4*PageSize).Regions()[0].Host
	fill(m)
	g, err := NewFromRegions(Region{Addr: 0, Host: m[100:]})
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Discard(0, 2*PageSize); err != nil {
		t.Fatal(err)
	}
	for i, v := range m {
		if (i/PageSize == 1) != (v == 0) {
			t.Fatalf("byte %#x is %#x", i, v)
		}
	}
}

// TestDiscardFails has RAM that the host may not take away.
func TestDiscardFails(t *testing.T) {
	g := mustNew(t, 4*PageSize)
	if err := unix.Mlock(g.Regions()[0].Host); err != nil {
		t.Skip(err)
	}
	if err := g.Discard(0, PageSize); !errors.Is(err, unix.EINVAL) {
		t.Errorf("Discard of locked RAM: %v, want EINVAL", err)
	}
}

func TestDiscardDoesNotAllocate(t *testing.T) {
	g := mustNew(t, 4*PageSize)
	if n := testing.AllocsPerRun(100, func() {
		if err := g.Discard(0, PageSize); err != nil {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
