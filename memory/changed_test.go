package memory

import (
	"errors"
	"os"
	"slices"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestChanged: what the guest wrote is listed, whatever it wrote; what it read or gave back is not. Both ways to find out say the same.
func TestChanged(t *testing.T) {
	const low, high = 1100, 30
	path := ramFile(t, low+high)
	g := mustMap(t, path, Span{0, low * PageSize}, Span{HighRAM, high * PageSize})
	both(t, g)
	for n := range Addr(low) { // it reads all, and some pages are the file's own bytes once more
		if v, err := g.Load8(n * PageSize); err != nil || v != byte(n+1) {
			t.Fatal(n, v, err)
		}
	}
	both(t, g)
	for _, a := range []Addr{0, 2 * PageSize, 3 * PageSize, 700 * PageSize, (low - 1) * PageSize, HighRAM, HighRAM + (high-1)*PageSize} {
		v, err := g.Load8(a)
		if err := errors.Join(err, g.Store8(a, v)); err != nil {
			t.Fatal(err)
		}
	}
	want := []Run{{0, 1}, {2, 2}, {700, 1}, {low - 1, 2}, {low + high - 1, 1}}
	both(t, g, want...)
	_ = unix.Madvise(g.Regions()[0].Host, unix.MADV_PAGEOUT) // where there is swap, some are there now
	both(t, g, want...)
	if err := g.Discard(2*PageSize, 2*PageSize); err != nil {
		t.Fatal(err)
	}
	both(t, g, Run{0, 1}, Run{700, 1}, Run{low - 1, 2}, Run{low + high - 1, 1})
}

// TestChangedOften has more ranges than the kernel is asked for at once.
func TestChangedOften(t *testing.T) {
	const pages = 4*pageRangesAtOnce + 1
	g := mustMap(t, ramFile(t, pages), Span{0, pages * PageSize})
	var want []Run
	for n := uint64(0); n < pages; n += 2 {
		want = append(want, Run{n, 1})
		if err := g.Store8(Addr(n*PageSize), 7); err != nil {
			t.Fatal(err)
		}
	}
	both(t, g, want...)
	for n := uint64(1); n < pages; n += 2 {
		if err := g.Store8(Addr(n*PageSize), 7); err != nil {
			t.Fatal(err)
		}
	}
	both(t, g, Run{0, pages})
}

// both wants the same list of Changed, of the kernel's scan (if it has one) and of the entries of the pages.
func both(t *testing.T, g *Guest, want ...Run) {
	t.Helper()
	f, err := os.Open("/proc/self/pagemap")
	if err != nil {
		t.Skip(err)
	}
	defer f.Close()
	scanned, err := g.own(f, scanOwn)
	if err != nil && !errors.Is(err, syscall.ENOTTY) {
		t.Fatal(err)
	}
	if err == nil && !slices.Equal(scanned, want) {
		t.Errorf("scanned: %v, want %v", scanned, want)
	}
	read, err := g.own(f, readOwn)
	if err != nil || !slices.Equal(read, want) {
		t.Errorf("read: %v, %v; want %v", read, err, want)
	}
	if got := g.Changed(); !slices.Equal(got, want) {
		t.Errorf("changed: %v, want %v", got, want)
	}
}

// TestChangedUnknown: of RAM that is no file's, all pages are its own.
func TestChangedUnknown(t *testing.T) {
	if got := mustNew(t, 3*PageSize).Changed(); !slices.Equal(got, []Run{{0, 3}}) {
		t.Error(got)
	}
}

func BenchmarkChanged(b *testing.B) {
	const pages = 32768
	g := mustMap(b, ramFile(b, pages), Span{0, pages * PageSize})
	for n := range Addr(pages) {
		if n%1000 == 0 {
			_ = g.Store8(n*PageSize, 1)
		}
		_, _ = g.Load8(n * PageSize)
	}
	for name, scan := range map[string]func(*os.File, []byte, func(Run)) error{"scan": scanOwn, "entries": readOwn} {
		b.Run(name, func(b *testing.B) {
			f, err := os.Open("/proc/self/pagemap")
			if err != nil {
				b.Skip(err)
			}
			defer f.Close()
			for b.Loop() {
				if _, err := g.own(f, scan); err != nil {
					b.Skip(err)
				}
			}
		})
	}
}
