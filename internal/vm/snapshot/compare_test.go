package snapshot

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"terem/memory"
)

// TestCompare: a diff and its parent, and both without a common file.
func TestCompare(t *testing.T) {
	top := t.TempDir()
	first := twoRegions(t)
	scatter(first, 8)
	for _, p := range []memory.Addr{3, 4, 5, 6} {
		mustDo(t, first.Store8(p*memory.PageSize, 1))
	}
	clear(first.Regions()[0].Host[9*memory.PageSize : 11*memory.PageSize])
	take(t, top+"/a", false, first, someState())
	parent := mustOpen(t, top+"/a")
	g := guestOf(t, parent)
	mustDo(t, g.Store8(3*memory.PageSize, 2), g.Store8(4*memory.PageSize, 1), g.Store8(10*memory.PageSize+7, 1), g.Store8(9*memory.PageSize, 0),
		g.Store8(memory.HighRAM+5*memory.PageSize+1, 77), g.Store8(memory.HighRAM+5*memory.PageSize+2, 78))
	clear(g.Regions()[0].Host[6*memory.PageSize : 7*memory.PageSize])
	takeDiff(t, top+"/b", false, g, parent, someState())
	mustDo(t, Merge(t.Context(), top+"/b", top+"/c", false))

	was, _ := first.Load64(memory.HighRAM + 5*memory.PageSize)
	want := []Page{{3 * memory.PageSize, Changed}, {6 * memory.PageSize, Emptied}, {10 * memory.PageSize, Filled}, {memory.HighRAM + 5*memory.PageSize, Changed}}
	if page, err := first.Slice(memory.HighRAM+5*memory.PageSize, memory.PageSize); err != nil || was == 0 && !slices.ContainsFunc(page, func(b byte) bool { return b != 0 }) {
		want[3].Change = Filled
	}
	back := slices.Clone(want)
	for i, p := range back {
		back[i].Change = map[Change]Change{Changed: Changed, Filled: Emptied, Emptied: Filled}[p.Change]
	}
	for _, c := range []struct {
		a, b string
		want []Page
	}{{"/a", "/b", want}, {"/a", "/c", want}, {"/b", "/c", nil}, {"/b", "/a", back}, {"/c", "/a", back}, {"/b", "/b", nil}} {
		got, err := Compare(t.Context(), mustOpen(t, top+c.a), mustOpen(t, top+c.b))
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s and %s: %v, %v, want %v", c.a, c.b, got, err, c.want)
		}
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Compare(canceled, parent, mustOpen(t, top+"/c")); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	_, err := Compare(t.Context(), parent, mustOpen(t, snapshotOf(t, 3)))
	wantLine(t, err, "they have 8413184 and 12288 bytes of memory; compare two of one machine")
}

// TestCompareSame: what both have from one file is not read. The second diff has the pages 2, 9, 16 and so on.
func TestCompareSame(t *testing.T) {
	top, _ := bigChain(t)
	a, err := mustOpen(t, top+"/g1").files()
	mustDo(t, err)
	b, err := mustOpen(t, top+"/g2").files()
	mustDo(t, err)
	c := comparer{a: a, b: b}
	for _, run := range []struct {
		first, count int
		want         bool
	}{{3, 6, true}, {0, 2, true}, {0, 3, false}, {2, 1, false}, {8, 3, false}} {
		if got := c.same(chunk{off: int64(run.first) * memory.PageSize, size: run.count * memory.PageSize}); got != run.want {
			t.Errorf("%d pages from %d on: the same %v", run.count, run.first, got)
		}
	}
}

// TestRAM reads pages of a chain.
func TestRAM(t *testing.T) {
	top, want := bigChain(t)
	s := mustOpen(t, top+"/g2")
	r, err := s.RAM()
	mustDo(t, err)
	low := s.Memory.Regions[0].Size
	for range 200 {
		off := rand.Uint64N(uint64(len(want)))
		a := memory.Addr(off)
		if off >= low {
			a += memory.HighRAM - memory.Addr(low)
		}
		page := slices.Repeat([]byte{0xee}, memory.PageSize)
		mustDo(t, r.Page(a, page))
		if start := off &^ (memory.PageSize - 1); string(page) != string(want[start:start+memory.PageSize]) {
			t.Fatalf("the page at %v differs", a)
		}
	}
	for _, a := range []memory.Addr{memory.Addr(low), memory.HighRAM - 1, ^memory.Addr(0)} {
		var no *memory.RangeError
		if err := r.Page(a, make([]byte, memory.PageSize)); !errors.As(err, &no) {
			t.Error(a, fmt.Sprint(err))
		}
	}
}
