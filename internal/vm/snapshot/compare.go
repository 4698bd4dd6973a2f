package snapshot

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"terem/internal/fault"
	"terem/memory"
)

// Change is how a page differs between two snapshots.
type Change uint8

const (
	Changed Change = iota // from something to something else
	Filled                // it was zero
	Emptied               // it has become zero
)

// Page is one that differs.
type Page struct {
	Addr   memory.Addr
	Change Change
}

// Compare lists the pages that differ between two snapshots of RAM of the same size, by their address. What both have from one file is not
// read.
func Compare(ctx context.Context, a, b *Snapshot) ([]Page, error) {
	if !slices.Equal(a.Memory.Regions, b.Memory.Regions) {
		cause := fmt.Sprintf("they have %d and %d bytes of memory", a.Memory.Size(), b.Memory.Size())
		if a.Memory.Size() == b.Memory.Size() {
			cause = "their memory is not at the same addresses"
		}
		return nil, &fault.Error{Class: fault.Usage, Thing: "snapshots " + a.dir + " and " + b.dir, Cause: cause, Mend: "compare two of one machine"}
	}
	from, err := a.files()
	if err != nil {
		return nil, cannotOpen(a.dir, err)
	}
	to, err := b.files()
	if err != nil {
		return nil, cannotOpen(b.dir, err)
	}
	all := &found{}
	err = eachChunk(ctx, a.Memory.Regions, func() worker {
		return &comparer{a: from.again(), b: to.again(), dirs: [2]string{a.dir, b.dir}, into: all}
	})
	slices.SortFunc(all.pages, func(a, b Page) int { return cmp.Compare(a.Addr, b.Addr) })
	return all.pages, err
}

// found is what the comparers have found.
type found struct {
	mu    sync.Mutex
	pages []Page
}

// comparer compares chunks of two snapshots.
type comparer struct {
	a, b         *files
	dirs         [2]string // of a and of b
	into         *found
	noneA, noneB [chunkPages]bool
	zeros        [memory.PageSize]byte
}

func (c *comparer) end() {}

func (c *comparer) do(k chunk) error {
	if c.same(k) {
		return nil
	}
	noneA, noneB := c.noneA[:k.pages()], c.noneB[:k.pages()]
	before, emptyA, err := c.a.chunk(k, noneA)
	if err != nil {
		return cannotOpen(c.dirs[0], err)
	}
	after, emptyB, err := c.b.chunk(k, noneB)
	if err != nil || emptyA && emptyB {
		return cannotOpen(c.dirs[1], err)
	}
	var pages []Page
	for i := range noneA {
		p := Page{Addr: k.addr + memory.Addr(i)*memory.PageSize}
		x, y := c.page(before, noneA, i), c.page(after, noneB, i)
		switch {
		case bytes.Equal(x, y):
			continue
		case bytes.Equal(x, c.zeros[:]):
			p.Change = Filled
		case bytes.Equal(y, c.zeros[:]):
			p.Change = Emptied
		}
		pages = append(pages, p)
	}
	c.into.mu.Lock()
	defer c.into.mu.Unlock()
	c.into.pages = append(c.into.pages, pages...)
	return nil
}

// page is one of a chunk's; that of a hole is zero.
func (c *comparer) page(b []byte, holes []bool, i int) []byte {
	if holes[i] {
		return c.zeros[:]
	}
	return pages(b, i, i+1)
}

// same says whether all of a chunk comes from the same files.
func (c *comparer) same(k chunk) bool {
	run := memory.Run{First: k.page(), Count: uint64(k.pages())}
	a, b := memory.PiecesOf(c.a.pieces, run), memory.PiecesOf(c.b.pieces, run)
	for at := run.First; at < run.End(); {
		if c.a.places[a[0].Layer] != c.b.places[b[0].Layer] {
			return false
		}
		at = min(a[0].End(), b[0].End())
		if a[0].End() == at {
			a = a[1:]
		}
		if b[0].End() == at {
			b = b[1:]
		}
	}
	return true
}

// RAM reads single pages of what a snapshot's guest had. It is for one goroutine.
type RAM struct {
	files   *files
	regions []memory.Span
}

// RAM opens it for reading.
func (s *Snapshot) RAM() (*RAM, error) {
	f, err := s.files()
	return &RAM{f, s.Memory.Regions}, cannotOpen(s.dir, err)
}

// Page reads the page at a guest's address, any in it, into p, which has the size of one.
func (r *RAM) Page(a memory.Addr, p []byte) error {
	a &^= memory.PageSize - 1
	var off int64
	for number, s := range r.regions {
		if a >= s.Addr && uint64(a-s.Addr) < s.Size {
			k := chunk{number: number, addr: a, off: off + int64(a-s.Addr), size: memory.PageSize}
			b, all, err := r.files.chunk(k, make([]bool, 1))
			if copy(p, b); all {
				clear(p)
			}
			return err
		}
		off += int64(s.Size)
	}
	return &memory.RangeError{Addr: a, N: memory.PageSize}
}
