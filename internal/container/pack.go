package container

import (
	"encoding/binary"
	"io"
)

// A message is packed field by field: numbers as 4 bytes, low one first; flags as one; texts
// as a length and their bytes. Arguments, environment and paths are bytes to the kernel and
// to programs, in no encoding at all, so nothing is made of them on the way. One method of
// the message lists its fields, for both ways.

type message interface{ pack(packer) }

// packer takes fields into a message or fills them from one.
type packer interface {
	uint32(*uint32)
	flag(*bool)
	text(*string)
	failed() bool
}

// number packs a number that has 4 bytes at most.
func number[T ~int | ~uint16](p packer, n *T) {
	u := uint32(*n)
	p.uint32(&u)
	*n = T(u)
}

// wide packs a number of 64 bits.
func wide(p packer, n *uint64) {
	low, high := uint32(*n), uint32(*n>>32)
	p.uint32(&low)
	p.uint32(&high)
	*n = uint64(high)<<32 | uint64(low)
}

// list packs a list.
func list[T any](p packer, l *[]T, each func(packer, *T)) {
	n := uint32(len(*l))
	p.uint32(&n)
	for i := 0; i < int(n) && !p.failed(); i++ {
		if i == len(*l) {
			*l = append(*l, *new(T)) // one by one: n may be anything
		}
		each(p, &(*l)[i])
	}
}

// packing writes a message.
type packing struct{ p []byte }

func packed(m message) []byte {
	w := &packing{}
	m.pack(w)
	return w.p
}

func (w *packing) uint32(n *uint32) { w.p = binary.LittleEndian.AppendUint32(w.p, *n) }
func (w *packing) failed() bool     { return false }

func (w *packing) flag(f *bool) {
	b := byte(0)
	if *f {
		b = 1
	}
	w.p = append(w.p, b)
}

func (w *packing) text(s *string) {
	n := uint32(len(*s))
	w.uint32(&n)
	w.p = append(w.p, *s...)
}

// unpacking reads a message. After a message that is too short, everything is zero.
type unpacking struct {
	p     []byte
	short bool
}

func unpack(p []byte, m message) error {
	r := &unpacking{p: p}
	m.pack(r)
	if r.short || len(r.p) != 0 {
		return io.ErrUnexpectedEOF
	}
	return nil
}

// next is the next n bytes.
func (r *unpacking) next(n int) []byte {
	if r.short = r.short || n > len(r.p); r.short {
		return nil
	}
	p := r.p[:n]
	r.p = r.p[n:]
	return p
}

func (r *unpacking) uint32(n *uint32) {
	*n = 0
	if p := r.next(4); p != nil {
		*n = binary.LittleEndian.Uint32(p)
	}
}

func (r *unpacking) failed() bool { return r.short }

func (r *unpacking) flag(f *bool) {
	p := r.next(1)
	*f = p != nil && p[0] != 0
}

func (r *unpacking) text(s *string) {
	var n uint32
	r.uint32(&n)
	*s = string(r.next(int(n)))
}
