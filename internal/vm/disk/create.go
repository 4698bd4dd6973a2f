package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"terem/internal/fault"

	"golang.org/x/sys/unix"
)

// Create makes a file by way of a temporary one beside it: path is complete or is not
// there. An existing file stays as it is unless force is set; one that is in use stays
// even then. fill writes the contents. Its errors are *fault.Error.
func Create(path string, force bool, fill func(f *os.File) error) error {
	err := create(path, force, fill)
	var said *fault.Error
	if err == nil || errors.As(err, &said) {
		return err
	}
	e := &fault.Error{Class: fault.Host, Thing: "make " + path, Err: fault.Reason(err)}
	switch {
	case errors.Is(err, fs.ErrExist):
		e.Class, e.Err, e.Cause, e.Mend = fault.Usage, nil, "it exists", "name another file, or overwrite it with "+fault.Field("Force")
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission), errors.Is(err, unix.ENOTDIR):
		e.Class, e.Mend = fault.Usage, "name a file in a directory that you may write to"
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		e.Mend = "make room"
	case errors.Is(err, unix.EFBIG), errors.Is(err, unix.EINVAL):
		e.Class, e.Mend = fault.Usage, "ask for less; the file system or `ulimit -f` has a limit"
	}
	return e
}

func create(path string, force bool, fill func(f *os.File) error) (err error) {
	if err := mayReplace(path, force); err != nil {
		return err
	}
	f, err := temporary(path)
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, f.Close())
		if err != nil {
			os.Remove(f.Name()) // the first error is the one that matters
		}
	}()
	if err := fill(f); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := move(f.Name(), path, force); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// mayReplace looks early whether path is free: filling may take long.
func mayReplace(path string, force bool) error {
	st, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !force:
		return fs.ErrExist
	case !st.Mode().IsRegular():
		return &fault.Error{Class: fault.Usage, Thing: "make " + path, Cause: "it is no regular file", Mend: "name another"}
	}
	fd, err := open(path, unix.O_RDWR)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := lock(fd, true); errors.Is(err, errLocked) {
		return &fault.Error{Class: fault.Usage, Thing: "make " + path, Cause: inUse(path), Mend: "end that first, or name another file"}
	}
	return nil
}

// temporary makes a file beside path, with the mode that a new file has.
func temporary(path string) (*os.File, error) {
	const tries = 100
	var err error
	for i := range tries {
		name := filepath.Join(filepath.Dir(path), fmt.Sprintf(".%s.%d-%d", filepath.Base(path), os.Getpid(), i))
		var f *os.File
		f, err = os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
		if !errors.Is(err, fs.ErrExist) {
			return f, err
		}
	}
	return nil, err
}

// move gives a file its name. Without force it never replaces one that came meanwhile.
func move(from, to string, force bool) error {
	if force {
		return os.Rename(from, to)
	}
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	if !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOSYS) {
		return err
	}
	if err := os.Link(from, to); err != nil { // the file system cannot do that
		return err
	}
	return os.Remove(from)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	return errors.Join(err, d.Close())
}
