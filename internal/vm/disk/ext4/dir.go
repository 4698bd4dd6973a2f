package ext4

import (
	"maps"
	"slices"
)

// A directory entry, struct ext4_dir_entry_2: inode (4), length of the entry (2), of the
// name (1), kind (1), the name, filled up to four bytes.
const (
	entryHead = 8
	tailSize  = 12 // an entry without a name, with the block's checksum
	leafSize  = blockSize - tailSize
	tailType  = 0xde
)

// entry is a name in a directory.
type entry struct {
	name         string
	ino          uint32
	kind         byte
	major, minor uint32 // hashes
}

func (e *entry) size() int { return (entryHead + len(e.name) + 3) &^ 3 }

// put writes an entry that takes up size bytes.
func (e *entry) put(b []byte, size int) {
	put32(b, e.ino)
	put16(b[4:], uint16(size))
	b[6], b[7] = byte(len(e.name)), e.kind
	copy(b[entryHead:], e.name)
}

// leaf makes a block of entries; the last one takes up the rest.
func leaf(list []entry, seed uint32) []byte {
	b := make([]byte, blockSize)
	at := 0
	for i := range list {
		size := list[i].size()
		if i == len(list)-1 {
			size = leafSize - at
		}
		list[i].put(b[at:], size)
		at += size
	}
	if len(list) == 0 {
		put16(b[4:], leafSize) // one entry, of nothing
	}
	tail := b[leafSize:]
	put16(tail[4:], tailSize)
	tail[7] = tailType
	put32(tail[8:], sum(seed, b[:leafSize]))
	return b
}

// writeDir writes a directory's names in at least so many blocks. It says whether they
// have an index.
func (v *volume) writeDir(n, parent *Node, least int, x *extents) (indexed bool, size int64, err error) {
	self, up := entry{name: ".", ino: n.ino, kind: 2}, entry{name: "..", ino: parent.ino, kind: 2}
	list, room := []entry{self, up}, leafSize-self.size()-up.size()
	for _, name := range slices.Sorted(maps.Keys(n.Children)) {
		c := n.Children[name]
		e := entry{name: name, ino: c.ino, kind: c.entryType()}
		list, room = append(list, e), room-e.size()
	}
	var blocks [][]byte
	seed := v.inodeSeed(n.ino)
	if indexed = room < 0; indexed {
		blocks, err = v.index(list, seed)
	} else {
		blocks = [][]byte{leaf(list, seed)}
	}
	for len(blocks) < least && !indexed {
		blocks = append(blocks, leaf(nil, seed))
	}
	if err != nil {
		return false, 0, err
	}
	return indexed, int64(len(blocks)) * blockSize, v.store(blocks, x)
}
