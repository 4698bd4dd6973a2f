package snapshot

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"terem/memory"
)

// errChunk is a part of DIR/memory that is not as it was written.
type errChunk struct {
	off  int64 // in the file
	addr memory.Addr
	size int
}

func (e *errChunk) Error() string {
	return fmt.Sprintf("memory is damaged in the %d bytes at offset %#x, which are at %v in the guest", e.size, e.off, e.addr)
}

// Verify reads all of the memory and checks the sum of each chunk.
func (s *Snapshot) Verify(ctx context.Context) error {
	return cannotOpen(s.dir, s.verify(ctx))
}

func (s *Snapshot) verify(ctx context.Context) error {
	if _, err := s.identify(); err != nil {
		return err
	}
	r := chunkReader{f: s.memory, table: castagnoli(), buf: make([]byte, ChunkSize)}
	sums, off := s.Memory.Sums, int64(0)
	for _, span := range s.Memory.Regions {
		for done := uint64(0); done < span.Size; done += ChunkSize {
			if err := ctx.Err(); err != nil {
				return err
			}
			n := int(min(span.Size-done, ChunkSize))
			sum, err := r.sum(off, n)
			if err != nil {
				return err
			}
			if sum != sums[0] {
				return &errChunk{off: off, addr: span.Addr + memory.Addr(done), size: n}
			}
			sums, off = sums[1:], off+int64(n)
		}
	}
	return nil
}

// chunkReader sums chunks of a file in ascending order.
type chunkReader struct {
	f     *os.File
	table *crc32.Table
	buf   []byte
	data  int64 // nothing but holes before this offset
}

// sum is that of n bytes at off. A hole is not read: a guest may have a hundred times as many of them as of data.
func (r *chunkReader) sum(off int64, n int) (uint32, error) {
	if n == ChunkSize && r.hole(off, off+int64(n)) {
		return emptySum, nil
	}
	b := r.buf[:n]
	if m, err := r.f.ReadAt(b, off); m < n {
		if errors.Is(err, io.EOF) {
			err = fmt.Errorf("memory ends at %d bytes while it is read", off+int64(m))
		}
		return 0, err
	}
	return crc32.Checksum(b, r.table), nil
}

// hole says whether the file has nothing from off to end. A file system that does not know says no.
func (r *chunkReader) hole(off, end int64) bool {
	if r.data <= off {
		data, err := r.f.Seek(off, unix.SEEK_DATA)
		switch {
		case errors.Is(err, unix.ENXIO):
			data = end
		case err != nil:
			return false
		}
		r.data = data
	}
	return r.data >= end
}
