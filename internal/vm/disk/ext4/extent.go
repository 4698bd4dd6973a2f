package ext4

import "errors"

// Extent trees, struct ext4_extent_header (12 bytes) and ext4_extent or ext4_extent_idx
// (12 bytes each). The inode has room for four of them; a block ends in a checksum.
const (
	extentMagic  = 0xf30a
	extentBytes  = 12
	inodeExtents = 4
	blockExtents = (blockSize - extentBytes) / extentBytes
	maxExtent    = 1 << 15 // blocks
)

// extent is a run of blocks: first in the file, at in the file system.
type extent struct {
	first, blocks uint32
	at            int64
}

// extents collects a file's blocks in order.
type extents struct {
	list []extent
	meta int64 // blocks that the tree itself takes
}

func (x *extents) add(first, at, n int64) {
	for n > 0 {
		if last := len(x.list) - 1; last >= 0 {
			e := &x.list[last]
			if room := maxExtent - int64(e.blocks); room > 0 && int64(e.first)+int64(e.blocks) == first && e.at+int64(e.blocks) == at {
				step := min(room, n)
				e.blocks += uint32(step)
				first, at, n = first+step, at+step, n-step
				continue
			}
		}
		step := min(maxExtent, n)
		x.list = append(x.list, extent{uint32(first), uint32(step), at})
		first, at, n = first+step, at+step, n-step
	}
}

// blocks counts data and tree.
func (x *extents) blocks() (n int64) {
	for _, e := range x.list {
		n += int64(e.blocks)
	}
	return n + x.meta
}

func putHeader(b []byte, entries, room, depth int) {
	put16(b, extentMagic)
	put16(b[2:], uint16(entries))
	put16(b[4:], uint16(room))
	put16(b[6:], uint16(depth))
}

func putLeaf(b []byte, e extent) {
	put32(b, e.first)
	put16(b[4:], uint16(e.blocks))
	put16(b[6:], uint16(e.at>>32))
	put32(b[8:], uint32(e.at))
}

func putIndex(b []byte, e extent) {
	put32(b, e.first)
	put32(b[4:], uint32(e.at))
	put16(b[8:], uint16(e.at>>32))
}

// tree writes what does not fit in the inode, level by level from the leaves up, and puts
// the root in the inode's 60 bytes.
func (v *volume) tree(x *extents, seed uint32, root []byte) error {
	level, put, depth := x.list, putLeaf, 0
	for len(level) > inodeExtents {
		var up []extent
		for len(level) > 0 {
			n := min(len(level), blockExtents)
			b := make([]byte, blockSize)
			putHeader(b, n, blockExtents, depth)
			for i, e := range level[:n] {
				put(b[extentBytes*(1+i):], e)
			}
			const end = extentBytes * (1 + blockExtents)
			put32(b[end:], sum(seed, b[:end]))
			at, _, err := v.take(1)
			if err == nil {
				err = v.write(b, at)
			}
			if err != nil {
				return err
			}
			x.meta++
			up = append(up, extent{first: level[0].first, at: at})
			level = level[n:]
		}
		level, put, depth = up, putIndex, depth+1
	}
	putHeader(root, len(level), inodeExtents, depth)
	for i, e := range level {
		put(root[extentBytes*(1+i):], e)
	}
	return nil
}

// fewExtents reads a tree that is all in the inode.
func fewExtents(b []byte) (list []extent, err error) {
	n := int(get16(b[2:]))
	if get16(b) != extentMagic || n > inodeExtents || get16(b[6:]) != 0 {
		return nil, errors.New(errorsNotEmpty)
	}
	for i := range n {
		e := b[extentBytes*(1+i):]
		list = append(list, extent{get32(e), uint32(get16(e[4:])), int64(get32(e[8:])) | int64(get16(e[6:]))<<32})
	}
	return list, nil
}
