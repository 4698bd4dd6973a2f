package snapshot

import (
	"bytes"
	"context"
	"errors"
	"hash/crc32"
	"os"

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
	if err := errors.Join(w.memory.Truncate(0), w.memory.Truncate(int64(total))); err != nil {
		return err
	}
	c := newCopier(w.memory, g)
	defer c.look.Close()
	if about.Sums, err = c.all(ctx, g, countChunks(about.Regions)); err != nil {
		return err
	}
	w.about = about
	return nil
}

const chunkPages = ChunkSize / memory.PageSize

// emptySum is the sum of a whole chunk of zeros.
const emptySum = 0x6cdf7abe

// copier brings pages that are not zero from RAM to a file.
type copier struct {
	to    *os.File
	look  *memory.Looker
	table *crc32.Table
	zeros []byte           // a page
	zero  [chunkPages]bool // of the chunk at hand, which pages are
}

func newCopier(to *os.File, g *memory.Guest) *copier {
	return &copier{to: to, look: g.Looker(), table: castagnoli(), zeros: make([]byte, memory.PageSize)}
}

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

func (c *copier) all(ctx context.Context, g *memory.Guest, chunks int) (Sums, error) {
	sums := make(Sums, 0, chunks)
	var off int64
	for _, r := range g.Regions() {
		for b := r.Host; len(b) > 0; {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			n := min(len(b), ChunkSize)
			sum, err := c.chunk(b[:n], off)
			if err != nil {
				return nil, err
			}
			sums, b, off = append(sums, sum), b[n:], off+int64(n)
		}
	}
	return sums, nil
}

// chunk writes the pages of b that are not zero and gives its sum.
func (c *copier) chunk(b []byte, off int64) (sum uint32, err error) {
	zero := c.zero[:len(b)/memory.PageSize]
	c.look.Untouched(b, zero)
	for i := range zero {
		zero[i] = zero[i] || bytes.Equal(page(b, i, i+1), c.zeros)
	}
	for i := 0; i < len(zero); {
		end := runEnd(zero, i)
		if zero[i] {
			sum = c.sumZeros(sum, end-i)
		} else {
			run := page(b, i, end)
			sum = crc32.Update(sum, c.table, run)
			if _, err := c.to.WriteAt(run, off+int64(i)*memory.PageSize); err != nil {
				return 0, err
			}
		}
		i = end
	}
	return sum, nil
}

// page is the pages of b from i on, end not among them.
func page(b []byte, i, end int) []byte { return b[i*memory.PageSize : end*memory.PageSize] }

// runEnd is where the run of pages that begins at i ends.
func runEnd(zero []bool, i int) int {
	end := i + 1
	for end < len(zero) && zero[end] == zero[i] {
		end++
	}
	return end
}

// sumZeros goes on with a sum over pages of zeros, without reading the guest's.
func (c *copier) sumZeros(sum uint32, pages int) uint32 {
	if pages == chunkPages {
		return emptySum
	}
	for range pages {
		sum = crc32.Update(sum, c.table, c.zeros)
	}
	return sum
}
