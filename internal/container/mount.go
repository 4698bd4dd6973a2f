package container

import (
	"errors"
	"fmt"
	"os"

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
			return -1, nil, badBind(b, err)
		}
		bound = append(bound, m)
	}
	return tree, bound, nil
}

func badBind(b Bind, err error) error {
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.EACCES) {
		err = errors.Unwrap(err) // of the path's, and not of the call's
	}
	return &fault.Error{Class: fault.Usage, Thing: fault.Field("Binds") + " " + b.Source, Err: err, Mend: "name a file or directory of this host"}
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
