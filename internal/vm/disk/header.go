package disk

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// An overlay's file (ADR 0012). Numbers are little-endian.
//
//	0           8     magic "TEREMOVL"
//	8           4     version, 1
//	12          4     cluster bits: a cluster is 1 << bits bytes
//	16          8     size of the disk, bytes
//	24          8     size of the base's file, bytes
//	32          8     time of the base's last change, ns since 1970; 0: it is a device
//	40          4     format of the base: 1 raw, 2 qcow2
//	44          4     length of the base's path, bytes
//	48         32     SHA-256 of samples of the base's file
//	80       4012     path of the base, a hint for people; the rest is zero
//	4092        4     CRC-32C of all before
//	4096        b     bitmap: bit c%8 of byte c/8 says that cluster c is here; b is a
//	                  multiple of 4096
//	d           .     cluster c at d + c << bits; d is a multiple of the cluster size
const (
	overlayMagic   = "TEREMOVL"
	overlayVersion = 1
	headerSize     = 4096
	pathAt         = 80
	crcAt          = headerSize - 4

	clusterBits    = 16 // of new overlays
	minClusterBits = 12
	maxClusterBits = 21
	maxCluster     = 1 << maxClusterBits
	maxVirtual     = 16 << 40 // bytes
	maxBitmap      = 32 << 20 // bytes: maxVirtual in clusters of 64 KiB
	pageSize       = 4096     // of a bitmap: what is written at once
)

// ErrOverlay is wrapped by errors about an overlay's own bytes.
var ErrOverlay = errors.New("the overlay is damaged")

type baseFormat uint32

const (
	baseRaw   baseFormat = 1
	baseQcow2 baseFormat = 2
)

func (f baseFormat) String() string {
	return map[baseFormat]string{baseRaw: "raw", baseQcow2: "qcow2"}[f]
}

// header is what an overlay's first 4096 bytes say.
type header struct {
	shift uint  // a cluster is 1 << shift bytes
	size  int64 // bytes of the disk
	mark  baseMark
}

// baseMark tells one base from another.
type baseMark struct {
	size   int64 // bytes of its file
	mtime  int64 // ns since 1970; 0: a device
	format baseFormat
	sample [sha256.Size]byte
	path   string // a hint: not compared
}

func (h *header) cluster() int64     { return 1 << h.shift }
func (h *header) clusters() int64    { return (h.size + h.cluster() - 1) >> h.shift }
func (h *header) bitmapBytes() int64 { return roundUp((h.clusters()+7)/8, pageSize) }
func (h *header) data() int64        { return roundUp(headerSize+h.bitmapBytes(), h.cluster()) }
func (h *header) fileSize() int64    { return h.data() + h.size }

// roundUp rounds n up to a multiple of a power of two.
func roundUp(n, to int64) int64 { return (n + to - 1) &^ (to - 1) }

func (h *header) encode() []byte {
	b := make([]byte, headerSize)
	le := binary.LittleEndian
	copy(b, overlayMagic)
	le.PutUint32(b[8:], overlayVersion)
	le.PutUint32(b[12:], uint32(h.shift))
	le.PutUint64(b[16:], uint64(h.size))
	le.PutUint64(b[24:], uint64(h.mark.size))
	le.PutUint64(b[32:], uint64(h.mark.mtime))
	le.PutUint32(b[40:], uint32(h.mark.format))
	copy(b[48:], h.mark.sample[:])
	if len(h.mark.path) <= crcAt-pathAt { // else no hint
		le.PutUint32(b[44:], uint32(copy(b[pathAt:], h.mark.path)))
	}
	le.PutUint32(b[crcAt:], checksum(b))
	return b
}

func checksum(b []byte) uint32 {
	return crc32.Checksum(b[:crcAt], crc32.MakeTable(crc32.Castagnoli))
}

// decodeHeader checks everything that a header can say; b has headerSize bytes.
func decodeHeader(b []byte) (*header, error) {
	le := binary.LittleEndian
	if len(b) < headerSize || string(b[:8]) != overlayMagic {
		return nil, fmt.Errorf("%w: it does not begin as an overlay does", ErrOverlay)
	}
	if v := le.Uint32(b[8:]); v != overlayVersion {
		return nil, fmt.Errorf("an overlay of version %d; this terem knows version %d", v, overlayVersion)
	}
	if le.Uint32(b[crcAt:]) != checksum(b) {
		return nil, fmt.Errorf("%w: the header's checksum is wrong", ErrOverlay)
	}
	h := &header{shift: uint(le.Uint32(b[12:]))}
	h.mark.format = baseFormat(le.Uint32(b[40:]))
	h.mark.mtime = int64(le.Uint64(b[32:]))
	copy(h.mark.sample[:], b[48:])
	size, base, path := le.Uint64(b[16:]), le.Uint64(b[24:]), le.Uint32(b[44:])
	switch {
	case h.shift < minClusterBits || h.shift > maxClusterBits:
		return nil, fmt.Errorf("%w: clusters of 2^%d bytes", ErrOverlay, h.shift)
	case size == 0 || size > maxVirtual || size%sectorSize != 0:
		return nil, fmt.Errorf("%w: a disk of %d bytes", ErrOverlay, size)
	case base > maxVirtual:
		return nil, fmt.Errorf("%w: a base of %d bytes", ErrOverlay, base)
	case h.mark.format.String() == "":
		return nil, fmt.Errorf("%w: a base of unknown format %d", ErrOverlay, h.mark.format)
	case path > crcAt-pathAt:
		return nil, fmt.Errorf("%w: a path of %d bytes", ErrOverlay, path)
	}
	h.size, h.mark.size, h.mark.path = int64(size), int64(base), string(b[pathAt:pathAt+path])
	if h.bitmapBytes() > maxBitmap {
		return nil, fmt.Errorf("%w: a bitmap of %d bytes", ErrOverlay, h.bitmapBytes())
	}
	return h, nil
}
