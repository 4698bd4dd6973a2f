package unpack

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"

	"terem/boot/compression"

	"github.com/ulikunitz/xz/lzma"
)

// A kernel's xz payload (The .xz File Format 1.2.1) is packed with the x86 filter in front of
// LZMA2, which the xz package does not undo; so the container is read here and LZMA2 left to it.
//
//	stream header   6 bytes of magic, u8 zero, u8 check type, u32 CRC-32 of the two
//	block header    u8 length/4 - 1, u8 flags, [packed size], [unpacked size], filters, zeros, CRC-32
//	block           data, zeros up to 4 bytes, check
//	...             more blocks
//	index           begins with a zero byte
const (
	xzStreamHeader  = 12
	xzFilterX86     = 0x04
	xzFilterLZMA2   = 0x21
	xzHasPacked     = 1 << 6
	xzHasUnpacked   = 1 << 7
	xzFilterCount   = 0x03
	xzReservedFlags = 0x3c
	xzCheckNone     = 0
	xzCheckCRC32    = 1
	xzCheckCRC64    = 4
	xzCheckSHA256   = 10
)

var errXZ = errors.New("corrupt xz data")

// xzReader unpacks the blocks of one xz stream.
type xzReader struct {
	r     countingReader
	check byte
	sum   hash.Hash // nil: the check is not verified
	block io.Reader // nil between blocks
	start int64     // where the block's data begins
}

// countingReader counts what is read from r.
type countingReader struct {
	r *bufio.Reader
	n int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// ReadByte implements io.ByteReader, so that the LZMA2 decoder takes no byte more than it needs.
func (c *countingReader) ReadByte() (byte, error) {
	b, err := c.r.ReadByte()
	if err == nil {
		c.n++
	}
	return b, err
}

func openXZ(br *bufio.Reader) (io.ReadCloser, error) {
	z := &xzReader{r: countingReader{r: br}}
	var h [xzStreamHeader]byte
	if _, err := io.ReadFull(&z.r, h[:]); err != nil {
		return nil, io.ErrUnexpectedEOF
	}
	if string(h[:6]) != compression.XZMagic || crc32.ChecksumIEEE(h[6:8]) != binary.LittleEndian.Uint32(h[8:]) {
		return nil, fmt.Errorf("%w: stream header", errXZ)
	}
	z.check = h[7]
	switch z.check {
	case xzCheckCRC32:
		z.sum = crc32.NewIEEE()
	case xzCheckCRC64:
		z.sum = crc64.New(crc64.MakeTable(crc64.ECMA))
	case xzCheckNone, xzCheckSHA256: // the kernel uses neither
	default:
		return nil, fmt.Errorf("%w: check type %d", errXZ, z.check)
	}
	return io.NopCloser(z), nil
}

// Read implements io.Reader.
func (z *xzReader) Read(p []byte) (int, error) {
	for {
		if z.block == nil {
			if err := z.openBlock(); err != nil {
				return 0, err
			}
		}
		n, err := z.block.Read(p)
		if z.sum != nil {
			z.sum.Write(p[:n])
		}
		if errors.Is(err, io.EOF) {
			err = z.closeBlock()
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// openBlock reads a block header; the index in its place is the end of the data.
func (z *xzReader) openBlock() error {
	size, err := z.r.ReadByte()
	if err != nil {
		return io.ErrUnexpectedEOF
	}
	if size == 0 {
		return io.EOF
	}
	h := make([]byte, (int(size)+1)*4)
	h[0] = size
	if _, err := io.ReadFull(&z.r, h[1:]); err != nil {
		return io.ErrUnexpectedEOF
	}
	body := h[:len(h)-4]
	if crc32.ChecksumIEEE(body) != binary.LittleEndian.Uint32(h[len(body):]) {
		return fmt.Errorf("%w: block header", errXZ)
	}
	dict, x86, err := parseXZBlock(body)
	if err != nil {
		return err
	}
	z.start = z.r.n
	lz, err := lzma.Reader2Config{DictCap: dict}.NewReader2(&z.r)
	if err != nil {
		return err
	}
	z.block = lz
	if x86 {
		z.block = newX86Filter(lz)
	}
	return nil
}

// closeBlock reads the padding and the check that follow a block's data.
func (z *xzReader) closeBlock() error {
	z.block = nil
	sizes := [...]int{xzCheckNone: 0, xzCheckCRC32: 4, xzCheckCRC64: 8, xzCheckSHA256: 32}
	pad := int(-(z.r.n - z.start) & 3)
	tail := make([]byte, pad+sizes[z.check])
	if _, err := io.ReadFull(&z.r, tail); err != nil {
		return io.ErrUnexpectedEOF
	}
	if z.sum == nil {
		return nil
	}
	got := z.sum.Sum(nil) // big-endian; the file has it little-endian
	z.sum.Reset()
	want := tail[pad:]
	for i := range want {
		if want[i] != got[len(got)-1-i] {
			return fmt.Errorf("%w: checksum of the data", errXZ)
		}
	}
	return nil
}

// parseXZBlock reads a block header without its checksum: the size of LZMA2's dictionary and
// whether the x86 filter comes after it.
func parseXZBlock(h []byte) (dict int, x86 bool, err error) {
	flags := h[1]
	if flags&xzReservedFlags != 0 {
		return 0, false, fmt.Errorf("%w: block flags %#x", errXZ, flags)
	}
	r := bytes.NewReader(h[2:])
	for _, present := range []byte{xzHasPacked, xzHasUnpacked} {
		if flags&present == 0 {
			continue
		}
		if _, err := binary.ReadUvarint(r); err != nil {
			return 0, false, fmt.Errorf("%w: block sizes", errXZ)
		}
	}
	var ids []uint64
	var props []byte
	for range flags&xzFilterCount + 1 {
		var id uint64
		if id, props, err = readXZFilter(r); err != nil {
			return 0, false, err
		}
		ids = append(ids, id)
		if id == xzFilterX86 && len(props) != 0 {
			return 0, false, fmt.Errorf("%w: x86 filter with a start offset", errors.ErrUnsupported)
		}
	}
	x86 = len(ids) == 2 && ids[0] == xzFilterX86
	if ids[len(ids)-1] != xzFilterLZMA2 || len(ids) > 1 && !x86 || len(props) != 1 {
		return 0, false, fmt.Errorf("%w: xz filters %#x", errors.ErrUnsupported, ids)
	}
	dict, err = xzDictSize(props[0])
	return dict, x86, err
}

// readXZFilter reads a filter's number and its properties.
func readXZFilter(r *bytes.Reader) (id uint64, props []byte, err error) {
	id, err = binary.ReadUvarint(r)
	if err != nil {
		return 0, nil, fmt.Errorf("%w: filter", errXZ)
	}
	n, err := binary.ReadUvarint(r)
	if err != nil || n > uint64(r.Len()) {
		return 0, nil, fmt.Errorf("%w: filter properties", errXZ)
	}
	props = make([]byte, n)
	_, err = io.ReadFull(r, props)
	return id, props, err
}

// xzDictSize decodes LZMA2's property byte: 2 or 3, shifted (section 5.3.1).
func xzDictSize(p byte) (int, error) {
	size := uint64(2|p&1) << (p/2 + 11)
	if p > 40 || size > maxWindow {
		return 0, fmt.Errorf("xz dictionary of %d bytes", size)
	}
	return int(size), nil
}
