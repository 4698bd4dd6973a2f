package container

import (
	"errors"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// A root that cannot be written is not written for its mounts either: containers may share
// it, and would see what was made for another. Where a directory to mount at is missing at
// its top, the container gets a top in memory: each entry of the root's, and the new ones.

// lackingTop says whether something that is to be mounted at the top of the root has no
// place there.
func (s *stage) lackingTop() bool {
	names := []string{"proc", "sys", "dev"}
	for _, b := range s.Binds {
		if name := bindTarget(b); path.Dir(name) == "." {
			names = append(names, name)
		}
	}
	for _, name := range names {
		var st unix.Stat_t
		if errors.Is(unix.Fstatat(int(s.root), name, &st, unix.AT_SYMLINK_NOFOLLOW), unix.ENOENT) {
			return true
		}
	}
	return false
}

// bindTarget is where a bind goes, from the root.
func bindTarget(b Bind) string { return strings.TrimPrefix(path.Clean(b.Target), "/") }

// topInMemory mounts a directory in memory over the root, shows the root's entries in it,
// and makes it the root. The old one must be attached: open_tree(2) clones nothing else
// before Linux 6.15; and so must the new one, to be mounted in.
func (s *stage) topInMemory() error {
	old := s.root
	defer old.close()
	s.covered = true
	entries, st, err := listTop(old)
	if err != nil {
		return err
	}
	if s.root, err = newMount("tmpfs", hardened); err != nil {
		return err
	}
	if err := unix.MoveMount(int(s.root), "", unix.AT_FDCWD, "/", unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return os.NewSyscallError("move_mount /", err)
	}
	for _, name := range entries {
		if err := showEntry(old, int(s.root), name); err != nil {
			return named("show", name, err)
		}
	}
	return likeTop(s.root, &st)
}

// likeTop gives a mount's directory the owner and the permissions of another. An owner
// without a number in here, nobody's, stays root: EINVAL.
func likeTop(m mount, st *unix.Stat_t) error {
	err := unix.Fchownat(int(m), ".", int(st.Uid), int(st.Gid), 0)
	if err != nil && !errors.Is(err, unix.EINVAL) {
		return os.NewSyscallError("fchownat", err)
	}
	const permissions = 0o7777
	return os.NewSyscallError("fchmodat", unix.Fchmodat(int(m), ".", st.Mode&permissions, 0))
}

// listTop is what is in the directory of a mount, and what that directory is like.
func listTop(m mount) (names []string, st unix.Stat_t, err error) {
	fd, err := openAs(int(m), ".", unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, st, os.NewSyscallError("open", err)
	}
	dir := os.NewFile(uintptr(fd), "root")
	defer dir.Close()
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, st, os.NewSyscallError("fstat", err)
	}
	names, err = dir.Readdirnames(-1)
	return names, st, err
}

// showEntry shows an entry of one directory in another.
func showEntry(from mount, to int, name string) error {
	var st unix.Stat_t
	if err := unix.Fstatat(int(from), name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT == unix.S_IFLNK {
		leads := make([]byte, unix.PathMax)
		n, err := unix.Readlinkat(int(from), name, leads)
		if err != nil {
			return err
		}
		return unix.Symlinkat(string(leads[:n]), to, name)
	}
	same, err := clone(int(from), name, unix.AT_RECURSIVE)
	if err != nil {
		return err
	}
	defer same.close()
	if err := same.makeTarget(to, name); err != nil {
		return err
	}
	return same.attachOver(to, name)
}
