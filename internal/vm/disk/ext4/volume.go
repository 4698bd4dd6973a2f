package ext4

import (
	"errors"
	"fmt"
	"io"
)

// File is the image.
type File interface {
	io.ReaderAt
	io.WriterAt
}

// image is a File whose errors are about itself, and not about a file of the tree.
type image struct{ f File }

type imageError struct{ error }

func (e imageError) Unwrap() error { return e.error }

func (i image) ReadAt(p []byte, off int64) (int, error)  { return ofImage(i.f.ReadAt(p, off)) }
func (i image) WriteAt(p []byte, off int64) (int, error) { return ofImage(i.f.WriteAt(p, off)) }

func ofImage(n int, err error) (int, error) {
	if err != nil {
		err = imageError{err}
	}
	return n, err
}

const (
	blockSize     = 4096
	blockBits     = 12
	inodeSize     = 256
	descSize      = 64
	maxGroup      = 8 * blockSize // blocks of a group, and inodes: its bitmaps are a block each
	superOffset   = 1024
	superSize     = 1024
	rootInode     = 2
	lostInode     = 11 // lost+found, as mke2fs makes it
	firstInode    = 11
	superChecksum = 0x3fc
)

// Options for mke2fs: the features that this package knows, and their sizes. "none" first,
// so that the host's mke2fs.conf adds nothing. Inode tables need not be zeroed in a file
// that is new, and a guest's kernel need not do it later; nor need the journal.
func Options() []string {
	return []string{"-b", fmt.Sprint(blockSize), "-I", fmt.Sprint(inodeSize),
		"-O", "none,has_journal,ext_attr,resize_inode,dir_index,filetype,extent,64bit,flex_bg,sparse_super,large_file," +
			"huge_file,dir_nlink,extra_isize,metadata_csum",
		"-E", "root_owner=0:0,lazy_itable_init=0,lazy_journal_init=1"}
}

// The features of Options in the superblock. has_journal and resize_inode may be missing:
// a small file system has no room for them.
const (
	compatMay      = 0x4 | 0x8 | 0x10 | 0x20        // has_journal, ext_attr, resize_inode, dir_index
	incompatMust   = 0x2 | 0x40 | 0x80 | 0x200      // filetype, extents, 64bit, flex_bg
	roCompatMust   = 0x1 | 0x2 | 0x8 | 0x40 | 0x400 // sparse_super, large_file, huge_file, extra_isize, metadata_csum
	roCompatMay    = roCompatMust | 0x20            // dir_nlink
	flagUnsigned   = 0x2                            // s_flags: names are hashed as unsigned characters
	errorsNotEmpty = "not the empty file system that mke2fs makes for terem"
)

// volume is the file system that is being filled.
type volume struct {
	f      File
	super  []byte
	groups []group
	blocks int64  // of all
	per    int64  // blocks of a group
	inodes uint32 // of a group
	gdt    int64  // blocks of group descriptors, with those kept free for more groups
	seed   uint32 // of checksums
	hash   hasher

	current int   // the group that blocks are taken from
	next    int64 // the first block in it that may be free
	inode   uint32
	table   tableBlock
	zero    []byte
}

// open reads what mke2fs has made.
func open(f File) (*volume, error) {
	v := &volume{f: image{f}, super: make([]byte, superSize), inode: firstInode, zero: make([]byte, blockSize)}
	if _, err := f.ReadAt(v.super, superOffset); err != nil {
		return nil, err
	}
	s := v.super
	compat, incompat, ro := get32(s[0x5c:]), get32(s[0x60:]), get32(s[0x64:])
	if get16(s[0x38:]) != 0xef53 || get32(s[0x18:]) != blockBits-10 || get16(s[0x58:]) != inodeSize ||
		get32(s[0x20:]) > maxGroup || get32(s[0x20:])%8 != 0 ||
		get32(s[0x28:]) > maxGroup || get16(s[0xfe:]) != descSize || get32(s[0x54:]) != firstInode ||
		compat&^compatMay != 0 || incompat != incompatMust || ro&roCompatMust != roCompatMust || ro&^roCompatMay != 0 ||
		get32(s[0x10:])+firstInode != get32(s[0x0:]) || // none is used but lost+found and those before it
		sum(sumStart, s[:superChecksum]) != get32(s[superChecksum:]) {
		return nil, errors.New(errorsNotEmpty)
	}
	v.blocks = int64(get32(s[0x4:])) | int64(get32(s[0x150:]))<<32
	v.per, v.inodes = int64(get32(s[0x20:])), get32(s[0x28:])
	v.seed = sum(sumStart, s[0x68:0x78]) // s_uuid
	v.hash = newHasher(s[0xec:0xfc], get32(s[0x160:])&flagUnsigned != 0)
	count := (v.blocks + v.per - 1) / v.per
	v.gdt = (count*descSize + blockSize - 1) / blockSize
	b := make([]byte, v.gdt*blockSize)
	if _, err := f.ReadAt(b, blockSize); err != nil {
		return nil, err
	}
	v.gdt += int64(get16(s[0xce:])) // s_reserved_gdt_blocks
	v.groups = make([]group, count)
	for i := range v.groups {
		v.groups[i] = group{number: int64(i), desc: b[i*descSize:][:descSize]}
	}
	return v, v.forget()
}

// forget takes back root and lost+found as mke2fs has made them: they are written anew.
func (v *volume) forget() error {
	g := &v.groups[0]
	if err := v.load(g); err != nil {
		return err
	}
	for _, ino := range []uint32{rootInode, lostInode} {
		b := make([]byte, inodeSize)
		if _, err := v.f.ReadAt(b, g.tableAt()+int64(ino-1)*inodeSize); err != nil {
			return err
		}
		list, err := fewExtents(b[0x28:])
		if err != nil {
			return err
		}
		for _, e := range list {
			for i := range int64(e.blocks) {
				if err := v.free(e.at + i); err != nil {
					return err
				}
			}
		}
	}
	g.dirs -= 2
	g.setInode(lostInode-1, false)
	v.current, v.next = 0, 0
	return nil
}

// free gives a block back. mke2fs puts its first directories into group 0, or behind it
// where that is full of inode tables.
func (v *volume) free(block int64) error {
	if block >= v.blocks {
		return errors.New(errorsNotEmpty)
	}
	g := &v.groups[block/v.per]
	if err := v.load(g); err != nil {
		return err
	}
	g.setBlock(block%v.per, false)
	return nil
}

// take finds free blocks: as many of n as lie in a row.
func (v *volume) take(n int64) (at, got int64, err error) {
	for ; v.current < len(v.groups); v.current, v.next = v.current+1, 0 {
		g := &v.groups[v.current]
		if err := v.load(g); err != nil {
			return 0, 0, err
		}
		if at, got = g.take(v.next, n); got > 0 {
			v.next = at + got
			return g.number*v.per + at, got, nil
		}
	}
	return 0, 0, ErrFull
}

// takeInode gives the next inode, in order.
func (v *volume) takeInode() (uint32, error) {
	ino := v.inode
	if int64(ino) > int64(len(v.groups))*int64(v.inodes) {
		return 0, ErrFull
	}
	v.inode++
	return ino, nil
}

// close writes bitmaps, descriptors and the superblock. The copies of the superblock stay
// as they are: they count nothing that a repair would believe.
func (v *volume) close() error {
	if err := v.table.flush(v.f); err != nil {
		return err
	}
	var blocks, inodes int64
	all := make([]byte, 0, len(v.groups)*descSize)
	for i := range v.groups {
		g := &v.groups[i]
		if err := v.save(g); err != nil {
			return err
		}
		blocks, inodes = blocks+g.freeBlocks(), inodes+g.freeInodes()
		all = append(all, g.desc...)
	}
	if _, err := v.f.WriteAt(all, blockSize); err != nil {
		return err
	}
	s := v.super
	put32(s[0xc:], uint32(blocks))
	put32(s[0x158:], uint32(blocks>>32))
	put32(s[0x10:], uint32(inodes))
	put32(s[superChecksum:], sum(sumStart, s[:superChecksum]))
	_, err := v.f.WriteAt(s, superOffset)
	return err
}

// write puts a block where it belongs.
func (v *volume) write(b []byte, block int64) error {
	_, err := v.f.WriteAt(b, block*blockSize)
	return err
}
