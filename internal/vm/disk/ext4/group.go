package ext4

import (
	"errors"
	"math/bits"
)

// Flags of a group: its bitmap is not on the medium, and means "all free".
const (
	inodeUninit = 1
	blockUninit = 2
)

// A group descriptor, struct ext4_group_desc, 64 bytes; high halves stand 0x20 later
// (but for 0x1c, of which the low half is enough).
//
//	0x0  4  block bitmap      0xe  2  free inodes      0x1a 2  inode bitmap's checksum
//	0x4  4  inode bitmap      0x10 2  directories      0x1c 2  inodes never used, at the end
//	0x8  4  inode table       0x12 2  flags            0x1e 2  checksum
//	0xc  2  free blocks       0x18 2  block bitmap's checksum
type group struct {
	number    int64
	desc      []byte
	blockBits []byte // nil: not loaded, and not changed
	inodeBits []byte
	dirs      int
}

func (g *group) high(at int) int64 {
	return int64(get32(g.desc[at:])) | int64(get32(g.desc[at+0x20:]))<<32
}

func (g *group) half(at int) int64 {
	return int64(get16(g.desc[at:])) | int64(get16(g.desc[at+0x20:]))<<16
}

func (g *group) putHalf(at int, n int64) {
	put16(g.desc[at:], uint16(n))
	put16(g.desc[at+0x20:], uint16(n>>16))
}

func (g *group) tableAt() int64    { return g.high(0x8) * blockSize }
func (g *group) freeBlocks() int64 { return g.half(0xc) }
func (g *group) freeInodes() int64 { return g.half(0xe) }
func (g *group) flags() uint16     { return get16(g.desc[0x12:]) }

// load reads a group's bitmaps, or makes those that are not on the medium yet.
func (v *volume) load(g *group) error {
	if g.blockBits != nil {
		return nil
	}
	blocks, inodes := make([]byte, blockSize), make([]byte, blockSize)
	if g.flags()&blockUninit == 0 {
		if _, err := v.f.ReadAt(blocks, g.high(0x0)*blockSize); err != nil {
			return err
		}
	} else {
		v.own(g, blocks)
	}
	if g.flags()&inodeUninit == 0 {
		if _, err := v.f.ReadAt(inodes, g.high(0x4)*blockSize); err != nil {
			return err
		}
	}
	setAll(blocks, min(v.per, v.blocks-g.number*v.per), maxGroup)
	setAll(inodes, int64(v.inodes), maxGroup)
	g.blockBits, g.inodeBits, g.dirs = blocks, inodes, int(g.half(0x10))
	if countFree(blocks) != g.freeBlocks() || countFree(inodes) != g.freeInodes() {
		return errors.New(errorsNotEmpty)
	}
	return nil
}

// own marks what a group has of its own: a copy of superblock and descriptors, its bitmaps
// and its inode table, as far as they are in it (fs/ext4/balloc.c, ext4_init_block_bitmap).
func (v *volume) own(g *group, b []byte) {
	mark := func(at, n int64) {
		for at -= g.number * v.per; n > 0; at, n = at+1, n-1 {
			if at >= 0 && at < v.per {
				b[at/8] |= 1 << (at % 8)
			}
		}
	}
	if hasSuper(g.number) {
		mark(g.number*v.per, 1+v.gdt)
	}
	mark(g.high(0x0), 1)
	mark(g.high(0x4), 1)
	mark(g.high(0x8), (int64(v.inodes)*inodeSize+blockSize-1)/blockSize)
}

// hasSuper says whether a group has a copy of the superblock: 0, 1 and the powers of 3, 5
// and 7 (sparse_super).
func hasSuper(n int64) bool {
	if n <= 1 {
		return true
	}
	for _, p := range []int64{3, 5, 7} {
		x := p
		for x < n {
			x *= p
		}
		if x == n {
			return true
		}
	}
	return false
}

func setAll(b []byte, from, to int64) {
	for i := from; i < to; i++ {
		b[i/8] |= 1 << (i % 8)
	}
}

func countFree(b []byte) (n int64) {
	for _, x := range b {
		n += int64(8 - bits.OnesCount8(x))
	}
	return n
}

// take finds free blocks from a place on, and marks them.
func (g *group) take(from, n int64) (at, got int64) {
	for at = from; at < maxGroup; at++ {
		switch b := g.blockBits[at/8]; {
		case b == 0xff:
			at |= 7
		case b>>(at%8)&1 == 0:
			for got < n && at+got < maxGroup && g.blockBits[(at+got)/8]>>((at+got)%8)&1 == 0 {
				g.setBlock(at+got, true)
				got++
			}
			return at, got
		}
	}
	return 0, 0
}

func (g *group) setBlock(i int64, used bool) { setBit(g.blockBits, i, used) }

func (g *group) setInode(i uint32, used bool) { setBit(g.inodeBits, int64(i), used) }

func setBit(b []byte, i int64, used bool) {
	if used {
		b[i/8] |= 1 << (i % 8)
	} else {
		b[i/8] &^= 1 << (i % 8)
	}
}

// save writes a group's bitmaps, if they were loaded, and finishes its descriptor.
func (v *volume) save(g *group) error {
	if g.blockBits == nil {
		return nil
	}
	g.putHalf(0xc, countFree(g.blockBits))
	g.putHalf(0xe, countFree(g.inodeBits))
	g.putHalf(0x10, int64(g.dirs))
	last := int64(v.inodes)
	for last > 0 && g.inodeBits[(last-1)/8]>>((last-1)%8)&1 == 0 {
		last--
	}
	put16(g.desc[0x1c:], uint16(int64(v.inodes)-last))
	flags := g.flags() &^ blockUninit
	if last > 0 {
		flags &^= inodeUninit
	}
	put16(g.desc[0x12:], flags)
	g.putHalf(0x18, int64(sum(v.seed, g.blockBits[:v.per/8])))
	if flags&inodeUninit == 0 {
		g.putHalf(0x1a, int64(sum(v.seed, g.inodeBits[:v.inodes/8])))
		if err := v.write(g.inodeBits, g.high(0x4)); err != nil {
			return err
		}
	}
	put16(g.desc[0x1e:], 0)
	put16(g.desc[0x1e:], uint16(sum(sumNumber(v.seed, uint32(g.number)), g.desc)))
	return v.write(g.blockBits, g.high(0x0))
}
