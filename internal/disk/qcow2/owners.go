package qcow2

import (
	"context"
	"encoding/binary"
)

// Owners of clusters beside the active tables.
//
// A snapshot, at snapshots_offset and each behind the other, filled up to 8 bytes:
//
//	0  8 L1 table   8  4 its entries   12 2 bytes of ID   14 2 of name   36 4 of extra data   40 ...
//
// The extension about bitmaps, type 0x23852875: number (4), zero (4), bytes of their directory
// (8), its offset (8). A bitmap in the directory, filled up to 8 bytes:
//
//	0  8 table      8  4 its entries   18 2 bytes of name   20 4 of extra data   24 ...
const (
	snapshotHead = 40
	maxSnapshots = 65536 // as QEMU has it
	bitmapType   = 0x23852875
	bitmapHead   = 24
	maxBitmaps   = 65535 // likewise
)

// within says whether a range of whole clusters, or at their start, is in the file.
func (c *checker) within(at, n int64) bool {
	return at > 0 && at&(c.cluster()-1) == 0 && n >= 0 && at <= c.src.Size() && n <= c.src.Size()-at
}

func (c *checker) read(at, n int64) ([]byte, error) {
	b := make([]byte, n)
	return b, c.src.ReadVec([][]byte{b}, at)
}

// snapshotTable walks the snapshots.
func (c *checker) snapshotTable(ctx context.Context) error {
	if c.Snapshots == 0 {
		return nil
	}
	at := c.snapshots
	if c.Snapshots > maxSnapshots || !c.within(at, 0) {
		c.problem("%d snapshots, their table at %#x", c.Snapshots, at)
		return nil
	}
	for i := range c.Snapshots {
		if at > c.src.Size()-snapshotHead {
			c.problem("snapshot %d is outside the file", i)
			return nil
		}
		b, err := c.read(at, snapshotHead)
		if err != nil {
			return err
		}
		be := binary.BigEndian
		l1, entries := int64(be.Uint64(b)&(1<<63-1)), int64(be.Uint32(b[8:]))
		at += (snapshotHead + int64(be.Uint16(b[12:])) + int64(be.Uint16(b[14:])) + int64(be.Uint32(b[36:])) + 7) &^ 7
		if entries*8 > maxL1Bytes || !c.within(l1, entries*8) {
			c.problem("snapshot %d has its L1 table at %#x, outside the file or between clusters", i, l1)
			continue
		}
		c.use(l1, entries*8, "")
		if err := c.walk(ctx, l1, entries, false); err != nil {
			return err
		}
	}
	c.use(c.snapshots, at-c.snapshots, "")
	return nil
}

// bitmapTable finds the extension about bitmaps, and walks them.
func (c *checker) bitmapTable(ctx context.Context) error {
	for at := c.length; c.bitmaps && at <= min(c.cluster(), c.src.Size())-8; {
		b, err := c.read(at, 8)
		if err != nil {
			return err
		}
		kind, n := binary.BigEndian.Uint32(b), int64(binary.BigEndian.Uint32(b[4:]))
		switch {
		case kind == 0:
			return nil
		case kind == bitmapType && n >= bitmapHead && at+8 <= c.src.Size()-bitmapHead:
			if b, err = c.read(at+8, bitmapHead); err != nil {
				return err
			}
			return c.bitmapDirectory(ctx, b)
		}
		at += 8 + (n+7)&^7
	}
	return nil
}

func (c *checker) bitmapDirectory(ctx context.Context, ext []byte) error {
	be := binary.BigEndian
	count, size, at := int64(be.Uint32(ext)), int64(be.Uint64(ext[8:])), int64(be.Uint64(ext[16:]))
	if count > maxBitmaps || size > 1024*maxBitmaps || !c.within(at, size) {
		c.problem("%d bitmaps, their directory at %#x, outside the file or between clusters", count, at)
		return nil
	}
	c.use(at, size, "the directory of bitmaps")
	b, err := c.read(at, size)
	if err != nil {
		return err
	}
	for i := range count {
		if int64(len(b)) < bitmapHead {
			c.problem("bitmap %d is outside the directory", i)
			return nil
		}
		if err := c.bitmap(ctx, i, int64(be.Uint64(b)), int64(be.Uint32(b[8:]))); err != nil {
			return err
		}
		n := (bitmapHead + int64(be.Uint16(b[18:])) + int64(be.Uint32(b[20:])) + 7) &^ 7
		b = b[min(n, int64(len(b))):]
	}
	return nil
}

func (c *checker) bitmap(ctx context.Context, i, at, entries int64) error {
	if entries*8 > maxL1Bytes || !c.within(at, entries*8) {
		c.problem("bitmap %d has its table at %#x, outside the file or between clusters", i, at)
		return nil
	}
	c.use(at, entries*8, "a table of a bitmap")
	b, err := c.read(at, entries*8)
	if err != nil {
		return err
	}
	for k := range entries {
		if off := int64(binary.BigEndian.Uint64(b[k*8:]) & offsetMask); off != 0 {
			if !c.within(off, 0) {
				c.problem("bitmap %d has a cluster at %#x, outside the file or between clusters", i, off)
				continue
			}
			c.use(off, c.cluster(), "a cluster of a bitmap")
		}
	}
	return ctx.Err()
}
