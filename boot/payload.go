package boot

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz/lzma"
)

// format is the compression of a bzImage's payload (arch/x86/boot/compressed/Makefile).
type format int

const (
	formatUnknown format = iota
	formatNone
	formatGzip
	formatBzip2
	formatLZMA
	formatXZ
	formatLZO // recognized, not unpacked
	formatLZ4
	formatZstd
)

// formatMagics tells formats by their first bytes (lib/decompress.c).
var formatMagics = [...]struct {
	magic  string
	format format
}{
	{elfMagic, formatNone},
	{"\x1f\x8b", formatGzip},
	{"BZh", formatBzip2},
	{"\x5d\x00\x00", formatLZMA},
	{xzMagic, formatXZ},
	{"\x89LZO", formatLZO},
	{lz4LegacyMagic, formatLZ4},
	{"\x28\xb5\x2f\xfd", formatZstd},
}

// formatMagicLen is the length of the longest magic.
const formatMagicLen = len(xzMagic)

// Bounds on what a payload may cost the host.
const (
	maxUnpacked = 1 << 30 // bytes that come out
	maxWindow   = 1 << 27 // history kept while unpacking: zstd -22 and xz as the kernel calls them
	payloadBuf  = 64 << 10
)

func detectFormat(b []byte) format {
	for _, f := range formatMagics {
		if bytes.HasPrefix(b, []byte(f.magic)) {
			return f.format
		}
	}
	return formatUnknown
}

// known reports whether open can unpack the format.
func (f format) known() bool { return f != formatUnknown && f != formatLZO }

func (f format) String() string {
	switch f {
	case formatNone:
		return "uncompressed"
	case formatGzip:
		return "gzip"
	case formatBzip2:
		return "bzip2"
	case formatLZMA:
		return "lzma"
	case formatXZ:
		return "xz"
	case formatLZO:
		return "lzo"
	case formatLZ4:
		return "lz4"
	case formatZstd:
		return "zstd"
	}
	return "of unknown format"
}

// open unpacks r. Behind all but gzip the kernel's build appends the unpacked size, four bytes that
// no decoder may take for data.
func (f format) open(r io.Reader) (io.ReadCloser, error) {
	br := bufio.NewReaderSize(r, payloadBuf)
	switch f {
	case formatNone:
		return io.NopCloser(br), nil
	case formatGzip:
		z, err := gzip.NewReader(br)
		if err != nil {
			return nil, err
		}
		z.Multistream(false)
		return z, nil
	case formatBzip2:
		return io.NopCloser(bzip2.NewReader(&trimmed{r: br})), nil
	case formatLZMA:
		return openLZMA(br)
	case formatXZ:
		return openXZ(br)
	case formatLZ4:
		return openLZ4(br)
	case formatZstd:
		return openZstd(br)
	}
	return nil, fmt.Errorf("payload %v: %w", f, errors.ErrUnsupported)
}

// openZstd unpacks zstd frames.
func openZstd(br *bufio.Reader) (io.ReadCloser, error) {
	z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderMaxMemory(maxUnpacked))
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
		return nil, fmt.Errorf("lzma dictionary of %s", sizeString(uint64(dict)))
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
