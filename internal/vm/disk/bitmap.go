package disk

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"sync/atomic"
)

const pageBits = pageSize * 8 // clusters of one page of the bitmap

// bitmap says which clusters an overlay has. Bits are only ever set. It may be read
// and set from several goroutines; page flags say what the medium does not have yet.
type bitmap struct {
	n     int64 // clusters
	words []atomic.Uint64
	dirty []atomic.Bool // one a page
}

// page is a copy of one page of a bitmap.
type page struct {
	index int
	b     [pageSize]byte
}

func newBitmap(clusters int64) *bitmap {
	pages := (clusters + pageBits - 1) / pageBits
	return &bitmap{n: clusters, words: make([]atomic.Uint64, pages*pageSize/8), dirty: make([]atomic.Bool, pages)}
}

// load reads a bitmap from an overlay's file.
func (m *bitmap) load(s store) error {
	var b [pageSize]byte
	iov := [][]byte{b[:]}
	for p := range m.dirty {
		if err := s.ReadVec(iov, headerSize+int64(p)*pageSize); err != nil {
			return err
		}
		for i := range pageSize / 8 {
			m.words[p*pageSize/8+i].Store(binary.LittleEndian.Uint64(b[i*8:]))
		}
	}
	for c := m.n; c < int64(len(m.words))*64; c++ {
		if m.has(c) {
			return fmt.Errorf("%w: the bitmap has cluster %d, and the disk ends before it", ErrOverlay, c)
		}
	}
	return nil
}

func (m *bitmap) has(c int64) bool { return m.words[c/64].Load()&(1<<(c%64)) != 0 }

// set is called when the cluster's data has been written.
func (m *bitmap) set(c int64) {
	m.words[c/64].Or(1 << (c % 64))
	m.dirty[c/pageBits].Store(true)
}

// run says whether cluster c is there, and up to which one before end that is so too.
func (m *bitmap) run(c, end int64) (has bool, to int64) {
	has = m.has(c)
	for to = c; to < end; {
		w := m.words[to/64].Load() >> (to % 64)
		if has {
			w = ^w
		}
		if same := int64(bits.TrailingZeros64(w)); same < 64-to%64 {
			return has, max(min(to+same, end), c+1)
		}
		to += 64 - to%64
	}
	return has, end
}

// count is how many clusters are there.
func (m *bitmap) count() (n int64) {
	for i := range m.words {
		n += int64(bits.OnesCount64(m.words[i].Load()))
	}
	return n
}

// take appends copies of the dirty pages, which are clean from now on. A bit that is
// set meanwhile makes its page dirty again.
func (m *bitmap) take(pages []page) []page {
	for p := range m.dirty {
		if !m.dirty[p].Swap(false) {
			continue
		}
		pages = append(pages, page{index: p})
		b := pages[len(pages)-1].b[:]
		for i := range pageSize / 8 {
			binary.LittleEndian.PutUint64(b[i*8:], m.words[p*pageSize/8+i].Load())
		}
	}
	return pages
}
