package snapshot

import (
	"bytes"
	"context"
	"errors"
	"os"
	"slices"

	"terem/memory"
)

// Memory writes the guest's RAM, which nobody may write to meanwhile. It is quick rather than safe: Commit brings the bytes to
// the medium. It may be called again, and then replaces what it has written.
func (w *Writer) Memory(ctx context.Context, g *memory.Guest) error {
	return cannotMake(w.dir, w.writeMemory(ctx, g))
}

func (w *Writer) writeMemory(ctx context.Context, g *memory.Guest) error {
	about := Memory{}
	for _, r := range g.Regions() {
		about.Regions = append(about.Regions, memory.Span{Addr: r.Addr, Size: r.Size()})
	}
	if w.onto == nil {
		return w.writeFrom(ctx, about, func() source { return &ram{g: g, look: g.Looker()} })
	}
	if !slices.Equal(about.Regions, w.onto.Memory.Regions) {
		return errRegions
	}
	about.Pages = g.Changed()
	return w.writeFrom(ctx, about, func() source { return &changes{g: g, only: about.Pages} })
}

// source is where a copier has the bytes from. It is for one goroutine.
type source interface {
	// chunk gives a chunk's bytes, and says which of its pages are holes: of those the bytes do not count. If all are, it says so.
	chunk(k chunk, holes []bool) (b []byte, all bool, err error)
	end()
}

// writeFrom writes DIR/memory; about lacks the sums.
func (w *Writer) writeFrom(ctx context.Context, about Memory, newSource func() source) error {
	w.about = Memory{}
	if w.memory == nil {
		return os.ErrClosed
	}
	total, err := memory.TotalSize(about.Regions)
	if err != nil {
		return err
	}
	if err := w.resize(int64(total)); err != nil {
		return err
	}
	about.Sums = make(Sums, countChunks(about.Regions))
	sum := newSummer()
	err = eachChunk(ctx, about.Regions, func() worker {
		return &copier{to: w.memory, from: newSource(), sum: sum, sums: about.Sums}
	})
	if err != nil {
		return err
	}
	w.about = about
	return nil
}

// resize makes DIR/memory one hole. A file that is cut to nothing, ext4 writes out as soon as it is closed (auto_da_alloc, ext4(5)),
// even one that is removed: a file that is empty is not cut.
func (w *Writer) resize(size int64) error {
	st, err := w.memory.Stat()
	if err == nil && st.Size() > 0 {
		err = w.memory.Truncate(0)
	}
	return errors.Join(err, w.memory.Truncate(size))
}

// ram is all of a guest's RAM.
type ram struct {
	g    *memory.Guest
	look *memory.Looker
}

func (r *ram) end() { r.look.Close() }

func (r *ram) chunk(k chunk, holes []bool) (b []byte, all bool, err error) {
	if b, err = r.g.Slice(k.addr, uint64(k.size)); err != nil {
		return nil, false, err
	}
	return b, false, r.look.Blank(k.addr, holes)
}

// changes is some pages of it.
type changes struct {
	g    *memory.Guest
	only Runs
}

func (c *changes) end() {}

func (c *changes) chunk(k chunk, holes []bool) (b []byte, all bool, err error) {
	b, err = c.g.Slice(k.addr, uint64(k.size))
	return b, lacks(c.only, k.page(), holes), err
}

// copier brings pages that are not zero to a file.
type copier struct {
	to    *os.File
	from  source
	sum   *summer
	sums  Sums                  // to be filled in
	zero  [chunkPages]bool      // of the chunk at hand, which pages are
	zeros [memory.PageSize]byte // such a page
}

func (c *copier) end() { c.from.end() }

// do writes the pages of a chunk that are not zero and notes its sum.
func (c *copier) do(k chunk) error {
	zero := c.zero[:k.pages()]
	b, all, err := c.from.chunk(k, zero)
	if err != nil {
		return err
	}
	if all {
		c.sums[k.number] = c.sum.hole(k.size)
		return nil
	}
	for i := range zero {
		zero[i] = zero[i] || bytes.Equal(pages(b, i, i+1), c.zeros[:])
	}
	var sum uint32
	for i := 0; i < len(zero); {
		end := runEnd(zero, i)
		if zero[i] {
			sum = c.sum.zeros(sum, end-i)
		} else {
			run := pages(b, i, end)
			sum = c.sum.bytes(sum, run)
			if _, err := c.to.WriteAt(run, k.off+int64(i)*memory.PageSize); err != nil {
				return err
			}
		}
		i = end
	}
	c.sums[k.number] = sum
	return nil
}

// pages is those of b from i on, end not among them.
func pages(b []byte, i, end int) []byte { return b[i*memory.PageSize : end*memory.PageSize] }

// runEnd is where the run of pages that begins at i ends.
func runEnd(zero []bool, i int) int {
	end := i + 1
	for end < len(zero) && zero[end] == zero[i] {
		end++
	}
	return end
}
