package qcow2

import (
	"context"
	"encoding/binary"
	"fmt"
)

// maxProblems is how many problems a Report has in words.
const maxProblems = 20

// Report is what Check found.
type Report struct {
	Data, Compressed, Zero int64 // clusters of the disk
	Leaks                  int64 // clusters of the file that nothing uses; harmless
	Problems               []string
	More                   int64 // problems beyond maxProblems
}

// checker counts how often each cluster of the file is used.
type checker struct {
	*Image
	Report
	used map[int64]uint64 // by cluster of the file
}

// Check walks the whole image: every table and cluster is within the file, none but
// compressed ones is used twice, and none is used that counts as free. The error is
// the source's, or the context's: the walk takes as long as the image is large.
func Check(ctx context.Context, im *Image) (*Report, error) {
	c := &checker{Image: im, used: map[int64]uint64{}}
	c.use(0, headerMax, "the header")
	c.use(im.Header.l1, im.l1Entries*8, "the L1 table")
	c.use(im.refTable, im.refClusters<<im.ClusterBits, "the refcount table")
	for i := range im.l1Entries {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err := c.table(i); err != nil {
			return nil, err
		}
	}
	return &c.Report, c.refcounts(ctx)
}

func (c *checker) problem(format string, args ...any) {
	if len(c.Problems) == maxProblems {
		c.More++
		return
	}
	c.Problems = append(c.Problems, fmt.Sprintf(format, args...))
}

// use notes that a range is used, and says whether it is the first to use it.
func (c *checker) use(off, n int64, what string) (first bool) {
	first = true
	for at := off >> c.ClusterBits; at <= (off+n-1)>>c.ClusterBits && n > 0; at++ {
		if c.used[at]++; c.used[at] > 1 && what != "" {
			first = false
			c.problem("%s at %#x is used by something else too", what, at<<c.ClusterBits)
		}
	}
	return first
}

// table walks one L2 table.
func (c *checker) table(i int64) error {
	at, err := c.l2Table(i)
	switch {
	case err != nil:
		c.problem("%v", err)
		return nil
	case c.Image.table[i]&l1Reserved != 0:
		c.problem("L1 entry %d, %#x, has reserved bits", i, c.Image.table[i])
	case at != 0 && !c.use(at, c.cluster(), "an L2 table"):
		return nil // walked before, or something else entirely
	}
	if at == 0 {
		return nil
	}
	b := make([]byte, c.cluster())
	if err := c.src.ReadVec([][]byte{b}, at); err != nil {
		return err
	}
	first := i * c.l2Entries()
	for k := range c.l2Entries() {
		if e := binary.BigEndian.Uint64(b[k*8:]); e != 0 && (first+k)<<c.ClusterBits < c.Size() {
			c.entry(first+k, e)
		}
	}
	return nil
}

// entry checks one entry of an L2 table.
func (c *checker) entry(n int64, e uint64) {
	p, err := c.decodeL2(n, e)
	if err != nil {
		c.problem("%v", err)
		return
	}
	switch p.kind {
	case kindCompressed:
		c.Compressed++
		off, size, err := c.extent(p.desc)
		if err != nil {
			c.problem("cluster %d: %v", n, err)
			return
		}
		c.use(off, size, "")
		return
	case kindData:
		c.Data++
	case kindZero:
		c.Zero++
	}
	if e&l2Reserved != 0 {
		c.problem("cluster %d: its L2 entry %#x has reserved bits", n, e)
	}
	if off := int64(e & offsetMask); off != 0 {
		c.use(off, c.cluster(), fmt.Sprintf("cluster %d", n)) // a zero one may have room too
	}
}

// refcounts compares the image's own counts with those of the walk, a block at a time.
func (c *checker) refcounts(ctx context.Context) error {
	b := make([]byte, c.refClusters<<c.ClusterBits)
	if err := c.src.ReadVec([][]byte{b}, c.refTable); err != nil {
		return err
	}
	perBlock := c.cluster() * 8 / int64(c.refcountBits)
	var blocks []int64 // offset of each; 0: none
	for i := int64(0); i*8 < int64(len(b)) && i*perBlock<<c.ClusterBits < c.src.Size(); i++ {
		blocks = append(blocks, c.block(i, binary.BigEndian.Uint64(b[i*8:])))
	}
	b = make([]byte, c.cluster())
	for i, at := range blocks {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if at == 0 {
			continue
		}
		if err := c.src.ReadVec([][]byte{b}, at); err != nil {
			return err
		}
		for k := range perBlock {
			c.compare(int64(i)*perBlock+k, refcount(b, k, c.refcountBits))
		}
	}
	for at, n := range c.used { // what no block counts
		c.problem("the cluster at %#x has no refcount and %d users", at<<c.ClusterBits, n)
	}
	return nil
}

// block checks an entry of the refcount table, and gives the block's offset.
func (c *checker) block(i int64, e uint64) int64 {
	at := int64(e &^ (1<<9 - 1))
	switch {
	case at == 0:
	case at < 0 || at&(c.cluster()-1) != 0 || at > c.src.Size()-c.cluster():
		c.problem("refcount block %d is at %#x, outside the file or between clusters", i, e)
	case c.use(at, c.cluster(), "a refcount block"):
		return at
	}
	return 0
}

// compare compares one cluster's refcount. An image with snapshots uses clusters that
// the walk does not see: there, no leak can be told.
func (c *checker) compare(at int64, stored uint64) {
	n := c.used[at]
	delete(c.used, at)
	switch {
	case stored < n:
		c.problem("the cluster at %#x has refcount %d and %d users", at<<c.ClusterBits, stored, n)
	case stored > 0 && n == 0 && c.Snapshots == 0:
		c.Leaks++
	}
}

// refcount reads counter i of a block; counters have 1 to 64 bits (2^order).
func refcount(b []byte, i int64, width uint) uint64 {
	switch width {
	case 16:
		return uint64(binary.BigEndian.Uint16(b[i*2:]))
	case 32:
		return uint64(binary.BigEndian.Uint32(b[i*4:]))
	case 64:
		return binary.BigEndian.Uint64(b[i*8:])
	}
	per := int64(8 / width) // counters in a byte, the first in its lowest bits
	return uint64(b[i/per]>>(uint(i%per)*width)) & (1<<width - 1)
}
