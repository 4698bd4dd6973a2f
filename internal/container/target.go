package container

import (
	"errors"
	"os"
	"path"

	"terem/internal/fault"

	"golang.org/x/sys/unix"
)

// Where a mount goes is a path in the container's root, which may be a stranger's. So no
// path of the container's is given to mount(2) as it is: it is opened first, by an
// openat2(2) that cannot leave the root, and the mount goes on what was opened.

// openBeneath opens a path below a directory. It follows no link.
func openBeneath(root int, name string) (int, error) {
	return unix.Openat2(root, name, &unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS,
	})
}

// openInRoot opens a path as a program would for which the directory is "/": links are
// followed, and lead nowhere else. The links in /proc, which could, are refused.
func openInRoot(root int, name string) (int, error) {
	fd, err := unix.Openat2(root, name, &unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
	})
	if errors.Is(err, unix.ELOOP) {
		err = errLeadsOut
	}
	return fd, err
}

// attach mounts m at a directory in root, which is made if it is missing.
func (m mount) attach(root int, name string) error {
	const permissions = 0o755
	err := unix.Mkdirat(root, name, permissions)
	if err == nil || errors.Is(err, unix.EEXIST) || errors.Is(err, unix.EROFS) || errors.Is(err, unix.EACCES) {
		err = m.attachOver(root, name) // which says what is wrong, if it is
	}
	return err
}

// attachOver mounts m over what is at a path below root.
func (m mount) attachOver(root int, name string) error {
	target, err := openBeneath(root, name)
	if err != nil {
		return noTarget(name, err)
	}
	defer unix.Close(target)
	return m.attachTo(target, name)
}

// attachNew mounts m, a file or a directory, at a path that a person gave. Its last part
// is made if it is missing.
func (m mount) attachNew(root int, name string) error {
	target, err := openInRoot(root, name)
	if errors.Is(err, unix.ENOENT) {
		if err = m.makeTarget(root, name); err == nil {
			target, err = openInRoot(root, name)
		}
	}
	if err != nil {
		return noTarget(name, err)
	}
	defer unix.Close(target)
	switch same, err := sameFile(root, target); {
	case err != nil:
		return err
	case same:
		return noTarget(name, errTheRoot)
	}
	return m.attachTo(target, name)
}

// makeTarget makes an empty file or directory to mount m at.
func (m mount) makeTarget(root int, name string) error {
	dir, err := m.isDir()
	if err != nil {
		return err
	}
	parent, err := openInRoot(root, path.Dir(name))
	if err != nil {
		return err
	}
	defer unix.Close(parent)
	const dirPermissions, filePermissions = 0o755, 0o644
	if dir {
		err = unix.Mkdirat(parent, path.Base(name), dirPermissions)
	} else {
		err = unix.Mknodat(parent, path.Base(name), unix.S_IFREG|filePermissions, 0)
	}
	if errors.Is(err, unix.EEXIST) { // and it was not found
		return errNowhere
	}
	return err
}

// attachTo mounts m over what has been opened.
func (m mount) attachTo(target int, name string) error {
	err := unix.MoveMount(int(m), "", target, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH)
	if err == nil {
		return nil
	}
	// The kernel's word for a directory on a file, or a file on a directory, is EINVAL.
	dir, err1 := m.isDir()
	onDir, err2 := mount(target).isDir()
	switch {
	case err1 == nil && err2 == nil && dir && !onDir:
		return noTarget(name, unix.ENOTDIR)
	case err1 == nil && err2 == nil && !dir && onDir:
		return noTarget(name, unix.EISDIR)
	}
	return &os.PathError{Op: "mount", Path: "/" + name, Err: err}
}

// isDir says whether a mount, attached or not, is of a directory.
func (m mount) isDir() (bool, error) {
	var st unix.Stat_t
	err := unix.Fstatat(int(m), "", &st, unix.AT_EMPTY_PATH)
	return st.Mode&unix.S_IFMT == unix.S_IFDIR, os.NewSyscallError("fstatat", err)
}

// sameFile says whether two descriptors are of one file in one mount.
func sameFile(a, b int) (bool, error) {
	var of [2]unix.Statx_t
	for i, fd := range [2]int{a, b} {
		if err := unix.Statx(fd, "", unix.AT_EMPTY_PATH, unix.STATX_INO|unix.STATX_MNT_ID, &of[i]); err != nil {
			return false, os.NewSyscallError("statx", err)
		}
	}
	return of[0].Ino == of[1].Ino && of[0].Mnt_id == of[1].Mnt_id, nil
}

// noTarget says what is wrong with a path of the root that was to be mounted at.
func noTarget(name string, err error) error {
	e := &fault.Error{Class: fault.Usage, Thing: shown("/"+name) + " of the root", Err: err}
	switch {
	case errors.Is(err, unix.ELOOP):
		e.Mend = "it must be a directory, not a link"
	case errors.Is(err, unix.ENOTDIR):
		e.Mend = "it must be a directory"
	case errors.Is(err, unix.EISDIR):
		e.Mend = "it must be a file, as what is mounted there is one"
	case errors.Is(err, unix.ENOENT):
		e.Mend = "make that directory"
	case errors.Is(err, unix.EROFS):
		e.Err = errors.New("it is not there, and the root is read-only")
		e.Mend = "name what is there, or something new at the top of the root, such as " + shown("/"+path.Base(name))
	case errors.Is(err, errLeadsOut), errors.Is(err, errNowhere), errors.Is(err, errTheRoot):
	default:
		return &os.PathError{Op: "mount", Path: "/" + name, Err: err}
	}
	return e
}

var (
	errNowhere = errors.New("it is a link to what is not there")
	errTheRoot = errors.New("it leads to the root itself")
)
