package memory

import (
	"errors"
	"fmt"
	"math/bits"
	"os"
	"slices"
	"sort"

	"golang.org/x/sys/unix"
)

// Layer is a file with pages of RAM, each at the place that it has in all of RAM: a page number times PageSize.
type Layer struct {
	File *os.File
	Runs []Run // which pages; of the lowest layer, all
}

// Piece is a run of pages that all come from one layer.
type Piece struct {
	Layer int
	Run
}

// mostMapped is how many pieces are mappings of their own. Each splits another one in two, and a process may have 65,530
// (vm.max_map_count), of which the rest of terem wants some, too.
const mostMapped = 8192

// NewFromLayers makes RAM of files as NewFromFile does of one: a page is that of the highest layer that has it. If there are so many
// runs that the host would not map them all, the shortest are copied: those are the guest's own from the beginning.
func NewFromLayers(layers []Layer, spans ...Span) (*Guest, error) {
	total, err := TotalSize(spans)
	if err != nil {
		return nil, err
	}
	if len(layers) == 0 {
		return nil, errors.New("map guest RAM: of no file")
	}
	g := &Guest{}
	for _, l := range layers {
		if err := g.addLayer(l, total); err != nil {
			return nil, errors.Join(err, g.Close())
		}
	}
	if g.pieces, err = Pieces(layers, total/PageSize); err != nil {
		return nil, errors.Join(err, g.Close())
	}
	var off uint64
	for _, s := range spans {
		if err := g.mapFile(off, s); err != nil {
			return nil, errors.Join(err, g.Close())
		}
		off += s.Size
	}
	if err := g.cover(); err != nil {
		return nil, errors.Join(err, g.Close())
	}
	return g, nil
}

func (g *Guest) addLayer(l Layer, total uint64) error {
	st, err := l.File.Stat()
	if err != nil {
		return err
	}
	if uint64(st.Size()) < total {
		return fmt.Errorf("map guest RAM of %s: it has %d bytes, want %d", l.File.Name(), st.Size(), total)
	}
	f, err := duplicate(l.File)
	if err != nil {
		return err
	}
	g.files = append(g.files, f)
	return nil
}

// Pieces says for each of so many pages which layer it is of: all of them, in order.
func Pieces(layers []Layer, pages uint64) ([]Piece, error) {
	pieces := []Piece{{Run: Run{Count: pages}}}
	for i, l := range layers {
		if i == 0 {
			continue
		}
		if err := CheckRuns(l.Runs, pages); err != nil {
			return nil, err
		}
		pieces = overlay(pieces, i, l.Runs)
	}
	return pieces, nil
}

// PiecesOf is those of the pieces that have some page of a run.
func PiecesOf(pieces []Piece, r Run) []Piece {
	first := sort.Search(len(pieces), func(i int) bool { return pieces[i].End() > r.First })
	end := first
	for end < len(pieces) && pieces[end].First < r.End() {
		end++
	}
	return pieces[first:end]
}

// overlay lays runs of a layer over pieces, which have all pages in order.
func overlay(below []Piece, layer int, runs []Run) []Piece {
	rest := slices.Clone(below)
	all := make([]Piece, 0, len(below)+2*len(runs))
	for _, r := range runs {
		for rest[0].End() <= r.First {
			all, rest = append(all, rest[0]), rest[1:]
		}
		if before := rest[0]; before.First < r.First {
			before.Count = r.First - before.First
			all = append(all, before)
		}
		all = append(all, Piece{layer, r})
		for len(rest) > 0 && rest[0].End() <= r.End() {
			rest = rest[1:]
		}
		if len(rest) > 0 && rest[0].First < r.End() {
			rest[0] = Piece{rest[0].Layer, Run{r.End(), rest[0].End() - r.End()}}
		}
	}
	return append(all, rest...)
}

// cover brings the pieces of higher layers to their places above the lowest.
func (g *Guest) cover() error {
	least := shortestMapped(g.pieces, mostMapped)
	for _, p := range g.pieces {
		if p.Layer == 0 {
			continue
		}
		err := g.eachPart(p.Run, func(host []byte, off int64) error {
			if p.Count >= least {
				err := mapOver(host, int(g.files[p.Layer].Fd()), off)
				if !errors.Is(err, unix.ENOMEM) { // which is what one mapping too many is
					return err
				}
			}
			_, err := g.files[p.Layer].ReadAt(host, off)
			return err
		})
		if err != nil {
			return fmt.Errorf("%d bytes of %s as guest RAM: %w", p.Count*PageSize, g.files[p.Layer].Name(), err)
		}
	}
	return nil
}

// shortestMapped is from how many pages on a piece is mapped, so that no more than most are: a power of two.
func shortestMapped(pieces []Piece, most int) uint64 {
	var sizes [65]int // how many pieces have a size of so many bits
	for _, p := range pieces {
		if p.Layer > 0 {
			sizes[bits.Len64(p.Count)]++
		}
	}
	for size := len(sizes) - 1; size > 0; size-- {
		if most -= sizes[size]; most < 0 {
			return 1 << size
		}
	}
	return 1
}

// eachPart calls f with the bytes of a run, and where a layer's file has them: once for each region that has some of it.
func (g *Guest) eachPart(r Run, f func(host []byte, off int64) error) error {
	var start uint64
	for _, region := range g.regions {
		end := start + region.Size()/PageSize
		first, last := max(r.First, start), min(r.End(), end)
		if first < last {
			host := region.Host[(first-start)*PageSize : (last-start)*PageSize]
			if err := f(host, int64(first*PageSize)); err != nil {
				return err
			}
		}
		start = end
	}
	return nil
}
