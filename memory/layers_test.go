package memory

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// layerOf is a file of so many pages, of which those of the runs begin with a number.
func layerOf(t testing.TB, pages uint64, number byte, runs []Run) Layer {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "layer"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	errs := []error{f.Truncate(int64(pages * PageSize))}
	for _, r := range runs {
		for n := r.First; n < r.End(); n++ {
			_, err := f.WriteAt([]byte{number}, int64(n*PageSize))
			errs = append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	return Layer{f, runs}
}

func mustLayer(t testing.TB, layers []Layer, spans ...Span) *Guest {
	t.Helper()
	g, err := NewFromLayers(layers, spans...)
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

// someRuns draws runs among so many pages.
func someRuns(r *rand.Rand, pages uint64) (runs []Run) {
	for at := r.Uint64N(5); at < pages; {
		n := min(1+r.Uint64N(6), pages-at)
		runs = append(runs, Run{at, n})
		at += n + 1 + r.Uint64N(6)
	}
	return runs
}

// TestLayers holds chains of random layers against a list that says whose each page is.
func TestLayers(t *testing.T) {
	const low, pages = 40, 70
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 2))
		layers := []Layer{layerOf(t, pages, 1, []Run{{3, 20}, {30, 30}})}
		want := make([]byte, pages)
		for n := range want {
			if n >= 3 && n < 23 || n >= 30 && n < 60 {
				want[n] = 1
			}
		}
		for number := range byte(4) {
			runs := someRuns(r, pages)
			layers = append(layers, layerOf(t, pages, number+2, runs))
			for _, run := range runs {
				for n := run.First; n < run.End(); n++ {
					want[n] = number + 2
				}
			}
		}
		g := mustLayer(t, layers, Span{0, low * PageSize}, Span{HighRAM, (pages - low) * PageSize})
		for n, w := range want {
			a := Addr(n * PageSize)
			if n >= low {
				a += HighRAM - low*PageSize
			}
			if v, err := g.Load8(a); err != nil || v != w {
				t.Fatalf("seed %d: page %d is of layer %d, %v; want %d", seed, n, v, err, w)
			}
		}
		if own := g.Changed(); len(own) > 0 {
			t.Errorf("pages of its own before it wrote: %v", own)
		}
	}
}

// TestBlankLayers: a page is blank if the layer that it is of has a hole there, and not if only one below has.
func TestBlankLayers(t *testing.T) {
	base := layerOf(t, 8, 1, []Run{{0, 4}})
	if !holesAre(t, base.File.Name(), 4*PageSize) {
		t.Skip("the file system does not know its holes")
	}
	top := layerOf(t, 8, 2, []Run{{5, 1}})
	top.Runs = []Run{{1, 2}, {5, 1}} // pages 1 and 2 have become zero
	g := mustLayer(t, []Layer{base, top}, Span{0, 6 * PageSize}, Span{HighRAM, 2 * PageSize})
	wantBlank(t, g, 0, false, true, true, false, true, false)
	wantBlank(t, g, HighRAM, true, true)
	if err := errors.Join(g.Store8(PageSize, 1), g.Store8(HighRAM, 0)); err != nil {
		t.Fatal(err)
	}
	wantBlank(t, g, PageSize, false, true)
	wantBlank(t, g, HighRAM, false, true)
}

// TestManyRuns: of more runs than can be mapped the shortest are copied, and the guest sees no difference.
func TestManyRuns(t *testing.T) {
	const pages = 4*mostMapped + 10
	var runs []Run
	for at := uint64(0); at+3 < pages; at += 3 {
		runs = append(runs, Run{at, 1 + at/3%2}) // one page or two
	}
	g := mustLayer(t, []Layer{layerOf(t, pages, 1, []Run{{0, pages}}), layerOf(t, pages, 2, runs)}, Span{0, pages * PageSize})
	for _, r := range runs {
		for n := r.First; n < r.First+3; n++ {
			want := byte(1)
			if n < r.End() {
				want = 2
			}
			if v, err := g.Load8(Addr(n * PageSize)); err != nil || v != want {
				t.Fatalf("page %d is of layer %d, %v; want %d", n, v, err, want)
			}
		}
	}
	own := uint64(0)
	for _, r := range g.Changed() {
		own += r.Count
	}
	if ones := uint64(len(runs)+1) / 2; own == 0 || own > ones {
		t.Errorf("%d pages were copied, of %d runs of one page", own, ones)
	}
}

func TestShortestMapped(t *testing.T) {
	pieces := []Piece{{0, Run{0, 90}}, {1, Run{90, 5}}, {1, Run{95, 1}}, {2, Run{96, 3}}, {1, Run{99, 2}}, {1, Run{101, 1}}}
	for most, want := range []uint64{8, 4, 4, 2, 2, 1} {
		if got := shortestMapped(pieces, most); got != want {
			t.Errorf("no more than %d: from %d pages on, want %d", most, got, want)
		}
	}
}

func TestLayersRefused(t *testing.T) {
	base, short := layerOf(t, 4, 1, nil), layerOf(t, 3, 2, []Run{{0, 1}})
	beyond := layerOf(t, 4, 2, nil)
	beyond.Runs = []Run{{3, 2}}
	for _, layers := range [][]Layer{nil, {short}, {base, short}, {base, beyond}} {
		if _, err := NewFromLayers(layers, Span{0, 4 * PageSize}); err == nil {
			t.Errorf("%v is RAM", layers)
		}
	}
}

// FuzzOverlay lays runs over each other; what comes out must have each page once, in order, from the highest that has it.
func FuzzOverlay(f *testing.F) {
	f.Add([]byte{1, 2, 3, 1, 9, 9, 0, 4}, uint8(2))
	f.Fuzz(func(t *testing.T, b []byte, split uint8) {
		const pages = 64
		pieces := []Piece{{0, Run{0, pages}}}
		want := make([]int, pages)
		for layer := 1; layer <= 3 && len(b) > 1; layer++ {
			n := min(len(b), int(split)%16*2+2) &^ 1
			var runs []Run
			for i := 0; i < n; i += 2 {
				r := Run{uint64(b[i]), uint64(b[i+1])}
				if next := append(slices.Clone(runs), r); CheckRuns(next, pages) == nil {
					runs = next
				}
			}
			b = b[n:]
			pieces = overlay(pieces, layer, runs)
			for _, r := range runs {
				for p := r.First; p < r.End(); p++ {
					want[p] = layer
				}
			}
		}
		at := uint64(0)
		for _, p := range pieces {
			if p.First != at || p.Count == 0 {
				t.Fatalf("%v", pieces)
			}
			for ; at < p.End(); at++ {
				if want[at] != p.Layer {
					t.Fatalf("page %d is of layer %d, want %d", at, p.Layer, want[at])
				}
			}
		}
		if at != pages {
			t.Fatalf("%v ends at %d", pieces, at)
		}
	})
}
