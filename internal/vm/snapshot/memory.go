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
	w.about = Memory{}
	if w.memory == nil {
		return os.ErrClosed
	}
	about := Memory{}
	for _, r := range g.Regions() {
		about.Regions = append(about.Regions, memory.Span{Addr: r.Addr, Size: r.Size()})
	}
	total, err := memory.TotalSize(about.Regions)
	if err != nil {
		return err
	}
	if err := w.resize(int64(total)); err != nil {
		return err
	}
	if w.onto != nil {
		if !slices.Equal(about.Regions, w.onto.Memory.Regions) {
			return errRegions
		}
		about.Pages = g.Changed()
	}
	about.Sums = make(Sums, countChunks(about.Regions))
	sum := newSummer()
	err = eachChunk(ctx, about.Regions, func() worker {
		return &copier{to: w.memory, from: g, look: g.Looker(), diff: w.onto != nil, only: about.Pages, sum: sum, sums: about.Sums}
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

// copier brings pages that are not zero from RAM to a file.
type copier struct {
	to    *os.File
	from  *memory.Guest
	look  *memory.Looker
	diff  bool
	only  Runs // of a diff: these pages
	sum   *summer
	sums  Sums                  // to be filled in
	zero  [chunkPages]bool      // of the chunk at hand, which pages are
	zeros [memory.PageSize]byte // such a page
}

func (c *copier) end() { c.look.Close() }

// do writes the pages of a chunk that are not zero and notes its sum.
func (c *copier) do(k chunk) error {
	b, err := c.from.Slice(k.addr, uint64(k.size))
	if err != nil {
		return err
	}
	zero := c.zero[:k.pages()]
	if c.diff {
		if lacks(c.only, uint64(k.off)/memory.PageSize, zero) {
			c.sums[k.number] = c.sum.hole(k.size)
			return nil
		}
	} else if err := c.look.Blank(k.addr, zero); err != nil {
		return err
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
