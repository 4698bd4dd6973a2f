package qcow2

import (
	"encoding/binary"
)

// Source is the file that an image is in. Ranges are within Size.
type Source interface {
	Size() int64 // bytes
	ReadVec(iov [][]byte, off int64) error
}

// Image is the disk in a qcow2 file. Its methods may be called from several
// goroutines at once.
type Image struct {
	Header
	src     Source
	decoder NewDecoder
	table   []uint64 // L1
	cache   l2cache
	plain   inflated
}

// Open reads header and L1 table. Without d no compressed cluster can be read. The source stays the caller's to close.
func Open(src Source, d NewDecoder) (*Image, error) {
	b := make([]byte, min(headerMax, src.Size()))
	if err := src.ReadVec([][]byte{b}, 0); err != nil {
		return nil, err
	}
	h, err := DecodeHeader(b, src.Size())
	if err != nil {
		return nil, err
	}
	im := &Image{Header: *h, src: src, decoder: d, table: make([]uint64, h.l1Entries)}
	b = make([]byte, h.l1Entries*8)
	if err := src.ReadVec([][]byte{b}, h.l1); err != nil {
		return nil, err
	}
	for i := range im.table {
		im.table[i] = binary.BigEndian.Uint64(b[i*8:])
	}
	return im, nil
}

// Size is the disk's, in bytes.
func (im *Image) Size() int64 { return im.Header.Size }

// ReadVec fills iov from off on. The range is within Size.
func (im *Image) ReadVec(iov [][]byte, off int64) error {
	var n int64
	for _, p := range iov {
		n += int64(len(p))
	}
	w := window{iov: iov}
	for n > 0 {
		at, size, err := im.run(off, n)
		if err != nil {
			return err
		}
		switch at.kind {
		case kindZero:
			w.zero(size)
		case kindData:
			err = im.readData(&w, at.off, size)
		case kindCompressed:
			err = im.readCompressed(&w, at.desc, off&(im.cluster()-1), size)
		}
		if err != nil {
			return err
		}
		off, n = off+size, n-size
	}
	return nil
}

// run finds where the disk's bytes at off are, and how many of n lie there in a row.
func (im *Image) run(off, n int64) (place, int64, error) {
	within := off & (im.cluster() - 1)
	first, err := im.find(off >> im.ClusterBits)
	if err != nil {
		return place{}, 0, err
	}
	size := im.cluster() - within
	for next := first; size < n && first.kind != kindCompressed; size += im.cluster() {
		if next.kind == kindData {
			next.off += im.cluster()
		}
		p, err := im.find((off + size) >> im.ClusterBits)
		if err != nil || p != next {
			break // an error comes up when its own turn has come
		}
	}
	if first.kind == kindData {
		first.off += within
	}
	return first, min(size, n), nil
}

// readData reads from the file; behind its end, in its last cluster, are zeros.
func (im *Image) readData(w *window, off, n int64) error {
	there := max(0, min(n, im.src.Size()-off))
	if there > 0 {
		if err := im.src.ReadVec(w.take(there), off); err != nil {
			return err
		}
	}
	w.zero(n - there)
	return nil
}

// window is what is still to be filled of a request.
type window struct {
	iov   [][]byte
	from  int64    // bytes of iov[0] that are done
	parts [][]byte // for take to use again
}

// take gives the next n bytes as slices of the request.
func (w *window) take(n int64) [][]byte {
	w.parts = w.parts[:0]
	for n > 0 {
		p := w.iov[0][w.from:]
		if size := int64(len(p)); size <= n {
			w.iov, w.from = w.iov[1:], 0
		} else {
			p = p[:n]
			w.from += n
		}
		n -= int64(len(p))
		w.parts = append(w.parts, p)
	}
	return w.parts
}

func (w *window) zero(n int64) {
	for _, p := range w.take(n) {
		clear(p)
	}
}

func (w *window) fill(b []byte) {
	for _, p := range w.take(int64(len(b))) {
		b = b[copy(p, b):]
	}
}
