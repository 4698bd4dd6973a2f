package ext4

import (
	"cmp"
	"errors"
	"slices"
)

// A directory with an index (Documentation/filesystems/ext4/directory.rst, "Hash Tree
// Directories"). Its first block looks like one with "." and ".." alone to who does not know
// the index:
//
//	0  12 "."                     24 8 dx_root_info: 0, hash, 8, levels, 0
//	12 12 "..", up to the end     32   room, entries, first block; then hash and block of each
//
// A node of the second level begins with an empty entry of 8 bytes. Both end in a checksum.
const (
	rootHead   = 32
	nodeHead   = 8
	indexEntry = 8
	rootRoom   = (blockSize-rootHead)/indexEntry - 1
	nodeRoom   = (blockSize-nodeHead)/indexEntry - 1
	leafFill   = leafSize * 4 / 5 // room for names to come without a split
)

var errManyNames = errors.New("more names than an ext4 directory has room for")

// pointer says which block has the names from a hash on.
type pointer struct{ hash, block uint32 }

// index makes the blocks of a directory; list begins with "." and "..".
func (v *volume) index(list []entry, seed uint32) ([][]byte, error) {
	dots, names := list[:2], list[2:]
	for i := range names {
		names[i].major, names[i].minor = v.hash.name(names[i].name)
	}
	slices.SortFunc(names, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.major, b.major), cmp.Compare(a.minor, b.minor), cmp.Compare(a.name, b.name))
	})
	var leaves [][]byte
	var to []pointer
	for len(names) > 0 {
		n := fill(names)
		p := pointer{hash: names[0].major}
		if k := len(list) - 2 - len(names); k > 0 && list[2+k-1].major == p.hash {
			p.hash |= 1 // names with this hash begin in the block before
		}
		leaves, to = append(leaves, leaf(names[:n], seed)), append(to, p)
		names = names[n:]
	}
	nodes := 0
	if len(to) > rootRoom {
		nodes = (len(to) + nodeRoom - 1) / nodeRoom
	}
	if nodes > rootRoom {
		return nil, errManyNames
	}
	for i := range to {
		to[i].block = uint32(1 + nodes + i)
	}
	blocks := make([][]byte, 1, 1+nodes+len(leaves))
	top, levels := to, 0
	if nodes > 0 {
		top, levels = nil, 1
		for k := range nodes {
			part := to[k*nodeRoom : min((k+1)*nodeRoom, len(to))]
			b := make([]byte, blockSize)
			put16(b[4:], blockSize&0xffff)
			putPointers(b, nodeHead, nodeRoom, part, seed)
			top = append(top, pointer{part[0].hash, uint32(len(blocks))})
			blocks = append(blocks, b)
		}
	}
	blocks[0] = indexRoot(dots, top, levels, seed)
	return append(blocks, leaves...), nil
}

// fill says how many names go into the next leaf.
func fill(names []entry) (n int) {
	size := 0
	for n < len(names) && (n == 0 || size+names[n].size() <= leafFill) {
		size += names[n].size()
		n++
	}
	return n
}

func indexRoot(dots []entry, top []pointer, levels int, seed uint32) []byte {
	b := make([]byte, blockSize)
	dots[0].put(b, 12)
	dots[1].put(b[12:], blockSize-12)
	info := b[24:]
	info[4], info[5], info[6] = halfMD4, 8, byte(levels)
	putPointers(b, rootHead, rootRoom, top, seed)
	return b
}

// putPointers writes entries and the checksum behind the last that there is room for. The
// first one's hash is zero by itself, so room and number stand in its place.
func putPointers(b []byte, head, room int, list []pointer, seed uint32) {
	for i, p := range list {
		put32(b[head+i*indexEntry:], p.hash)
		put32(b[head+i*indexEntry+4:], p.block)
	}
	put16(b[head:], uint16(room))
	put16(b[head+2:], uint16(len(list)))
	tail := b[head+room*indexEntry:]
	crc := sum(seed, b[:head+len(list)*indexEntry])
	put32(tail[4:], sumNumber(sum(crc, tail[:4]), 0))
}
