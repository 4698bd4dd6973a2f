package image

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"terem/internal/fault"
	"terem/internal/vm/disk/ext4"
)

// scanner reads a directory into a tree. Whatever happens to the directory meanwhile, it
// follows no link and opens nothing but directories and regular files.
type scanner struct {
	ctx   context.Context
	tree  *tree
	top   *os.Root
	links map[inode]*ext4.Node // files with several names
	path  []string
}

type inode struct {
	major, minor uint32 // of the file system
	number       uint64
}

// errSwapped says that a file is not the one that was there before.
var errSwapped = errors.New("another file took its place while it was read")

// scan reads a directory. The scanner is to be closed once contents are read, too.
func scan(ctx context.Context, dir string) (*scanner, error) {
	top, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	s := &scanner{ctx: ctx, tree: newTree(), top: top, links: map[inode]*ext4.Node{}}
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err == nil {
		s.tree.root, err = s.node(fd)
		unix.Close(fd) // nothing to be lost
	}
	if err != nil {
		top.Close() // nothing was written
		var said *ext4.Error
		if !errors.As(err, &said) {
			err = &ext4.Error{Path: path.Join("/", path.Join(s.path...)), Err: err}
		}
		return nil, err
	}
	return s, nil
}

func (s *scanner) Close() error { return s.top.Close() }

// node describes the file behind a descriptor that only names it (O_PATH).
func (s *scanner) node(fd int) (*ext4.Node, error) {
	var st unix.Statx_t
	if err := unix.Statx(fd, "", unix.AT_EMPTY_PATH, unix.STATX_BASIC_STATS|unix.STATX_BTIME, &st); err != nil {
		return nil, err
	}
	id := inode{st.Dev_major, st.Dev_minor, st.Ino}
	n := &ext4.Node{Mode: uint32(st.Mode), UID: st.Uid, GID: st.Gid, Major: st.Rdev_major, Minor: st.Rdev_minor}
	if kind(n) != unix.S_IFDIR && st.Nlink > 1 {
		if old := s.links[id]; old != nil {
			return old, nil
		}
		s.links[id] = n
	}
	n.Times = ext4.Times{Access: stamp(st.Atime), Modify: stamp(st.Mtime), Change: stamp(st.Ctime), Birth: stamp(st.Mtime)}
	if st.Mask&unix.STATX_BTIME != 0 {
		n.Times.Birth = stamp(st.Btime)
	}
	var err error
	if n.Attrs, err = attributes(fd); err != nil {
		return nil, err
	}
	switch kind(n) {
	case unix.S_IFLNK:
		n.Target, err = readLink(fd)
	case unix.S_IFREG:
		n.Size = int64(st.Size)
		err = s.regular(fd, n, id, int64(st.Blocks))
	case unix.S_IFDIR:
		err = s.directory(fd, n)
	}
	return n, err
}

func stamp(t unix.StatxTimestamp) ext4.Time { return ext4.Time{Sec: t.Sec, Nsec: t.Nsec} }

// reopen opens the very file that a descriptor names.
func reopen(fd, flags int) (int, error) {
	return unix.Open(fmt.Sprintf("/proc/self/fd/%d", fd), flags|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
}

func readLink(fd int) (string, error) {
	b := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(fd, "", b)
	if err != nil {
		return "", err
	}
	return string(b[:n]), nil
}

// attributes reads the extended attributes. Those of Btrfs say how it stores the file.
func attributes(fd int) (map[string][]byte, error) {
	name := fmt.Sprintf("/proc/self/fd/%d", fd) // a descriptor with O_PATH has no attributes itself
	list, err := growing(func(b []byte) (int, error) { return unix.Listxattr(name, b) })
	if errors.Is(err, unix.EOPNOTSUPP) {
		return nil, nil
	}
	if err != nil || len(list) == 0 {
		return nil, err
	}
	attrs := map[string][]byte{}
	for attr := range strings.SplitSeq(strings.TrimSuffix(string(list), "\x00"), "\x00") {
		if strings.HasPrefix(attr, "btrfs.") {
			continue
		}
		value, err := growing(func(b []byte) (int, error) { return unix.Getxattr(name, attr, b) })
		if errors.Is(err, unix.ENODATA) { // it is gone again
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("attribute %q: %w", attr, err)
		}
		attrs[attr] = value
	}
	return attrs, nil
}

// growing calls get with room for what it says that it has, which may become more.
func growing(get func([]byte) (int, error)) ([]byte, error) {
	for {
		n, err := get(nil)
		if n <= 0 || err != nil {
			return nil, err
		}
		b := make([]byte, n)
		if n, err = get(b); !errors.Is(err, unix.ERANGE) {
			return b[:max(0, n)], err
		}
	}
}

// flagsOf asks for the flags of a regular file or a directory, where the file system has any.
func flagsOf(fd int) uint32 {
	flags, err := unix.IoctlGetUint32(fd, unix.FS_IOC_GETFLAGS)
	if err != nil {
		return 0
	}
	return flags
}

// directory reads what is in a directory.
func (s *scanner) directory(fd int, n *ext4.Node) error {
	if len(s.path) >= maxDepth {
		return errDeep
	}
	here, err := unix.Openat(fd, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(here), ".")
	defer f.Close() // read only
	n.Flags = flagsOf(here)
	names, err := f.Readdirnames(-1)
	if err != nil {
		return fault.Reason(err)
	}
	n.Children = make(map[string]*ext4.Node, len(names))
	for _, name := range names {
		if err := s.ctx.Err(); err != nil {
			return err
		}
		s.path = append(s.path, name)
		c, err := s.child(here, name)
		if err != nil {
			return err
		}
		if err := s.tree.pay(name, c); err != nil {
			return err
		}
		n.Children[name] = c
		s.path = s.path[:len(s.path)-1]
	}
	return nil
}

func (s *scanner) child(dir int, name string) (*ext4.Node, error) {
	fd, err := unix.Openat(dir, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd) // it only names the file
	return s.node(fd)
}

// regular looks at a regular file; it is opened again when its contents are copied.
func (s *scanner) regular(fd int, n *ext4.Node, id inode, sectors int64) error {
	open, err := reopen(fd, unix.O_RDONLY)
	if err != nil {
		return err
	}
	f := &hostFile{os.NewFile(uintptr(open), "."), n.Size}
	defer f.Close() // read only
	n.Flags = flagsOf(open)
	size := n.Size
	if sectors*sectorSize < size { // it has holes, or is stored compressed
		list, err := f.Ranges()
		if err != nil {
			return err
		}
		size = 0
		for _, r := range list {
			size += r.Len + fileBlock
		}
	}
	s.tree.sizes[n] = (size + fileBlock - 1) &^ (fileBlock - 1)
	name := path.Join(s.path...)
	n.Open = func() (ext4.Contents, error) { return s.again(name, id, n.Size) }
	return nil
}

// again opens a file for its contents, below the directory and only if it is still the same.
func (s *scanner) again(name string, id inode, size int64) (ext4.Contents, error) {
	f, err := s.top.OpenFile(name, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fault.Reason(err)
	}
	var st unix.Statx_t
	err = unix.Statx(int(f.Fd()), "", unix.AT_EMPTY_PATH, unix.STATX_BASIC_STATS, &st)
	if err == nil && (inode{st.Dev_major, st.Dev_minor, st.Ino} != id || st.Mode&unix.S_IFMT != unix.S_IFREG) {
		err = errSwapped
	}
	if err != nil {
		f.Close() // read only
		return nil, err
	}
	return &hostFile{f, size}, nil
}

// hostFile is a file of the host as contents.
type hostFile struct {
	*os.File
	size int64
}

// Ranges asks the host where the file has bytes.
func (f *hostFile) Ranges() (list []ext4.Range, err error) {
	for off := int64(0); off < f.size; {
		data, err := f.Seek(off, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			break // no more bytes
		}
		if err != nil {
			return nil, fault.Reason(err)
		}
		hole, err := f.Seek(data, unix.SEEK_HOLE)
		if err != nil {
			return nil, fault.Reason(err)
		}
		if end := min(hole, f.size); end > data {
			list = append(list, ext4.Range{Off: data, Len: end - data})
		}
		off = hole
	}
	return list, nil
}
