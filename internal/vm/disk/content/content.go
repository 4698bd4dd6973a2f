// Package content tells what is on a disk by its first bytes: a file system, a partition table and what is in its
// partitions. It reads what a guest wrote, and believes none of it.
package content

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf16"
)

// Content is what an image holds.
type Content struct {
	FileSystem *FileSystem `json:"file_system,omitempty"`
	Table      string      `json:"partition_table,omitempty"` // "gpt" or "mbr"
	Partitions []Partition `json:"partitions,omitempty"`
}

// FileSystem is a file system, or something else that fills a disk.
type FileSystem struct {
	Type  string `json:"type"`
	Label string `json:"label,omitempty"`
	UUID  string `json:"uuid,omitempty"`
	State string `json:"state,omitempty"` // ext: "clean", "needs recovery", "has errors", "cut short"
	Size  int64  `json:"size,omitempty"`  // ext: bytes, as it says itself
}

// Partition is an entry of a partition table. Offsets and sizes are in bytes.
type Partition struct {
	Number     int         `json:"number"`
	Offset     int64       `json:"offset"`
	Size       int64       `json:"size"`
	Name       string      `json:"name,omitempty"`
	Beyond     bool        `json:"beyond,omitempty"` // it ends behind the disk's end
	FileSystem *FileSystem `json:"file_system,omitempty"`
}

const sectorSize = 512

// StateCut says that a file system is longer than what it is in.
const StateCut = "cut short"

// magics tell file systems by bytes at a fixed place. Labels and UUIDs are at fixed
// places as well.
var magics = []struct {
	name     string
	at       int64
	magic    string
	label    int64 // 0: none
	labelLen int
	uuid     int64 // 0: none
}{
	{"ext", 1024 + 56, "\x53\xef", 1024 + 120, 16, 1024 + 104}, // fs/ext4/ext4.h, struct ext4_super_block
	{"xfs", 0, "XFSB", 108, 12, 32},
	{"btrfs", 65536 + 64, "_BHRfS_M", 65536 + 299, 256, 65536 + 32},
	{"erofs", 1024, "\xe2\xe1\xf5\xe0", 1024 + 64, 16, 1024 + 48},
	{"f2fs", 1024, "\x10\x20\xf5\xf2", 0, 0, 1024 + 108},
	{"squashfs", 0, "hsqs", 0, 0, 0},
	{"swap", 4096 - 10, "SWAPSPACE2", 1024 + 28, 16, 1024 + 12},
	{"vfat", 82, "FAT32   ", 71, 11, 0},
	{"vfat", 54, "FAT16   ", 43, 11, 0},
	{"vfat", 54, "FAT12   ", 43, 11, 0},
	{"ntfs", 3, "NTFS    ", 0, 0, 0},
	{"luks", 0, "LUKS\xba\xbe", 0, 0, 0},
	{"lvm", 512, "LABELONE", 0, 0, 0},
	{"iso9660", 32768 + 1, "CD001", 32768 + 40, 32, 0},
}

// Examine finds what is on a disk of size bytes. What cannot be read is not there.
func Examine(r io.ReaderAt, size int64) Content {
	c := Content{FileSystem: fileSystem(r, 0)}
	if c.FileSystem == nil || c.FileSystem.Type == "iso9660" {
		c.Table, c.Partitions = partitions(r, size)
	}
	c.FileSystem.within(size)
	for i := range c.Partitions {
		p := &c.Partitions[i]
		p.FileSystem = fileSystem(r, p.Offset)
		p.FileSystem.within(min(p.Size, size-p.Offset))
	}
	return c
}

// within notes whether there is room for a file system, if there is one.
func (fs *FileSystem) within(room int64) {
	if fs != nil && fs.Size > room {
		fs.State = StateCut
	}
}

// FileSystemOf is the type of the file system that fills the image r, "ext4" for
// example; "" if there is none that is known.
func FileSystemOf(r io.ReaderAt) string {
	if fs := fileSystem(r, 0); fs != nil {
		return fs.Type
	}
	return ""
}

// bytesAt reads n bytes; nil if they are not all there.
func bytesAt(r io.ReaderAt, off int64, n int) []byte {
	b := make([]byte, n)
	if got, _ := r.ReadAt(b, off); got < n {
		return nil
	}
	return b
}

func fileSystem(r io.ReaderAt, off int64) *FileSystem {
	for _, m := range magics {
		if string(bytesAt(r, off+m.at, len(m.magic))) != m.magic {
			continue
		}
		fs := &FileSystem{Type: m.name}
		if m.label != 0 {
			fs.Label = Printable(string(bytesAt(r, off+m.label, m.labelLen)))
		}
		if m.uuid != 0 {
			if u := bytesAt(r, off+m.uuid, 16); u != nil && !bytes.Equal(u, make([]byte, 16)) {
				fs.UUID = fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
			}
		}
		if m.name == "ext" {
			fs.ext(bytesAt(r, off+1024, 1024))
		}
		return fs
	}
	return nil
}

// ext tells ext2, ext3 and ext4 apart by their features, as blkid does.
func (fs *FileSystem) ext(b []byte) {
	if b == nil {
		return
	}
	const (
		hasJournal   = 0x4  // s_feature_compat
		recover      = 0x4  // s_feature_incompat
		extents      = 0x40 //
		ext3Incompat = 0x16 // filetype, recover, meta_bg
		valid        = 1    // s_state
		errorState   = 2    //
	)
	le := binary.LittleEndian
	compat, incompat, state := le.Uint32(b[92:]), le.Uint32(b[96:]), le.Uint16(b[58:])
	switch {
	case incompat&extents != 0 || incompat&^ext3Incompat != 0:
		fs.Type = "ext4"
	case compat&hasJournal != 0:
		fs.Type = "ext3"
	default:
		fs.Type = "ext2"
	}
	fs.Size = extSize(b, incompat)
	switch {
	case state&errorState != 0:
		fs.State = "has errors"
	case incompat&recover != 0, state&valid == 0:
		fs.State = "needs recovery"
	default:
		fs.State = "clean"
	}
}

// extSize is s_blocks_count of blocks of 1024 << s_log_block_size; 0 if that is no size.
func extSize(b []byte, incompat uint32) int64 {
	const (
		wide    = 0x80 // s_feature_incompat: s_blocks_count_hi counts
		largest = 6    // 64 KiB
		most    = 1 << 46
	)
	le := binary.LittleEndian
	blocks, shift := uint64(le.Uint32(b[4:])), le.Uint32(b[24:])
	if incompat&wide != 0 {
		blocks |= uint64(le.Uint32(b[336:])) << 32
	}
	if shift > largest || blocks > most {
		return 0
	}
	return int64(blocks << (10 + shift))
}

// Printable is a name as far as it can be shown: up to the first zero, without what a
// terminal would obey.
func Printable(s string) string {
	s, _, _ = strings.Cut(s, "\x00")
	return strings.TrimSpace(strings.Map(func(c rune) rune {
		if !unicode.IsPrint(c) {
			return '?'
		}
		return c
	}, s))
}

// partitions reads an MBR (4 entries of 16 bytes at 446) or the GPT that it protects.
func partitions(r io.ReaderAt, size int64) (table string, list []Partition) {
	const gptGuard = 0xee
	mbr := bytesAt(r, 0, sectorSize)
	if mbr == nil || mbr[510] != 0x55 || mbr[511] != 0xaa {
		return "", nil
	}
	le := binary.LittleEndian
	for i := range 4 {
		if active := mbr[446+16*i]; active != 0 && active != 0x80 {
			return "", nil // a boot sector of something else
		}
	}
	for i := range 4 {
		e := mbr[446+16*i:][:16]
		if e[4] == gptGuard {
			if list, ok := gpt(r, size); ok {
				return "gpt", list
			}
		}
		list = appendPartition(list, i+1, int64(le.Uint32(e[8:]))*sectorSize, int64(le.Uint32(e[12:]))*sectorSize, size, "")
	}
	if len(list) == 0 {
		return "", nil
	}
	return "mbr", list
}

// appendPartition drops entries that are empty, and marks those that are not all on the disk.
func appendPartition(list []Partition, number int, off, n, size int64, name string) []Partition {
	if n <= 0 || off <= 0 {
		return list
	}
	return append(list, Partition{Number: number, Offset: off, Size: n, Name: name, Beyond: off > size || n > size-off})
}

// gpt reads a GUID partition table (UEFI 2.10, 5.3): its header is in the second block.
func gpt(r io.ReaderAt, size int64) ([]Partition, bool) {
	const most, least, longest = 128, 128, 4096 // entries; bytes of one
	le := binary.LittleEndian
	for _, block := range []int64{512, 4096} {
		h := bytesAt(r, block, 92)
		if h == nil || string(h[:8]) != "EFI PART" {
			continue
		}
		at, count, step := le.Uint64(h[72:]), min(le.Uint32(h[80:]), most), le.Uint32(h[84:])
		if at > uint64(size/block) || step < least || step > longest {
			return nil, true
		}
		var list []Partition
		for i := range int64(count) {
			e := bytesAt(r, int64(at)*block+i*int64(step), least)
			if e == nil || bytes.Equal(e[:16], make([]byte, 16)) {
				continue
			}
			const most = 1 << 50 // blocks
			first, last := le.Uint64(e[32:]), le.Uint64(e[40:])
			if first > last || last > most {
				continue
			}
			list = appendPartition(list, int(i)+1, int64(first)*block, int64(last-first+1)*block, size, utf16Name(e[56:]))
		}
		return list, true
	}
	return nil, false
}

func utf16Name(b []byte) string {
	var u []uint16
	for i := 0; i+1 < len(b); i += 2 {
		u = append(u, binary.LittleEndian.Uint16(b[i:]))
	}
	return Printable(string(utf16.Decode(u)))
}

// String names a file system: `ext4 "root", clean, UUID ...`.
func (fs *FileSystem) String() string {
	s := fs.Type
	if fs.Label != "" {
		s += fmt.Sprintf(" %q", fs.Label)
	}
	if fs.State != "" {
		s += ", " + fs.State
	}
	if fs.UUID != "" {
		s += ", UUID " + fs.UUID
	}
	return s
}
