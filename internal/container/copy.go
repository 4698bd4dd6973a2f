package container

import (
	"context"
	"errors"
	"io"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Not every file system can shift the owners of its files: a tmpfs cannot before Linux
// 6.3, overlayfs and NFS cannot to this day. Its files as they are would belong to nobody
// inside, and without a user namespace root inside would be the host's root for each of
// them. So the container gets a copy, in memory, in which the owners are shifted by
// chown(2). It is mounted nowhere but in the container, and goes with it.

// noUser is the number that a copied file has whose owner the container has no number
// for, as nobody has: no range includes it (see parseRange).
const noUser = 1<<32 - 2

// copier copies a tree of files. The tree may be a stranger's, who changes it meanwhile:
// no link in it is followed, and nothing but regular files and directories is opened.
type copier struct {
	ctx    context.Context // ends a copy that takes long
	owners owners
	copy   mount
	names  map[inode]string // in the copy, of files with more than one
	buffer []byte
}

// owners are the numbers that user 0 and group 0 of a container have outside.
type owners struct{ user, group int }

// inode tells a file from others whatever it is called.
type inode struct{ device, number uint64 }

// copyShifted is a copy of a tree, attached nowhere yet.
func copyShifted(ctx context.Context, tree mount, o owners) (mount, error) {
	m, err := newMount("tmpfs", unix.MOUNT_ATTR_NODEV)
	if err != nil {
		return -1, err
	}
	if err := copyInto(ctx, m, tree, o); err != nil {
		m.close()
		return -1, err
	}
	return m, nil
}

// copyInto copies a tree into an empty file system.
func copyInto(ctx context.Context, m, tree mount, o owners) error {
	// To open a device can do something to it.
	if err := tree.set(unix.MOUNT_ATTR_NODEV, 0); err != nil {
		return err
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(tree), &st); err != nil {
		return os.NewSyscallError("fstat", err)
	}
	const bufferSize = 128 << 10
	c := &copier{ctx: ctx, owners: o, copy: m, names: map[inode]string{}, buffer: make([]byte, bufferSize)}
	return c.dir(int(tree), int(m), ".", ".", &st)
}

// dir fills a directory of the copy, which is there. Both are named by a descriptor of
// the directory above and their name in it; path is where the copy has it.
func (c *copier) dir(from, to int, name, path string, st *unix.Stat_t) error {
	in, err := openAs(from, name, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return named("open", path, err)
	}
	source := os.NewFile(uintptr(in), name)
	defer source.Close()
	out, err := openAs(to, name, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return named("open", path, err)
	}
	defer unix.Close(out)
	const atOnce = 256
	for {
		names, err := source.Readdirnames(atOnce)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return &os.PathError{Op: "read", Path: shown(path), Err: cause(err)}
		}
		for _, name := range names {
			if err := c.entry(in, out, name, path+"/"+name); err != nil {
				return err
			}
		}
	}
	// Last, as what was made in it changed its times.
	return named("copy", path, errors.Join(c.settle(to, name, st), c.attributes(in, out)))
}

// entry copies one file of whatever kind.
func (c *copier) entry(from, to int, name, path string) error {
	if err := c.ctx.Err(); err != nil {
		return err
	}
	var st unix.Stat_t
	err := unix.Fstatat(from, name, &st, unix.AT_SYMLINK_NOFOLLOW)
	if errors.Is(err, unix.ENOENT) {
		return nil // it was removed meanwhile
	}
	if err != nil {
		return named("stat", path, err)
	}
	kind := st.Mode & unix.S_IFMT
	if kind != unix.S_IFDIR && st.Nlink > 1 {
		file := inode{st.Dev, st.Ino}
		if first, ok := c.names[file]; ok {
			return named("link", path, unix.Linkat(int(c.copy), first, to, name, 0))
		}
		c.names[file] = path
	}
	switch kind {
	case unix.S_IFDIR:
		if len(path) >= unix.PathMax { // each directory on the way holds its path and two descriptors
			return named("mkdir", path, unix.ENAMETOOLONG)
		}
		if err := unix.Mkdirat(to, name, unix.S_IRWXU); err != nil {
			return named("mkdir", path, err)
		}
		return c.dir(from, to, name, path, &st)
	case unix.S_IFREG:
		return c.file(from, to, name, path, &st)
	case unix.S_IFLNK:
		err = c.link(from, to, name)
	default: // a device, which opens nothing in a container, a pipe, a socket
		err = unix.Mknodat(to, name, st.Mode, int(st.Rdev))
	}
	if err != nil {
		return named("copy", path, err)
	}
	return named("copy", path, c.settle(to, name, &st))
}

// link copies a symbolic link as it is, wherever it leads.
func (c *copier) link(from, to int, name string) error {
	n, err := unix.Readlinkat(from, name, c.buffer)
	if err != nil {
		return err
	}
	return unix.Symlinkat(string(c.buffer[:n]), to, name)
}

// file copies a regular file.
func (c *copier) file(from, to int, name, path string, st *unix.Stat_t) error {
	// A pipe that somebody has put in its place does not hold us up.
	in, err := openAs(from, name, unix.O_RDONLY|unix.O_NONBLOCK)
	if err != nil {
		return named("open", path, err)
	}
	defer unix.Close(in)
	if err := unix.Fstat(in, st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
		return named("open", path, errors.Join(err, errors.New("it was replaced while it was copied")))
	}
	out, err := openAs(to, name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL)
	if err != nil {
		return named("create", path, err)
	}
	defer unix.Close(out)
	err = c.data(in, out, st.Size)
	if err == nil {
		err = errors.Join(c.settle(to, name, st), c.attributes(in, out))
	}
	return named("copy", path, err)
}

// data copies what is in a file, and leaves holes where it has some. What is appended
// meanwhile is not copied.
func (c *copier) data(in, out int, size int64) error {
	for at := int64(0); at < size; {
		start, err := unix.Seek(in, at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			break // a hole to the end
		}
		if err != nil {
			return err
		}
		end, err := unix.Seek(in, start, unix.SEEK_HOLE)
		if err != nil {
			return err
		}
		for at = start; at < min(end, size); {
			n, err := c.piece(in, out, at, min(end, size)-at)
			if n == 0 || err != nil {
				return err // without one, somebody has cut the file off
			}
			at += n
		}
	}
	return unix.Ftruncate(out, size)
}

// piece copies as many bytes as the buffer holds, or fewer.
func (c *copier) piece(in, out int, at, most int64) (int64, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := unix.Pread(in, c.buffer[:min(most, int64(len(c.buffer)))], at)
	if err != nil {
		return 0, err
	}
	w, err := unix.Pwrite(out, c.buffer[:n], at)
	return int64(w), err
}

// settle gives a file of the copy its owner, its permissions and its times.
func (c *copier) settle(dir int, name string, st *unix.Stat_t) error {
	const itself = unix.AT_SYMLINK_NOFOLLOW
	err := unix.Fchownat(dir, name, shifted(c.owners.user, st.Uid), shifted(c.owners.group, st.Gid), itself)
	if err == nil && st.Mode&unix.S_IFMT != unix.S_IFLNK {
		// After the owner: chown(2) takes the set-user-ID bit away.
		err = unix.Fchmodat(dir, name, st.Mode&^unix.S_IFMT, 0)
	}
	if err == nil {
		err = unix.UtimesNanoAt(dir, name, []unix.Timespec{st.Atim, st.Mtim}, itself)
	}
	return err
}

// shifted is the number outside of a user or group that the container knows as id.
func shifted(first int, id uint32) int {
	if id < mappedUsers {
		return first + int(id)
	}
	return noUser
}

// openAs opens a name in a directory, itself and not where it leads.
func openAs(dir int, name string, flags int) (int, error) {
	const permissions = 0o600
	return unix.Openat(dir, name, flags|unix.O_NOFOLLOW|unix.O_CLOEXEC|unix.O_NOCTTY, permissions)
}

// named adds to an error what was done to what.
func named(op, path string, err error) error {
	var has *os.PathError
	if err == nil || errors.As(err, &has) {
		return err
	}
	return &os.PathError{Op: op, Path: shown(path), Err: err}
}

// cause is an error without its path.
func cause(err error) error {
	var has *os.PathError
	if errors.As(err, &has) {
		return has.Err
	}
	return err
}

// shown is a path for people: a stranger's may be long, and have anything in it.
func shown(path string) string {
	const end = 60
	if len(path) > 3*end {
		path = path[:end] + "..." + path[len(path)-end:]
	}
	if quoted := strconv.Quote(path); quoted != `"`+path+`"` {
		return quoted
	}
	return path
}
