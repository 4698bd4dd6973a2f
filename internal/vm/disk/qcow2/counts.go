package qcow2

// counts are how often each cluster of a file is used, in pieces that are made when the
// first of their clusters is. Damage may point anywhere, so their memory has a limit.
type counts struct {
	pieces map[int64]*[countPiece]uint32
	full   bool // some uses were not counted
}

const (
	countPiece = 512
	maxCounts  = 1 << 30 // bytes: 16 TiB of clusters of 64 KiB
)

// add counts a use, and gives their number.
func (c *counts) add(at int64) uint32 {
	p := c.pieces[at/countPiece]
	if p == nil {
		if len(c.pieces) >= maxCounts/(4*countPiece) {
			c.full = true
			return 1
		}
		if c.pieces == nil {
			c.pieces = map[int64]*[countPiece]uint32{}
		}
		p = new([countPiece]uint32)
		c.pieces[at/countPiece] = p
	}
	if n := &p[at%countPiece]; *n < 1<<32-1 {
		*n++
	}
	return p[at%countPiece]
}

// take gives a number of uses and forgets it.
func (c *counts) take(at int64) (n uint32) {
	if p := c.pieces[at/countPiece]; p != nil {
		n, p[at%countPiece] = p[at%countPiece], 0
	}
	return n
}

// each calls f for each cluster that has uses.
func (c *counts) each(f func(at int64, n uint32)) {
	for base, p := range c.pieces {
		for i, n := range p {
			if n > 0 {
				f(base*countPiece+int64(i), n)
			}
		}
	}
}
