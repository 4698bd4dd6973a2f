package unpack

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"terem/boot/compression"

	"github.com/pierrec/lz4/v4"
)

// The kernel packs itself with lz4's legacy frame (lz4_Frame_format.md, "Legacy frame"): the magic,
// then blocks, each a u32 with its length and that many bytes, which unpack to 8 MiB, the last one
// to less. There is no end mark and no checksum.
const lz4BlockSize = 8 << 20

// lz4Reader unpacks a legacy frame block by block.
type lz4Reader struct {
	r      *bufio.Reader
	packed []byte // the last block as it was in the frame
	block  []byte // room for a block unpacked
	rest   []byte // what of it has not been read yet
	last   bool   // a block came out short: what follows is the kernel build's size field
}

func openLZ4(br *bufio.Reader) (io.ReadCloser, error) {
	if _, err := br.Discard(len(compression.LZ4LegacyMagic)); err != nil {
		return nil, err
	}
	return io.NopCloser(&lz4Reader{r: br}), nil
}

// Read implements io.Reader.
func (z *lz4Reader) Read(p []byte) (int, error) {
	for len(z.rest) == 0 {
		if err := z.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, z.rest)
	z.rest = z.rest[n:]
	return n, nil
}

// next unpacks one block.
func (z *lz4Reader) next() error {
	if z.last {
		return io.EOF
	}
	var size [4]byte
	if _, err := io.ReadFull(z.r, size[:]); err != nil {
		return err
	}
	n := int(binary.LittleEndian.Uint32(size[:]))
	if _, err := z.r.Peek(1); errors.Is(err, io.EOF) { // n is the size field: no block follows
		z.last = true
		return io.EOF
	}
	if n == 0 || n > lz4.CompressBlockBound(lz4BlockSize) {
		return fmt.Errorf("lz4 block of %d bytes", n)
	}
	if cap(z.packed) < n {
		z.packed = make([]byte, n)
	}
	z.packed = z.packed[:n]
	if _, err := io.ReadFull(z.r, z.packed); err != nil {
		return io.ErrUnexpectedEOF
	}
	if z.block == nil {
		z.block = make([]byte, lz4BlockSize)
	}
	m, err := lz4.UncompressBlock(z.packed, z.block)
	if err != nil {
		return err
	}
	z.rest, z.last = z.block[:m], m < lz4BlockSize
	return nil
}
