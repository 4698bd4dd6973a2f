package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"terem/memory"
)

// Verify reads all of the memory and checks the sum of each chunk, and so with each parent.
func (s *Snapshot) Verify(ctx context.Context) error {
	for _, one := range s.chain() {
		err := one.verify(ctx)
		if err != nil && one != s && ctx.Err() == nil {
			err = &parentError{filepath.Clean(one.dir), err}
		}
		if err != nil {
			return cannotOpen(s.dir, err)
		}
	}
	return nil
}

func (s *Snapshot) verify(ctx context.Context) error {
	if _, err := s.identify(); err != nil {
		return err
	}
	sum := newSummer()
	return eachChunk(ctx, s.Memory.Regions, func() worker {
		return &checker{f: s.memory, sum: sum, sums: s.Memory.Sums, buf: make([]byte, ChunkSize)}
	})
}

// checker compares chunks of DIR/memory with their sums.
type checker struct {
	f    *os.File
	sum  *summer
	sums Sums
	buf  []byte
}

func (c *checker) end() {}

func (c *checker) do(k chunk) error {
	sum, err := c.read(k.off, k.off+int64(k.size))
	if err == nil && sum != c.sums[k.number] {
		err = fmt.Errorf("memory is damaged in the %d bytes at offset %#x, which are at %v in the guest", k.size, k.off, k.addr)
	}
	return err
}

// read sums what is in the file from off to end, which are whole pages. Holes are not read: a guest may have a hundred times as
// much of them as of data.
func (c *checker) read(off, end int64) (sum uint32, err error) {
	err = extents(c.f, off, end, func(from, to int64, hole bool) error {
		if hole {
			sum = c.sum.zeros(sum, int(to-from)/memory.PageSize)
			return nil
		}
		b := c.buf[:to-from]
		err := readFull(c.f, b, from)
		sum = c.sum.bytes(sum, b)
		return err
	})
	return sum, err
}

// readFull reads bytes of a file of memory that was long enough.
func readFull(f *os.File, b []byte, off int64) error {
	n, err := f.ReadAt(b, off)
	switch {
	case n == len(b):
		return nil
	case errors.Is(err, io.EOF):
		return fmt.Errorf("memory ends at %d bytes while it is read", off+int64(n))
	}
	return err
}

// extents calls do with each part of a file from off to end, which are whole pages: it is a hole, or not.
func extents(f *os.File, off, end int64, do func(from, to int64, hole bool) error) error {
	for off < end {
		data := seek(f, off, unix.SEEK_DATA, off, end)
		if data = max(off, data&^(memory.PageSize-1)); data > off {
			if err := do(off, data, true); err != nil || data == end {
				return err
			}
		}
		off = min(end, (seek(f, data, unix.SEEK_HOLE, end, end)+memory.PageSize-1)&^(memory.PageSize-1))
		if err := do(data, off, false); err != nil {
			return err
		}
	}
	return nil
}

// seek finds where data or a hole begins, from off on, or else end. It is unknown on a file system that has no holes.
func seek(f *os.File, off int64, what int, unknown, end int64) int64 {
	at, err := unix.Seek(int(f.Fd()), off, what)
	switch {
	case errors.Is(err, unix.ENXIO):
		return end
	case err != nil:
		return unknown
	}
	return min(at, end)
}
