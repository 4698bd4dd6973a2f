package boot

import (
	"errors"
	"fmt"
	"io"

	"terem/boot/compression"
)

// forward makes an io.ReaderAt of a stream, for callers who read at growing offsets. It keeps the
// stream's first bytes, so that an ELF file's headers can be read before the segments that hold
// them. It reads at most compression.MaxUnpacked bytes.
type forward struct {
	r    io.Reader
	pos  int64  // bytes read from r
	head []byte // the first of them
}

// forwardKept is how many bytes from the start stay readable: the headers of any vmlinux.
const forwardKept = 64 << 10

// errBackward is the error for a read of what the stream has passed.
var errBackward = errors.New("segments out of order")

// ReadAt implements io.ReaderAt, with the limits that forward has.
func (f *forward) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off > compression.MaxUnpacked || int64(len(p)) > compression.MaxUnpacked-off {
		return 0, fmt.Errorf("unpacks to more than %s", sizeString(compression.MaxUnpacked))
	}
	if err := f.keep(min(off+int64(len(p)), forwardKept)); err != nil {
		return 0, err
	}
	n := 0
	if off < int64(len(f.head)) {
		n = copy(p, f.head[off:])
	}
	if n == len(p) {
		return n, nil
	}
	if err := f.skip(off + int64(n)); err != nil {
		return n, err
	}
	m, err := io.ReadFull(f.r, p[n:])
	f.pos += int64(m)
	return n + m, err
}

// keep reads on until the first n bytes are in f.head, unless the stream has passed them.
func (f *forward) keep(n int64) error {
	have := int64(len(f.head))
	if n <= have || f.pos > have {
		return nil
	}
	f.head = append(f.head, make([]byte, n-have)...)
	m, err := io.ReadFull(f.r, f.head[have:])
	f.head = f.head[:have+int64(m)]
	f.pos += int64(m)
	return err
}

// skip discards the stream up to offset to.
func (f *forward) skip(to int64) error {
	if to < f.pos {
		return errBackward
	}
	n, err := io.CopyN(io.Discard, f.r, to-f.pos)
	f.pos += n
	return err
}

// drain reads the stream to its end, where its checksum is verified.
func (f *forward) drain() error {
	n, err := io.Copy(io.Discard, io.LimitReader(f.r, compression.MaxUnpacked-f.pos+1))
	f.pos += n
	if err == nil && f.pos > compression.MaxUnpacked {
		return fmt.Errorf("unpacks to more than %s", sizeString(compression.MaxUnpacked))
	}
	return err
}
