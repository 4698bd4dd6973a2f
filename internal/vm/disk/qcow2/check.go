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
	used counts
}

// Check walks the whole image and everything that owns clusters of the file: header, active
// tables, those of snapshots, bitmaps, refcounts. Every table and cluster is within the file,
// none is used more often than its refcount says, and an entry says COPIED just where the
// refcount is one. (Images with other owners, a data file or encryption, are not opened.)
// The error is the source's, or the context's: the walk takes as long as the image is large.
func Check(ctx context.Context, im *Image) (*Report, error) {
	c := &checker{Image: im}
	c.use(0, c.cluster(), "the header")
	c.use(im.Header.l1, im.l1All*8, "the L1 table")
	c.use(im.refTable, im.refClusters<<im.ClusterBits, "the refcount table")
	if err := c.walk(ctx, im.Header.l1, im.l1All, true); err != nil {
		return nil, err
	}
	if err := c.snapshotTable(ctx); err != nil {
		return nil, err
	}
	if err := c.extensions(ctx); err != nil {
		return nil, err
	}
	if err := c.refcounts(ctx); err != nil {
		return nil, err
	}
	if c.used.full {
		return nil, unsupported(fmt.Sprintf("more memory for a check than %d MiB; see `qemu-img check`", maxCounts>>20))
	}
	return &c.Report, nil
}

func (c *checker) problem(format string, args ...any) {
	if len(c.Problems) == maxProblems {
		c.More++
		return
	}
	c.Problems = append(c.Problems, fmt.Sprintf(format, args...))
}

// use notes that a range is used, and says whether it is the first to use it. With
// snapshots, several may.
func (c *checker) use(off, n int64, what string) (first bool) {
	first = true
	for at := off >> c.ClusterBits; at <= (off+n-1)>>c.ClusterBits && n > 0; at++ {
		if c.used.add(at) > 1 && what != "" && c.Snapshots == 0 {
			first = false
			c.problem("%s at %#x is used by something else too", what, at<<c.ClusterBits)
		}
	}
	return first
}

// walk counts what an L1 table leads to: the active one's, or a snapshot's. A table of
// another snapshot's is walked again, since each user of a cluster counts.
func (c *checker) walk(ctx context.Context, l1, entries int64, active bool) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	table := make([]byte, entries*8)
	if err := c.src.ReadVec([][]byte{table}, l1); err != nil {
		return err
	}
	for i := range entries {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		e := binary.BigEndian.Uint64(table[i*8:])
		if err := c.table(ctx, i, e, active); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// table walks one L2 table.
func (c *checker) table(ctx context.Context, i int64, e uint64, active bool) error {
	at, err := c.l2At(i, e)
	switch {
	case err != nil:
		c.problem("%v", err)
		return nil
	case e&l1Reserved != 0:
		c.problem("L1 entry %d, %#x, has reserved bits", i, e)
	case at == 0 && e != 0:
		c.problem("L1 entry %d, %#x, has flags and no table", i, e)
	case at != 0 && !c.use(at, c.cluster(), "an L2 table"):
		return nil // walked before, or something else entirely
	}
	if at == 0 {
		return nil
	}
	if active {
		if err := c.copied(fmt.Sprintf("L1 entry %d", i), e, at); err != nil {
			return err
		}
	}
	b := make([]byte, c.cluster())
	if err := c.src.ReadVec([][]byte{b}, at); err != nil {
		return err
	}
	first := i * c.l2Entries()
	for k := range c.l2Entries() {
		if e := binary.BigEndian.Uint64(b[k*8:]); e != 0 {
			if err := c.entry(first+k, e, active); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

// entry checks one entry of an L2 table.
func (c *checker) entry(n int64, e uint64, active bool) error {
	p, err := c.decodeL2(n, e)
	if err != nil {
		c.problem("%v", err)
		return nil
	}
	switch {
	case p.kind == kindCompressed:
		return c.compressed(n, e, p.desc, active)
	case active && p.kind == kindData:
		c.Data++
	case active && p.kind == kindZero:
		c.Zero++
	}
	if e&l2Reserved != 0 {
		c.problem("cluster %d: its L2 entry %#x has reserved bits", n, e)
	}
	off := int64(e & offsetMask) // a zero one may have room too
	switch {
	case off == 0:
		return nil
	case off&(c.cluster()-1) != 0:
		c.problem("cluster %d is at %#x, between clusters", n, off)
		return nil
	}
	c.use(off, c.cluster(), fmt.Sprintf("cluster %d", n))
	if !active {
		return nil
	}
	return c.copied(fmt.Sprintf("cluster %d", n), e, off)
}

func (c *checker) compressed(n int64, e, desc uint64, active bool) error {
	if active {
		c.Compressed++
	}
	off, size, err := c.extent(desc)
	if err != nil {
		c.problem("cluster %d: %v", n, err)
		return nil
	}
	if e&flagCopied != 0 {
		c.problem("cluster %d is compressed and says that it is its only user", n)
	}
	c.use(off, size, "")
	return nil
}

// copied: the flag COPIED lets a writer write in place, so it must be there just where the
// refcount, as it is stored, is one.
func (c *checker) copied(what string, e uint64, off int64) error {
	stored, err := c.stored(off >> c.ClusterBits)
	if err != nil {
		return err
	}
	if one := stored == 1; stored > 0 && one != (e&flagCopied != 0) { // no refcount at all comes up by itself
		c.problem("%s at %#x: its flag COPIED is wrong, the refcount is %d", what, off, stored)
	}
	return nil
}

// stored reads a cluster's refcount; 0 where no block has one.
func (c *checker) stored(cluster int64) (uint64, error) {
	per := c.cluster() * 8 / int64(c.refcountBits)
	entry := cluster / per
	if entry*8 >= c.refClusters<<c.ClusterBits {
		return 0, nil
	}
	e, err := c.l2(c.refTable + entry*8)
	at := int64(e &^ (1<<9 - 1))
	if err != nil || at <= 0 || at&(c.cluster()-1) != 0 || at > c.src.Size()-c.cluster() {
		return 0, err
	}
	i := cluster % per
	word := i * int64(c.refcountBits) / 64
	v, err := c.l2(at + word*8)
	return refcount(binary.BigEndian.AppendUint64(nil, v), i-word*64/int64(c.refcountBits), c.refcountBits), err
}

// refcounts compares the image's own counts with those of the walk, a block at a time.
func (c *checker) refcounts(ctx context.Context) error {
	b := make([]byte, c.refClusters<<c.ClusterBits)
	if err := c.src.ReadVec([][]byte{b}, c.refTable); err != nil {
		return err
	}
	perBlock := c.cluster() * 8 / int64(c.refcountBits)
	var blocks []int64 // offset of each; 0: none
	clusters := (c.src.Size() + c.cluster() - 1) >> c.ClusterBits
	for i := int64(0); i*8 < int64(len(b)); i++ {
		blocks = append(blocks, c.block(i, binary.BigEndian.Uint64(b[i*8:])))
	}
	b = make([]byte, c.cluster())
	for i, at := range blocks {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		first := int64(i) * perBlock
		if at == 0 || first >= clusters {
			continue
		}
		if err := c.src.ReadVec([][]byte{b}, at); err != nil {
			return err
		}
		for k := range min(perBlock, clusters-first) { // behind the file's end, counts mean nothing
			c.compare(first+k, refcount(b, k, c.refcountBits))
		}
	}
	c.used.each(func(at int64, n uint32) { // what no block counts
		c.problem("the cluster at %#x has no refcount and %d users", at<<c.ClusterBits, n)
	})
	return nil
}

// block checks an entry of the refcount table, and gives the block's offset.
func (c *checker) block(i int64, e uint64) int64 {
	const reserved = 1<<9 - 1
	at := int64(e &^ reserved)
	switch {
	case e&reserved != 0:
		c.problem("refcount block %d is at %#x, which has reserved bits", i, e)
	case at == 0:
	case at < 0 || at&(c.cluster()-1) != 0 || at > c.src.Size()-c.cluster():
		c.problem("refcount block %d is at %#x, outside the file or between clusters", i, e)
	case c.use(at, c.cluster(), "a refcount block"):
		return at
	}
	return 0
}

// compare compares one cluster's refcount.
func (c *checker) compare(at int64, stored uint64) {
	n := uint64(c.used.take(at))
	switch {
	case stored < n:
		c.problem("the cluster at %#x has refcount %d and %d users", at<<c.ClusterBits, stored, n)
	case stored > n:
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
