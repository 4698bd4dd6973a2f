package disk

import (
	"errors"
	"sync"
)

// overlay is a disk whose writes go into a file of its own, in front of a base that
// never changes. A cluster of it is in the file as a whole or not at all.
//
// Order makes a crash harmless: data goes into the file, then its bit is set in
// memory, and a Flush writes to the medium first data, then the bits which were set
// before it began. A bit on the medium thus says that the cluster's data is there.
// A cluster whose bit did not make it still shows the base: its writes were never
// flushed, and may be lost.
type overlay struct {
	header
	base     store
	file     store
	readOnly bool
	bits     *bitmap
	locks    [64]sync.Mutex // by cluster: who brings it in
	pool     sync.Pool      // of *scratch
	flush    sync.Mutex     // guards what follows
	pages    []page         // for Flush to use again
	lost     error          // the first failed flush of data
}

// scratch is what one request of several parts needs.
type scratch struct {
	iov [][]byte
	one [1][]byte
	buf []byte // a cluster
}

func (o *overlay) Size() int64 { return o.size }

func (o *overlay) borrow() *scratch {
	if s, ok := o.pool.Get().(*scratch); ok {
		return s
	}
	return &scratch{}
}

func (o *overlay) giveBack(s *scratch) {
	clear(s.iov)
	s.iov = s.iov[:0]
	o.pool.Put(s)
}

// parts cuts a range into runs of clusters that are all there or all not, and calls f
// for each; from is where it begins within the range. All are in bytes.
func (o *overlay) parts(off, n int64, f func(here bool, from, n int64) error) error {
	end := (off + n + o.cluster() - 1) >> o.shift
	for from := int64(0); from < n; {
		here, to := o.bits.run((off+from)>>o.shift, end)
		size := min(to<<o.shift-off, n) - from
		if err := f(here, from, size); err != nil {
			return err
		}
		from += size
	}
	return nil
}

func (o *overlay) ReadVec(iov [][]byte, off int64) error {
	s := o.borrow()
	defer o.giveBack(s)
	return o.parts(off, total(iov), func(here bool, from, n int64) error {
		s.iov = cut(s.iov[:0], iov, from, n)
		if here {
			return o.file.ReadVec(s.iov, o.data()+off+from)
		}
		return o.base.ReadVec(s.iov, off+from)
	})
}

func (o *overlay) WriteVec(iov [][]byte, off int64) error {
	s := o.borrow()
	defer o.giveBack(s)
	return o.parts(off, total(iov), func(here bool, from, n int64) error {
		if here {
			s.iov = cut(s.iov[:0], iov, from, n)
			return o.file.WriteVec(s.iov, o.data()+off+from)
		}
		return o.eachCluster(off+from, n, func(at, n int64) error {
			return o.bringIn(s, iov, at-off, at, n)
		})
	})
}

// eachCluster cuts a range at cluster boundaries.
func (o *overlay) eachCluster(off, n int64, f func(off, n int64) error) error {
	for n > 0 {
		size := min(o.cluster()-off&(o.cluster()-1), n)
		if err := f(off, size); err != nil {
			return err
		}
		off, n = off+size, n-size
	}
	return nil
}

// bringIn writes n bytes of iov at off, which is within one cluster, and around them
// what the base has. Whoever comes second finds the cluster here.
func (o *overlay) bringIn(s *scratch, iov [][]byte, from, off, n int64) error {
	c := off >> o.shift
	mu := &o.locks[c%int64(len(o.locks))]
	mu.Lock()
	defer mu.Unlock()
	if o.bits.has(c) {
		s.iov = cut(s.iov[:0], iov, from, n)
		return o.file.WriteVec(s.iov, o.data()+off)
	}
	start := c << o.shift
	end := min(start+o.cluster(), o.size)
	if s.buf == nil && n < end-start {
		s.buf = make([]byte, o.cluster())
	}
	s.iov = s.iov[:0]
	if err := o.around(s, start, off-start); err != nil {
		return err
	}
	s.iov = cut(s.iov, iov, from, n)
	if err := o.around(s, off+n, end-off-n); err != nil {
		return err
	}
	if err := o.file.WriteVec(s.iov, o.data()+start); err != nil {
		return err
	}
	o.bits.set(c)
	return nil
}

// around reads n bytes of the base at off into the cluster's buffer and appends them
// to the request.
func (o *overlay) around(s *scratch, off, n int64) error {
	if n == 0 {
		return nil
	}
	at := off & (o.cluster() - 1)
	p := s.buf[at : at+n]
	s.one[0] = p
	if err := o.base.ReadVec(s.one[:], off); err != nil {
		return err
	}
	s.iov = append(s.iov, p)
	return nil
}

// Discard frees what is here. What is not here stays as the base has it: contents are
// undefined after a discard.
func (o *overlay) Discard(off, n int64) error {
	return o.parts(off, n, func(here bool, from, n int64) error {
		if !here {
			return nil
		}
		return o.file.Discard(o.data()+off+from, n)
	})
}

func (o *overlay) WriteZeroes(off, n int64, unmap bool) error {
	s := o.borrow()
	defer o.giveBack(s)
	return o.parts(off, n, func(here bool, from, n int64) error {
		if here {
			return o.file.WriteZeroes(o.data()+off+from, n, unmap)
		}
		return o.eachCluster(off+from, n, func(at, n int64) error { return o.zeroCluster(s, at, n) })
	})
}

// zeroCluster makes part of a cluster zero, or all of it.
func (o *overlay) zeroCluster(s *scratch, off, n int64) error {
	c := off >> o.shift
	start := c << o.shift
	if n < min(o.cluster(), o.size-start) {
		var iov [maxCluster / zeroSize][]byte
		k := 0
		for left := n; left > 0; k++ {
			iov[k] = zeros[:min(left, zeroSize)]
			left -= int64(len(iov[k]))
		}
		return o.bringIn(s, iov[:k], 0, off, n)
	}
	mu := &o.locks[c%int64(len(o.locks))]
	mu.Lock()
	defer mu.Unlock()
	// A write that a crash undid may have left bytes there: a hole is not enough of a
	// promise until it has been punched.
	if err := o.file.WriteZeroes(o.data()+start, n, true); err != nil {
		return err
	}
	o.bits.set(c)
	return nil
}

// Flush makes data durable, then the bits that vouch for it. If data could not be
// made durable, no bit is written ever again: the file stays as the last good flush
// left it.
func (o *overlay) Flush() error {
	o.flush.Lock()
	defer o.flush.Unlock()
	if o.lost != nil {
		return o.lost
	}
	// Bits before data: a bit that is copied now is of data written before.
	o.pages = o.bits.take(o.pages[:0])
	if o.lost = o.file.Flush(); o.lost != nil || len(o.pages) == 0 {
		return o.lost
	}
	for i := range o.pages {
		p := &o.pages[i]
		if err := o.file.WriteVec([][]byte{p.b[:]}, headerSize+int64(p.index)*pageSize); err != nil {
			for _, q := range o.pages {
				o.bits.dirty[q.index].Store(true)
			}
			return err
		}
	}
	o.lost = o.file.Flush()
	return o.lost
}

// Close flushes, so that an orderly end loses nothing, whether or not the guest has.
func (o *overlay) Close() error {
	var err error
	if !o.readOnly {
		err = o.Flush()
	}
	return errors.Join(err, o.file.Close(), o.base.Close())
}
