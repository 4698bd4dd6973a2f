package container

import (
	"errors"
	"fmt"
	"os"
	"path"

	"terem/internal/fault"

	"golang.org/x/sys/unix"
)

// mount is a mount that is attached nowhere yet, as a descriptor (fsmount(2),
// open_tree(2) with OPEN_TREE_CLONE).
type mount int

// hardened are the attributes of a mount that no program comes from.
const hardened = unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOEXEC

// newMount makes a file system; options are names and values.
func newMount(kind string, attributes int, options ...string) (mount, error) {
	fd, err := unix.Fsopen(kind, unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, os.NewSyscallError("fsopen "+kind, err)
	}
	defer unix.Close(fd)
	options = append(options, "source", kind) // for whoever reads /proc/mounts
	for i := 0; i < len(options); i += 2 {
		if err := unix.FsconfigSetString(fd, options[i], options[i+1]); err != nil {
			return -1, os.NewSyscallError("fsconfig "+kind+" "+options[i], err)
		}
	}
	if err := unix.FsconfigCreate(fd); err != nil {
		return -1, os.NewSyscallError("fsconfig "+kind, err)
	}
	m, err := unix.Fsmount(fd, unix.FSMOUNT_CLOEXEC, attributes)
	return mount(m), os.NewSyscallError("fsmount "+kind, err)
}

// clone is a second mount of what is at a path. It does not follow a link at the end of
// the path. The error of a path that is not there is unix.ENOENT itself.
func clone(dir int, path string, recursive uint) (mount, error) {
	fd, err := unix.OpenTree(dir, path, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_SYMLINK_NOFOLLOW|recursive)
	switch {
	case err == nil:
		return mount(fd), nil
	case errors.Is(err, unix.ENOENT):
		return -1, err
	}
	return -1, &os.PathError{Op: "open_tree", Path: path, Err: err}
}

// cloneTrees takes second mounts of a root and of what is bound into it.
func cloneTrees(root string, binds []Bind, recursive uint) (tree mount, bound []mount, err error) {
	if tree, err = cloneTree(root, recursive); err != nil {
		return -1, nil, fmt.Errorf("root: %w", err)
	}
	for _, b := range binds {
		m, err := cloneTree(b.Source, recursive)
		if err != nil {
			tree.close()
			closeMounts(bound)
			return -1, nil, &fault.Error{Class: fault.Usage, Thing: fault.Field("Binds"), Err: err, Mend: "name a file or directory of this host"}
		}
		bound = append(bound, m)
	}
	return tree, bound, nil
}

// cloneTree is a second mount of what is at a path that a person gave: links are followed.
// It is made private: on most hosts all mounts are shared (mount_namespaces(7)), and so would
// be the second one, wherever it goes: what is mounted in it would be mounted on the host.
func cloneTree(path string, recursive uint) (mount, error) {
	fd, err := unix.OpenTree(unix.AT_FDCWD, path, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|recursive)
	if err != nil {
		return -1, &os.PathError{Op: "open_tree", Path: path, Err: err}
	}
	private := &unix.MountAttr{Propagation: unix.MS_PRIVATE}
	if err := unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH|recursive, private); err != nil {
		unix.Close(fd)
		return -1, &os.PathError{Op: "mount_setattr", Path: path, Err: err}
	}
	return mount(fd), nil
}

// set gives a mount attributes; with AT_RECURSIVE, all that is mounted in it as well.
func (m mount) set(attributes uint64, recursive uint) error {
	attr := &unix.MountAttr{Attr_set: attributes}
	return os.NewSyscallError("mount_setattr", unix.MountSetattr(int(m), "", unix.AT_EMPTY_PATH|recursive, attr))
}

// clear takes attributes from a mount.
func (m mount) clear(attributes uint64) error {
	attr := &unix.MountAttr{Attr_clr: attributes}
	return os.NewSyscallError("mount_setattr", unix.MountSetattr(int(m), "", unix.AT_EMPTY_PATH, attr))
}

func closeMounts(mounts []mount) {
	for _, m := range mounts {
		m.close()
	}
}

func (m mount) close() { _ = unix.Close(int(m)) } // attached or not, nothing is lost

// attach mounts m at a directory below root, which is made if it is missing.
func (m mount) attach(root int, name string) error {
	const permissions = 0o755
	err := unix.Mkdirat(root, name, permissions)
	if err == nil || errors.Is(err, unix.EEXIST) || errors.Is(err, unix.EROFS) || errors.Is(err, unix.EACCES) {
		err = m.attachOver(root, name) // which says what is wrong, if it is
	}
	return err
}

// attachNew mounts m, a file or a directory, at a path whose last part is made if it is
// missing.
func (m mount) attachNew(root int, name string) error {
	var st unix.Stat_t
	if err := unix.Fstatat(int(m), "", &st, unix.AT_EMPTY_PATH); err != nil {
		return os.NewSyscallError("fstatat", err)
	}
	parent, err := openBeneath(root, path.Dir(name))
	if err != nil {
		return m.attachOver(root, name) // which says what is wrong
	}
	defer unix.Close(parent)
	if st.Mode&unix.S_IFMT == unix.S_IFDIR {
		return m.attach(parent, path.Base(name))
	}
	const permissions = 0o644
	_ = unix.Mknodat(parent, path.Base(name), unix.S_IFREG|permissions, 0) // or it is there
	return m.attachOver(parent, path.Base(name))
}

// openBeneath opens a path below a directory. No link leads anywhere else.
func openBeneath(root int, name string) (int, error) {
	return unix.Openat2(root, name, &unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS,
	})
}

// attachOver mounts m over what is at a path below root.
func (m mount) attachOver(root int, name string) error {
	target, err := openBeneath(root, name)
	if err == nil {
		defer unix.Close(target)
		err = unix.MoveMount(int(m), "", target, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH)
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.ELOOP):
		return &fault.Error{Class: fault.Usage, Thing: "/" + name + " of the root", Err: err, Mend: "it must be a directory, not a link"}
	case errors.Is(err, unix.ENOTDIR):
		return &fault.Error{Class: fault.Usage, Thing: "/" + name + " of the root", Err: err, Mend: "it must be a directory"}
	case errors.Is(err, unix.ENOENT):
		return &fault.Error{Class: fault.Usage, Thing: "/" + name + " of the root", Err: err, Mend: "make that directory"}
	}
	return &os.PathError{Op: "mount", Path: name, Err: err}
}
