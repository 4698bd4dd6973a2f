package snapshot

import (
	"context"
	"errors"
	"slices"

	"terem/memory"
)

// Merge makes a whole snapshot of a diff and its parents, as Create and Commit make one. All sums are checked first: new ones would hide
// a damage. With replace, out may be a snapshot, also dir itself, but none of its parents.
func Merge(ctx context.Context, dir, out string, replace bool) error {
	s, err := Open(dir)
	if err != nil {
		return err
	}
	defer s.Close()
	before := s.identities()
	if err := s.Verify(ctx); err != nil {
		return err
	}
	w := &Writer{dir: out, replace: replace, keep: s.parent}
	if err := w.create(); err != nil {
		return cannotMake(out, then(err, w.Abort()))
	}
	if err := w.writeChain(ctx, s, before); err != nil {
		return cannotMake(out, then(err, w.Abort()))
	}
	return w.Commit(State{Made: s.Made, Request: s.Request, Machine: s.Machine})
}

// errWritten is the error of a file that somebody writes to, or cuts, while it is read.
var errWritten = errors.New("somebody has written to the snapshot meanwhile")

// identities are those of the chain's files now. One that cannot be told is like no other.
func (s *Snapshot) identities() (all []Identity) {
	for _, one := range s.chain() {
		id, _ := identify(one.memory)
		all = append(all, id)
	}
	return all
}

// writeChain writes the RAM of a snapshot, whose files have been verified since they were as before.
func (w *Writer) writeChain(ctx context.Context, s *Snapshot, before []Identity) error {
	from, err := s.files()
	if err != nil {
		return err
	}
	err = w.writeFrom(ctx, Memory{Regions: s.Memory.Regions}, func() source { return from.again() })
	if err == nil && !slices.Equal(before, s.identities()) {
		err = errWritten
	}
	return err
}

// files is the RAM that a chain of snapshots has. It is for one goroutine.
type files struct {
	layers []memory.Layer
	places []place // of each layer's file
	pieces []memory.Piece
	buf    []byte
}

// files opens the RAM for reading.
func (s *Snapshot) files() (f *files, err error) {
	f = &files{layers: s.layers(), buf: make([]byte, ChunkSize)}
	for _, l := range f.layers {
		p, err := placeOf(l.File)
		if err != nil {
			return nil, err
		}
		f.places = append(f.places, p)
	}
	f.pieces, err = memory.Pieces(f.layers, uint64(s.Memory.Size())/memory.PageSize)
	return f, err
}

// again is the same for another goroutine.
func (f *files) again() *files {
	other := *f
	other.buf = make([]byte, len(f.buf))
	return &other
}

func (f *files) end() {}

// chunk reads: a file that is cut short meanwhile would be a fault to who has it mapped.
func (f *files) chunk(k chunk, holes []bool) (b []byte, all bool, err error) {
	run := memory.Run{First: k.page(), Count: uint64(k.pages())}
	b, all = f.buf[:k.size], true
	for _, p := range memory.PiecesOf(f.pieces, run) {
		first, end := max(p.First, run.First), min(p.End(), run.End())
		file := f.layers[p.Layer].File
		err := extents(file, int64(first*memory.PageSize), int64(end*memory.PageSize), func(from, to int64, hole bool) error {
			for i := (from - k.off) / memory.PageSize; i < (to-k.off)/memory.PageSize; i++ {
				holes[i] = hole
			}
			if hole {
				return nil
			}
			all = false
			return readFull(file, b[from-k.off:to-k.off], from)
		})
		if err != nil {
			return nil, false, err
		}
	}
	return b, all, nil
}
