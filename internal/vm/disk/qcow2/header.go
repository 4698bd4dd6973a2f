package qcow2

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Magic begins every qcow2 file.
const Magic = "QFI\xfb"

// ErrCorrupt is wrapped by errors about an image that contradicts itself or its
// format.
var ErrCorrupt = errors.New("the qcow2 image is damaged")

// ErrUnsupported is wrapped by errors about a feature that this package lacks.
var ErrUnsupported = errors.New("the qcow2 image needs what terem does not have")

// A header, big-endian. Version 2 ends at byte 72.
//
//	0  4  magic               36 4  L1 entries               72  8  incompatible features
//	4  4  version             40 8  L1 offset                80  8  compatible features
//	8  8  backing file        48 8  refcount table offset    88  8  autoclear features
//	16 4  its name's length   56 4  refcount table clusters  96  4  refcount order
//	20 4  cluster bits        60 4  snapshots                100 4  header length
//	24 8  size in bytes       64 8  snapshot table offset    104 1  compression type
//	32 4  encryption
const (
	headerV2  = 72
	headerV3  = 104
	headerMax = 112

	minClusterBits = 9
	maxClusterBits = 21
	sector         = 512
	maxL1Bytes     = 32 << 20 // as QEMU has it (QCOW_MAX_L1_SIZE)
	maxRefBytes    = 8 << 20  // likewise (QCOW_MAX_REFTABLE_SIZE)
	maxSize        = 1 << 50  // bytes; sums of offsets stay far from overflow
)

// Incompatible features. Bit 0, dirty, says that refcounts may be wrong, which is of
// no concern to a reader.
const (
	featureDirty       = 1 << 0
	featureCorrupt     = 1 << 1
	featureData        = 1 << 2
	featureCompression = 1 << 3
	featureExtendedL2  = 1 << 4

	autoclearBitmaps = 1 << 0
)

// Header is what terem uses of an image's header.
type Header struct {
	Version     uint32
	ClusterBits uint
	Size        int64 // of the disk, bytes
	Snapshots   uint32
	Compression string // "zlib" or "zstd"
	Dirty       bool   // not closed properly: refcounts may be wrong

	l1Entries    int64 // as many as the disk needs
	l1All        int64 // as many as there are
	snapshots    int64 // offset of their table
	bitmaps      bool  // the extension about bitmaps is valid
	length       int64 // of the header; extensions follow
	l1           int64 // offset
	refTable     int64 // offset
	refClusters  int64
	refcountBits uint // of one refcount
}

func (h *Header) cluster() int64 { return 1 << h.ClusterBits }

// l2Entries is how many clusters one L2 table maps.
func (h *Header) l2Entries() int64 { return h.cluster() / 8 }

func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrCorrupt}, args...)...)
}

func unsupported(what string) error { return fmt.Errorf("%w: %s", ErrUnsupported, what) }

// DecodeHeader reads a header from the first bytes of a file of fileSize bytes.
func DecodeHeader(b []byte, fileSize int64) (*Header, error) {
	be := binary.BigEndian
	if len(b) < headerV2 || string(b[:4]) != Magic {
		return nil, corrupt("no header")
	}
	h := &Header{Version: be.Uint32(b[4:]), ClusterBits: uint(be.Uint32(b[20:])), Snapshots: be.Uint32(b[60:]), Compression: "zlib", refcountBits: 16, length: headerV2}
	if h.Version != 2 && h.Version != 3 {
		return nil, unsupported(fmt.Sprintf("version %d", h.Version))
	}
	if h.ClusterBits < minClusterBits || h.ClusterBits > maxClusterBits {
		return nil, corrupt("clusters of 2^%d bytes", h.ClusterBits)
	}
	if h.Version == 3 {
		if err := h.decodeV3(b); err != nil {
			return nil, err
		}
	}
	switch {
	case be.Uint64(b[8:]) != 0:
		return nil, unsupported("a backing file; merge it: `qemu-img convert -O qcow2 IMAGE NEW`")
	case be.Uint32(b[32:]) != 0:
		return nil, unsupported("encryption")
	}
	return h, h.decodeTables(b, fileSize)
}

func (h *Header) decodeV3(b []byte) error {
	be := binary.BigEndian
	if len(b) < headerV3 {
		return corrupt("the header is cut off")
	}
	features := be.Uint64(b[72:])
	h.Dirty = features&featureDirty != 0
	h.bitmaps = be.Uint64(b[88:])&autoclearBitmaps != 0
	h.length = int64(be.Uint32(b[100:]))
	switch {
	case features&featureCorrupt != 0:
		return corrupt("it says so itself; `qemu-img check -r all` may mend it")
	case features&featureData != 0:
		return unsupported("an external data file; `qemu-img convert -O qcow2 IMAGE NEW` takes it in")
	case features&featureExtendedL2 != 0:
		return unsupported("extended L2 entries; `qemu-img convert -O qcow2 IMAGE NEW` does without")
	case features&^(featureDirty|featureCompression) != 0:
		return unsupported(fmt.Sprintf("features %#x", features))
	}
	order := be.Uint32(b[96:])
	if order > 6 {
		return corrupt("refcount order %d", order)
	}
	h.refcountBits = 1 << order
	if features&featureCompression == 0 {
		return nil
	}
	if be.Uint32(b[100:]) <= headerV3 || len(b) <= headerV3 {
		return corrupt("a compression type outside its header")
	}
	switch b[104] {
	case 0:
	case 1:
		h.Compression = "zstd"
	default:
		return unsupported(fmt.Sprintf("compression %d", b[104]))
	}
	return nil
}

// decodeTables checks size and tables against each other and the file.
func (h *Header) decodeTables(b []byte, fileSize int64) error {
	be := binary.BigEndian
	size, l1, ref := be.Uint64(b[24:]), be.Uint64(b[40:]), be.Uint64(b[48:])
	entries, clusters := int64(be.Uint32(b[36:])), int64(be.Uint32(b[56:]))
	switch {
	case size == 0 || size%sector != 0 || size > maxSize:
		return corrupt("a disk of %d bytes", size)
	case entries*8 > maxL1Bytes:
		return corrupt("%d entries in the L1 table", entries)
	case clusters > maxRefBytes>>h.ClusterBits && clusters > 1:
		return corrupt("%d clusters of refcount table", clusters)
	}
	h.Size = int64(size)
	need := (h.Size + h.cluster()*h.l2Entries() - 1) / (h.cluster() * h.l2Entries())
	if entries < need {
		return corrupt("%d entries in the L1 table for %d", entries, need)
	}
	for _, t := range []struct {
		name  string
		at    uint64
		bytes int64
	}{{"L1 table", l1, entries * 8}, {"refcount table", ref, clusters << h.ClusterBits}} {
		if t.at%uint64(h.cluster()) != 0 || t.at > uint64(fileSize) || t.bytes > fileSize-int64(t.at) {
			return corrupt("the %s is at %#x, outside the file or between clusters", t.name, t.at)
		}
	}
	h.l1Entries, h.l1All, h.l1, h.refTable, h.refClusters = need, entries, int64(l1), int64(ref), clusters
	h.snapshots = int64(be.Uint64(b[64:])) // below zero is outside the file
	return nil
}
