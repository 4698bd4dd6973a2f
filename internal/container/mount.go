package container

import (
	"os"

	"golang.org/x/sys/unix"
)

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
	switch err {
	case nil:
		return mount(fd), nil
	case unix.ENOENT:
		return -1, err
	}
	return -1, &os.PathError{Op: "open_tree", Path: path, Err: err}
}

func (m mount) close() { _ = unix.Close(int(m)) } // attached or not, nothing is lost

// attach mounts m at a directory below root, which is made if it is missing.
func (m mount) attach(root int, name string) error {
	const permissions = 0o755
	err := unix.Mkdirat(root, name, permissions)
	if err == nil || err == unix.EEXIST || err == unix.EROFS || err == unix.EACCES {
		err = m.attachOver(root, name) // which says what is wrong, if it is
	}
	return err
}

// attachOver mounts m over what is at a path below root. No link leads anywhere else.
func (m mount) attachOver(root int, name string) error {
	target, err := unix.Openat2(root, name, &unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS,
	})
	if err == nil {
		defer unix.Close(target)
		err = unix.MoveMount(int(m), "", target, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH)
	}
	switch err {
	case nil:
		return nil
	case unix.ELOOP:
		return &Error{Status: StatusUsage, Thing: "/" + name + " of the root", Err: err, Mend: "it must be a directory, not a link"}
	case unix.ENOTDIR:
		return &Error{Status: StatusUsage, Thing: "/" + name + " of the root", Err: err, Mend: "it must be a directory"}
	case unix.ENOENT:
		return &Error{Status: StatusUsage, Thing: "/" + name + " of the root", Err: err, Mend: "make that directory"}
	}
	return &os.PathError{Op: "mount", Path: name, Err: err}
}
