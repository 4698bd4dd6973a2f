package ext4

import (
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"
)

// A Node is a file of any kind. One with several names is one Node at several places.
type Node struct {
	Mode         uint32 // kind and permissions, as in st_mode
	UID, GID     uint32
	Times        Times
	Major, Minor uint32            // of a device
	Target       string            // of a symbolic link
	Flags        uint32            // FlagImmutable and so on
	Attrs        map[string][]byte // extended attributes, as the kernel names them and shows them
	Size         int64             // of a regular file, bytes
	Open         func() (Contents, error)
	Children     map[string]*Node // of a directory

	ino   uint32
	links int
}

// Times are a file's. ext4 knows the years from 1901 to 2446, and nanoseconds.
type Times struct{ Access, Modify, Change, Birth Time }

// Time is in seconds since 1970.
type Time struct {
	Sec  int64
	Nsec uint32
}

// Contents are the bytes of a regular file. What lies in no range is a hole.
type Contents interface {
	io.ReaderAt
	io.Closer
	Ranges() ([]Range, error) // in order, within the file's size
}

// Range is a part of a file that has bytes.
type Range struct{ Off, Len int64 }

// Error is about one file of a tree.
type Error struct {
	Path string
	Err  error
}

func (e *Error) Error() string { return e.Path + ": " + e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// ErrFull says that the file system has no room for the tree.
var ErrFull = errors.New("the file system is full")

// What ext4 has room for.
const (
	maxName   = 255
	maxTarget = blockSize - 1
	maxLinks  = 65000 // of a file; a directory with more counts as one with one
	maxSize   = blockSize * (1<<32 - 1)
	maxMajor  = 1<<12 - 1
	maxMinor  = 1<<20 - 1
	minTime   = -1 << 31
	maxTime   = 1<<31 + 3<<32 - 1
)

// Flags as FS_IOC_GETFLAGS gives them, FS_..._FL in linux/fs.h.
const (
	flagSecureDelete = 0x1
	flagUndelete     = 0x2
	flagSync         = 0x8
	FlagImmutable    = 0x10
	FlagAppend       = 0x20
	FlagNoDump       = 0x40
	FlagNoAtime      = 0x80
	flagJournalData  = 0x4000
	flagNoTail       = 0x8000
	flagDirSync      = 0x10000
	flagTopDir       = 0x20000
	flagCaseFold     = 0x40000000

	// keptFlags speak of the file and not of how a disk stores it.
	keptFlags = flagSecureDelete | flagUndelete | flagSync | FlagImmutable | FlagAppend | FlagNoDump | FlagNoAtime |
		flagJournalData | flagNoTail | flagDirSync | flagTopDir

	// otherFlags are those of what is neither a file nor a directory (EXT4_OTHER_FLMASK): e2fsck
	// takes others for damage.
	otherFlags = FlagNoDump | FlagNoAtime
)

func (n *Node) kind() uint32 { return n.Mode & unix.S_IFMT }
func (n *Node) isDir() bool  { return n.kind() == unix.S_IFDIR }

// check finds what ext4 cannot say.
func (n *Node) check() error {
	for _, t := range []Time{n.Times.Access, n.Times.Modify, n.Times.Change, n.Times.Birth} {
		if t.Sec < minTime || t.Sec > maxTime || t.Nsec >= 1e9 {
			return fmt.Errorf("a time of %d seconds: ext4 knows the years from 1901 to 2446", t.Sec)
		}
	}
	if n.Flags&flagCaseFold != 0 {
		return errors.New("a directory whose names ignore case: terem's file systems have none")
	}
	if k := n.kind(); k != unix.S_IFREG && k != unix.S_IFDIR && n.Flags&keptFlags&^otherFlags != 0 {
		return errors.New("flags such as immutable: ext4 has those of files and directories alone")
	}
	switch n.kind() {
	case unix.S_IFREG:
		if n.Size < 0 || n.Size > maxSize {
			return fmt.Errorf("%d bytes: a file of ext4 has 16 TiB at most", n.Size)
		}
	case unix.S_IFLNK:
		if l := len(n.Target); l == 0 || l > maxTarget {
			return fmt.Errorf("a symbolic link of %d bytes: ext4 has room for 1 to %d", l, maxTarget)
		}
	case unix.S_IFCHR, unix.S_IFBLK:
		if n.Major > maxMajor || n.Minor > maxMinor {
			return fmt.Errorf("device %d:%d: Linux has numbers up to %d:%d", n.Major, n.Minor, maxMajor, maxMinor)
		}
	case unix.S_IFDIR, unix.S_IFIFO, unix.S_IFSOCK:
	default:
		return fmt.Errorf("a file of mode %#o, which is no kind of file", n.Mode)
	}
	return nil
}

func checkName(name string) error {
	if l := len(name); l == 0 || l > maxName {
		return fmt.Errorf("a name of %d bytes: ext4 has room for 1 to %d", l, maxName)
	}
	return nil
}
