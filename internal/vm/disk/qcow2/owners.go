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
//	0  8 table      8  4 its entries   12 4 flags   16 1 type   17 1 granularity, bits
//	18 2 bytes of name                 20 4 of extra data       24 ...
const (
	snapshotHead = 40
	maxSnapshots = 65536 // as QEMU has it
	maxExtra     = 1024  // likewise, of a snapshot
	bitmapType   = 0x23852875
	bitmapHead   = 24
	maxBitmaps   = 65535 // likewise

	bitmapInUse    = 1 << 0
	bitmapFlags    = bitmapInUse | 1<<1 // and automatic
	bitmapTracking = 1                  // the only type
	maxBitmapName  = 1023               // likewise
	minGranularity = 9                  // likewise
	maxGranularity = 31
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
		l1, entries := int64(be.Uint64(b)), int64(be.Uint32(b[8:]))
		extra := int64(be.Uint32(b[36:]))
		if extra > maxExtra {
			c.problem("snapshot %d has %d bytes of extra data", i, extra)
			return nil
		}
		at += (snapshotHead + int64(be.Uint16(b[12:])) + int64(be.Uint16(b[14:])) + extra + 7) &^ 7
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

// extensions walks those of the header, and the bitmaps that one of them is about.
func (c *checker) extensions(ctx context.Context) error {
	end := min(c.cluster(), c.src.Size())
	for at := c.length; c.Version == 3 && at <= end-8; {
		b, err := c.read(at, 8)
		if err != nil {
			return err
		}
		kind, n := binary.BigEndian.Uint32(b), int64(binary.BigEndian.Uint32(b[4:]))
		switch {
		case n > end-at-8:
			c.problem("an extension of the header, at %#x, has %d bytes: more than its cluster", at, n)
			return nil
		case kind == 0:
			return nil
		case kind == bitmapType && c.bitmaps && n >= bitmapHead:
			if b, err = c.read(at+8, bitmapHead); err == nil {
				err = c.bitmapDirectory(ctx, b)
			}
			if err != nil {
				return err
			}
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
	if reserved := be.Uint32(ext[4:]); reserved != 0 || count == 0 {
		c.problem("%d bitmaps, and %#x where a zero must be", count, reserved)
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
		entries, name, extra := int64(be.Uint32(b[8:])), int64(be.Uint16(b[18:])), int64(be.Uint32(b[20:]))
		if err := c.bitmap(ctx, i, int64(be.Uint64(b)), entries); err != nil {
			return err
		}
		flags, kind, bits := be.Uint32(b[12:]), b[16], b[17]
		if flags&^bitmapFlags != 0 || kind != bitmapTracking || bits < minGranularity || bits > maxGranularity ||
			name == 0 || name > maxBitmapName || extra != 0 || flags&bitmapInUse == 0 && entries != c.bitmapEntries(bits) {
			c.problem("bitmap %d has a table of %d entries, flags %#x, type %d, a granularity of 2^%d, a name of %d bytes and %d bytes more",
				i, entries, flags, kind, bits, name, extra)
		}
		n := (bitmapHead + name + extra + 7) &^ 7
		if n > int64(len(b)) {
			c.problem("bitmap %d is outside the directory", i)
			return nil
		}
		b = b[n:]
	}
	if len(b) > 0 {
		c.problem("the directory of bitmaps has %d bytes too many", len(b))
	}
	return nil
}

// bitmapEntries is how many clusters a bitmap takes: a bit for each 2^bits bytes of the disk, in words of 64.
func (c *checker) bitmapEntries(bits byte) int64 {
	words := ((c.Header.Size-1)>>bits + 64) / 64
	return (words*8 + c.cluster() - 1) / c.cluster()
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
