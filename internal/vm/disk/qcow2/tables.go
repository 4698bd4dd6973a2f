package qcow2

import (
	"encoding/binary"
	"sync"
)

// Entries of L1 and L2 tables.
const (
	offsetMask     = 1<<56 - 1<<9 // bits 9 to 55
	flagCompressed = 1 << 62      // L2
	flagZero       = 1 << 0       // L2, version 3
	flagCopied     = 1 << 63      // refcount is exactly one
	l1Reserved     = 0x7f000000000001ff
	l2Reserved     = 0x3f000000000001fe
)

// kind is how a cluster of the disk is stored.
type kind int

const (
	kindZero       kind = iota // nowhere: it reads as zeros
	kindData                   // as it is
	kindCompressed             //
)

// place is where a cluster is.
type place struct {
	kind kind
	off  int64  // kindData: in the file
	desc uint64 // kindCompressed: the descriptor
}

// The cache of L2 tables holds pieces of them.
const (
	cacheSlots = 16
	cachePiece = 4096 // bytes, or a cluster if that is less
)

// l2cache is direct-mapped: a piece has one slot that it can be in.
type l2cache struct {
	mu   sync.Mutex
	slot [cacheSlots]struct {
		off int64 // in the file; -1: nothing was read
		b   []byte
	}
}

// l2 reads the L2 entry at off, which is within the file.
func (im *Image) l2(off int64) (uint64, error) {
	size := min(cachePiece, im.cluster())
	piece := off &^ (size - 1)
	im.cache.mu.Lock()
	defer im.cache.mu.Unlock()
	s := &im.cache.slot[piece/size%cacheSlots]
	if s.b == nil || s.off != piece {
		s.off = -1 // until it is read
		if s.b == nil {
			s.b = make([]byte, size)
		}
		if err := im.src.ReadVec([][]byte{s.b}, piece); err != nil {
			return 0, err
		}
		s.off = piece
	}
	return binary.BigEndian.Uint64(s.b[off-piece:]), nil
}

// l2Table gives the offset of an L2 table; 0: there is none.
func (im *Image) l2Table(i int64) (int64, error) {
	return im.l2At(i, im.table[i])
}

// l2At is where L1 entry i, e, has its L2 table.
func (im *Image) l2At(i int64, e uint64) (int64, error) {
	at := int64(e & offsetMask)
	if at != 0 && (at&(im.cluster()-1) != 0 || at > im.src.Size()-im.cluster()) {
		return 0, corrupt("L1 entry %d, %#x, is outside the file or between clusters", i, e)
	}
	return at, nil
}

// find looks a cluster of the disk up.
func (im *Image) find(c int64) (place, error) {
	table, err := im.l2Table(c / im.l2Entries())
	if err != nil || table == 0 {
		return place{}, err
	}
	e, err := im.l2(table + c%im.l2Entries()*8)
	if err != nil {
		return place{}, err
	}
	return im.decodeL2(c, e)
}

func (im *Image) decodeL2(c int64, e uint64) (place, error) {
	if e&flagCompressed != 0 {
		return place{kind: kindCompressed, desc: e &^ (flagCompressed | flagCopied)}, nil
	}
	at := int64(e & offsetMask)
	switch {
	case e&flagZero != 0 && im.Version == 3, at == 0:
		return place{}, nil
	case at&(im.cluster()-1) != 0 || at >= im.src.Size():
		return place{}, corrupt("cluster %d is at %#x, outside the file or between clusters", c, at)
	}
	return place{kind: kindData, off: at}, nil
}
