package ext4

import (
	"golang.org/x/sys/unix"
)

// Flags of ext4's own in an inode.
const (
	flagExtents = 0x80000
	flagIndex   = 0x1000
)

const (
	inodeBlock = 0x28 // i_block: 60 bytes
	blockBytes = 60
	extraSize  = 32 // of the fields behind the first 128 bytes
	smallAttrs = 128 + extraSize
)

// inode is what is known of a Node once all that belongs to it is written.
type inode struct {
	block     [blockBytes]byte // extents, a short link or a device
	size      int64
	blocks    int64
	flags     uint32
	attrBlock int64
	attrs     []byte // those that fit in the inode
}

// encode makes struct ext4_inode.
func (v *volume) encode(n *Node, i *inode) []byte {
	b := make([]byte, inodeSize)
	half := func(at int, x uint32) { put16(b[at:], uint16(x)) }
	half(0x0, n.Mode)
	half(0x2, n.UID)
	half(0x18, n.GID)
	half(0x78, n.UID>>16)
	half(0x7a, n.GID>>16)
	put32(b[0x4:], uint32(i.size))
	put32(b[0x6c:], uint32(i.size>>32))
	links := n.links
	if links > maxLinks {
		links = 1 // dir_nlink: more than can be counted
	}
	half(0x1a, uint32(links))
	sectors := i.blocks * (blockSize / 512)
	put32(b[0x1c:], uint32(sectors))
	half(0x74, uint32(sectors>>32))
	put32(b[0x20:], n.Flags&keptFlags|i.flags)
	copy(b[inodeBlock:], i.block[:])
	put32(b[0x68:], uint32(i.attrBlock))
	half(0x76, uint32(i.attrBlock>>32))
	half(0x80, extraSize)
	putTime(b[0x8:], b[0x8c:], n.Times.Access)
	putTime(b[0xc:], b[0x84:], n.Times.Change)
	putTime(b[0x10:], b[0x88:], n.Times.Modify)
	putTime(b[0x90:], b[0x94:], n.Times.Birth)
	copy(b[smallAttrs:], i.attrs)
	crc := sum(v.inodeSeed(n.ino), b)
	half(0x7c, crc)
	half(0x82, crc>>16)
	return b
}

// inodeSeed begins the checksums of all that belongs to an inode. Its generation is zero.
func (v *volume) inodeSeed(ino uint32) uint32 { return sumNumber(sumNumber(v.seed, ino), 0) }

// putTime writes 32 bits of seconds, and in the extra field two more and the nanoseconds.
func putTime(sec, extra []byte, t Time) {
	put32(sec, uint32(t.Sec))
	epoch := uint32((t.Sec-int64(int32(t.Sec)))>>32) & 3
	put32(extra, epoch|t.Nsec<<2)
}

// putDevice has two forms: 8 bits each, as it always was, and 12 and 20 bits.
func putDevice(b []byte, major, minor uint32) {
	if major < 256 && minor < 256 {
		put32(b, major<<8|minor)
		return
	}
	put32(b[4:], minor&0xff|major<<8|(minor&^0xff)<<12)
}

// tableBlock is the block of an inode table that is being filled.
type tableBlock struct {
	at   int64 // in bytes; 0: none
	data [blockSize]byte
}

func (t *tableBlock) flush(f File) error {
	if t.at == 0 {
		return nil
	}
	_, err := f.WriteAt(t.data[:], t.at)
	return err
}

// put writes an inode into its table.
func (v *volume) put(n *Node, b []byte) error {
	g := &v.groups[(n.ino-1)/v.inodes]
	if err := v.load(g); err != nil {
		return err
	}
	index := (n.ino - 1) % v.inodes
	g.setInode(index, true)
	if n.isDir() {
		g.dirs++
	}
	at := g.tableAt() + int64(index)*inodeSize
	if start := at &^ (blockSize - 1); start != v.table.at {
		if err := v.table.flush(v.f); err != nil {
			return err
		}
		v.table.at = start
		if _, err := v.f.ReadAt(v.table.data[:], start); err != nil {
			return err
		}
	}
	copy(v.table.data[at-v.table.at:], b)
	return nil
}

// entryType is a file's kind in its name's entry.
func (n *Node) entryType() byte {
	switch n.kind() {
	case unix.S_IFREG:
		return 1
	case unix.S_IFDIR:
		return 2
	case unix.S_IFCHR:
		return 3
	case unix.S_IFBLK:
		return 4
	case unix.S_IFIFO:
		return 5
	case unix.S_IFSOCK:
		return 6
	}
	return 7 // a symbolic link
}
