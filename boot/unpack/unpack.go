package unpack

import (
	"bufio"
	"compress/bzip2"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"terem/boot/compression"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz/lzma"
)

// Bounds on what a payload may cost the host.
const (
	maxWindow  = 1 << 27 // history kept while unpacking: zstd -22 and xz as the kernel calls them
	payloadBuf = 64 << 10
)

// Open unpacks r. Behind all but gzip the kernel's build appends the unpacked size, four bytes that
// no decoder may take for data. It is a boot.Unpacker.
func Open(f compression.Format, r io.Reader) (io.ReadCloser, error) {
	br := bufio.NewReaderSize(r, payloadBuf)
	switch f {
	case compression.None:
		return io.NopCloser(br), nil
	case compression.Gzip:
		z, err := gzip.NewReader(br)
		if err != nil {
			return nil, err
		}
		z.Multistream(false)
		return z, nil
	case compression.Bzip2:
		return io.NopCloser(bzip2.NewReader(&trimmed{r: br})), nil
	case compression.LZMA:
		return openLZMA(br)
	case compression.XZ:
		return openXZ(br)
	case compression.LZ4:
		return openLZ4(br)
	case compression.Zstd:
		return openZstd(br)
	}
	return nil, fmt.Errorf("payload %v: %w", f, errors.ErrUnsupported)
}

// openZstd unpacks zstd frames.
func openZstd(br *bufio.Reader) (io.ReadCloser, error) {
	z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderMaxMemory(compression.MaxUnpacked))
	if err != nil {
		return nil, err
	}
	if err := z.Reset(&trimmed{r: br}); err != nil {
		z.Close()
		return nil, err
	}
	return z.IOReadCloser(), nil
}

// openLZMA unpacks an lzma stream ("LZMA alone"), whose header holds one byte of properties, the
// dictionary's size in four bytes and the unpacked size in eight.
func openLZMA(br *bufio.Reader) (io.ReadCloser, error) {
	h, err := br.Peek(lzma.HeaderLen)
	if err != nil {
		return nil, err
	}
	if dict := binary.LittleEndian.Uint32(h[1:]); dict > maxWindow {
		return nil, fmt.Errorf("lzma dictionary of %d bytes", dict)
	}
	z, err := lzma.NewReader(br)
	if err != nil {
		return nil, err
	}
	return io.NopCloser(z), nil
}

// trimmed reads r without the size field at its end, for decoders that would take it for one more
// stream.
type trimmed struct{ r *bufio.Reader }

const sizeTrailer = 4

func (t *trimmed) Read(p []byte) (int, error) {
	b, err := t.r.Peek(min(len(p)+sizeTrailer, payloadBuf))
	n := min(len(b)-sizeTrailer, len(p))
	if n > 0 {
		copy(p, b[:n])
		return t.r.Discard(n)
	}
	return 0, err
}
