package balloon

import (
	"encoding/binary"
	"slices"

	"terem/devices/virtio"
	"terem/memory"
)

const (
	// maxPages is the most page numbers that are heeded in one request. Drivers give 256 or 1,024.
	// It bounds the time that a request takes.
	maxPages = 1 << 14

	// batch is the most page numbers that are sorted and joined to runs together.
	batch = 1024

	pfnSize = 4
)

// pages reads page numbers. Its buffers are used again from request to request.
type pages struct {
	balloon *Balloon
	bytes   [batch * pfnSize]byte
	pfns    [batch]uint32
}

// inflate gives the pages to the host that a request names. A part of a page number at the end
// is ignored.
func (p *pages) inflate(c *virtio.Chain) {
	from := reader{buffers: c.Read}
	for range maxPages / batch {
		n := from.read(p.bytes[:]) / pfnSize
		if n == 0 {
			return
		}
		for i := range n {
			p.pfns[i] = binary.LittleEndian.Uint32(p.bytes[i*pfnSize:])
		}
		p.discard(p.pfns[:n])
	}
	p.balloon.counters.ignored.Add(from.left() / pfnSize * pageSize)
}

// discard gives pages to the host, neighbours in one go, each once.
func (p *pages) discard(pfns []uint32) {
	slices.Sort(pfns)
	pfns = slices.Compact(pfns)
	for len(pfns) > 0 {
		n := 1
		for n < len(pfns) && pfns[n] == pfns[0]+uint32(n) {
			n++
		}
		p.balloon.inflate(memory.Addr(pfns[0])*pageSize, uint64(n)*pageSize)
		pfns = pfns[n:]
	}
}

// inflate gives the host as much of n bytes at a as is RAM. 32 bits of page number cannot
// overflow an address.
func (b *Balloon) inflate(a memory.Addr, n uint64) {
	end, ignored := a+memory.Addr(n), n
	for _, r := range b.c.Memory.Regions() {
		from, to := max(a, r.Addr), min(end, r.End())
		if from >= to {
			continue
		}
		part := uint64(to - from)
		ignored -= part
		b.counters.count(&b.counters.inflated, part, b.c.Memory.Discard(from, part))
	}
	b.counters.ignored.Add(ignored)
}

// report gives the buffers of a request to the host.
func (b *Balloon) report(c *virtio.Chain) {
	for _, p := range c.Write {
		b.counters.count(&b.counters.reported, uint64(len(p)), memory.Discard(p))
	}
}

// leave is report for a driver whose free pages must keep what is in them.
func (b *Balloon) leave(c *virtio.Chain) { b.counters.ignored.Add(c.WriteLen()) }

// reader copies what a driver wrote, once, out of its buffers.
type reader struct{ buffers [][]byte }

// read fills p as far as there is something.
func (r *reader) read(p []byte) (n int) {
	for n < len(p) && len(r.buffers) > 0 {
		m := copy(p[n:], r.buffers[0])
		n += m
		if m < len(r.buffers[0]) {
			r.buffers[0] = r.buffers[0][m:]
			continue
		}
		r.buffers = r.buffers[1:]
	}
	return n
}

// left is the number of bytes that have not been read.
func (r *reader) left() (n uint64) {
	for _, b := range r.buffers {
		n += uint64(len(b))
	}
	return n
}
