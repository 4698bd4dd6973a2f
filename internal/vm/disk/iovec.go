package disk

import (
	"errors"
	"io"
	"sync"

	"golang.org/x/sys/unix"
)

// iovMax is the most pieces that one preadv takes (UIO_MAXIOV, linux/uio.h).
const iovMax = 1024

// transfer is preadv or pwritev.
type transfer func(fd int, v []unix.Iovec, off int64) (int, error)

// single is pread or pwrite, which costs a tenth less where there is one piece.
type single func(fd int, p []byte, off int64) (int, error)

// direction is reading or writing.
type direction struct {
	many transfer
	one  single
}

func reading() direction { return direction{preadv, unix.Pread} }
func writing() direction { return direction{pwritev, unix.Pwrite} }

// vector is a request's pieces in the kernel's form, kept from request to request.
type vector struct{ v []unix.Iovec }

// vectors lends vectors.
type vectors struct{ pool sync.Pool }

// move reads or writes all of iov at off. Short transfers go on where they ended and
// interrupted ones again; a transfer of nothing is io.ErrUnexpectedEOF.
func (p *vectors) move(do direction, fd int, iov [][]byte, off int64) error {
	if len(iov) == 1 {
		return moveOne(do.one, fd, iov[0], off)
	}
	vec := p.get(iov)
	defer p.put(vec)
	return vec.move(do.many, fd, off)
}

// cached reads all of iov at off if the page cache has it, and says whether it did. After an
// error it did not, and move will tell the error.
func (p *vectors) cached(fd int, iov [][]byte, off int64) bool {
	vec := p.get(iov)
	defer p.put(vec)
	if len(vec.v) > iovMax {
		return false
	}
	n, err := preadvCached(fd, vec.v, off)
	return err == nil && int64(n) == total(iov)
}

// get borrows a vector and fills it.
func (p *vectors) get(iov [][]byte) *vector {
	vec, ok := p.pool.Get().(*vector)
	if !ok {
		vec = &vector{}
	}
	for _, p := range iov {
		if len(p) == 0 {
			continue
		}
		e := unix.Iovec{Base: &p[0]}
		e.SetLen(len(p))
		vec.v = append(vec.v, e)
	}
	return vec
}

func (p *vectors) put(vec *vector) {
	clear(vec.v) // keep nobody's memory alive
	vec.v = vec.v[:0]
	p.pool.Put(vec)
}

func (vec *vector) move(do transfer, fd int, off int64) error {
	for left := vec.v; len(left) > 0; {
		n, err := do(fd, left[:min(len(left), iovMax)], off)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return err
		case n == 0:
			return io.ErrUnexpectedEOF
		}
		off += int64(n)
		left = advance(left, n)
	}
	return nil
}

func moveOne(do single, fd int, p []byte, off int64) error {
	for len(p) > 0 {
		n, err := do(fd, p, off)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return err
		case n == 0:
			return io.ErrUnexpectedEOF
		}
		p, off = p[n:], off+int64(n)
	}
	return nil
}

// advance drops the first n bytes.
func advance(v []unix.Iovec, n int) []unix.Iovec {
	for len(v) > 0 && uint64(n) >= v[0].Len {
		n -= int(v[0].Len)
		v = v[1:]
	}
	if n > 0 && len(v) > 0 {
		v[0].Base = skip(v[0], n)
		v[0].Len -= uint64(n)
	}
	return v
}

// total is the length of all pieces, in bytes.
func total(iov [][]byte) (n int64) {
	for _, p := range iov {
		n += int64(len(p))
	}
	return n
}

// cut appends to dst the n bytes of iov that begin at from.
func cut(dst, iov [][]byte, from, n int64) [][]byte {
	for _, p := range iov {
		size := int64(len(p))
		if from >= size {
			from -= size
			continue
		}
		p = p[from:min(size, from+n)]
		from = 0
		if n -= int64(len(p)); len(p) > 0 {
			dst = append(dst, p)
		}
		if n == 0 {
			break
		}
	}
	return dst
}
