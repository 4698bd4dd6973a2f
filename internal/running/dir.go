package running

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"terem/internal/fault"
)

// The files of a directory.
const (
	ControlSocket = "control.sock"
	VsockSocket   = "vsock.sock"
	LogFile       = "log"
	lockFile      = "lock"
)

// Dir is the directory of something that runs in this process.
type Dir struct {
	Name string
	Path string
	top  *os.Root // the directory above
	in   *os.Root // this one: whatever the path leads to later, files are removed here
	lock *os.File
}

// File is the path of one of its files.
func (d *Dir) File(name string) string { return filepath.Join(d.Path, name) }

// Claim takes a name, or draws one that begins with prefix if name is empty. The caller owes a Release.
func Claim(root, name, prefix string) (*Dir, error) {
	if name != "" {
		if err := CheckName(name); err != nil {
			return nil, err
		}
	}
	top, err := makeRoot(root)
	if err != nil {
		return nil, err
	}
	var d *Dir
	if name != "" {
		d, err = claim(root, top, name)
	} else {
		for again := true; again; again = errors.Is(err, errTaken) {
			d, err = claim(root, top, freshName(prefix))
		}
	}
	if err != nil {
		return nil, errors.Join(err, top.Close())
	}
	return d, nil
}

var errTaken = errors.New("something that runs has it")

// tries is how often a claim gives way to somebody who clears the directory at this moment, and pause how long it waits. Whoever has
// the name for longer than that has it.
const (
	tries = 50
	pause = 2 * time.Millisecond
)

func claim(root string, top *os.Root, name string) (*Dir, error) {
	d := &Dir{Name: name, Path: filepath.Join(root, name), top: top}
	var err error
	for range tries {
		if err = d.take(); err == nil || !errors.Is(err, errTaken) {
			break
		}
		time.Sleep(pause)
	}
	if err != nil {
		return nil, &fault.Error{Class: fault.Usage, Thing: "name " + name, Err: err, Mend: "choose another, or see `terem ps`"}
	}
	return d, nil
}

// take makes the directory and holds its lock. What was in it is gone then.
func (d *Dir) take() (err error) {
	if err := d.top.Mkdir(d.Name, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return fault.Reason(err)
	}
	if d.in, err = openIn(d.top, d.Name); err == nil {
		if d.lock, err = grab(d.in, os.O_CREATE); err == nil {
			if err = d.empty(); err == nil {
				return nil
			}
			d.lock.Close()
		}
		d.in.Close()
	}
	if errors.Is(err, os.ErrNotExist) {
		err = errTaken // cleared in between
	}
	return err
}

// grab opens the lock in a directory and holds it.
func grab(in *os.Root, flag int) (*os.File, error) {
	lock, err := in.OpenFile(lockFile, os.O_RDWR|syscall.O_NOFOLLOW|flag, 0o600)
	if err != nil {
		return nil, fault.Reason(err)
	}
	if err = hold(lock); err == nil && !isLock(in, lock) {
		err = errTaken // it was cleared before we held it
	}
	if err != nil {
		lock.Close()
		return nil, err
	}
	return lock, nil
}

// Release gives the name back.
func (d *Dir) Release() error {
	return errors.Join(d.remove(), d.lock.Close(), d.in.Close(), d.top.Close())
}

// remove removes the directory. Once the lock's file is gone, it may be the next one's.
func (d *Dir) remove() error {
	err := errors.Join(d.empty(), d.in.Remove(lockFile))
	named, e := d.top.Lstat(d.Name)
	if opened, e2 := d.in.Stat("."); e != nil || e2 != nil || !os.SameFile(named, opened) {
		return err // another has the name, or nobody
	}
	if e := d.top.Remove(d.Name); !errors.Is(e, os.ErrNotExist) && !errors.Is(e, syscall.ENOTEMPTY) {
		err = errors.Join(err, e)
	}
	return err
}

// empty removes all but the lock.
func (d *Dir) empty() error {
	list, err := fs.ReadDir(d.in.FS(), ".")
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range list {
		if e.Name() != lockFile {
			errs = append(errs, d.in.RemoveAll(e.Name()))
		}
	}
	return errors.Join(errs...)
}

// hold takes the lock for as long as the file is open.
func hold(f *os.File) error {
	l := unix.Flock_t{Type: unix.F_WRLCK}
	err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &l)
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
		return errTaken
	}
	return err
}

// isHeld says whether somebody holds the lock in a directory, without taking it.
func isHeld(in *os.Root) (bool, error) {
	f, err := in.OpenFile(lockFile, os.O_RDWR|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return false, err
	}
	defer f.Close()
	l := unix.Flock_t{Type: unix.F_WRLCK}
	if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_GETLK, &l); err != nil {
		return false, err
	}
	return l.Type != unix.F_UNLCK, nil
}

// isLock says whether an open file is still the lock in a directory.
func isLock(in *os.Root, f *os.File) bool {
	a, errA := f.Stat()
	b, errB := in.Lstat(lockFile)
	return errA == nil && errB == nil && os.SameFile(a, b)
}
