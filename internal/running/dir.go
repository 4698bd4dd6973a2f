package running

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
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

// RootVar names another place for the directories, in the environment.
const RootVar = "TEREM_RUNTIME_DIR"

// Root is the directory above those of all that this user runs.
func Root() string {
	if dir := os.Getenv(RootVar); dir != "" {
		return dir
	}
	if os.Geteuid() == 0 {
		return "/run/terem"
	}
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "terem")
	}
	return filepath.Join(os.TempDir(), "terem-"+strconv.Itoa(os.Geteuid()))
}

// Dir is the directory of something that runs in this process.
type Dir struct {
	Name string
	Path string
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
	if err := makeRoot(root); err != nil {
		return nil, err
	}
	if name != "" {
		return claim(root, name)
	}
	for {
		d, err := claim(root, freshName(prefix))
		if !errors.Is(err, errTaken) {
			return d, err
		}
	}
}

var errTaken = errors.New("something that runs has it")

// tries is how often a claim gives way to somebody who clears the directory at this moment, and pause how long it waits.
const (
	tries = 50
	pause = 2 * time.Millisecond
)

func claim(root, name string) (*Dir, error) {
	d := &Dir{Name: name, Path: filepath.Join(root, name)}
	var err error
	for range tries {
		if err = d.take(); err == nil || !errors.Is(err, errTaken) {
			break
		}
		if held, _ := isHeld(d.File(lockFile)); held {
			break // by more than a moment's cleaner, most likely; and if not, the next try is the user's
		}
		time.Sleep(pause)
	}
	if err != nil {
		return nil, &fault.Error{Class: fault.Usage, Thing: "name " + name, Err: err, Mend: "choose another, or see `terem ps`"}
	}
	return d, nil
}

// take makes the directory and holds its lock. What was in it is gone then.
func (d *Dir) take() error {
	if err := os.Mkdir(d.Path, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	lock, err := os.OpenFile(d.File(lockFile), os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if errors.Is(err, os.ErrNotExist) {
		return errTaken // cleared in between
	}
	if err != nil {
		return err
	}
	if err := hold(lock); err != nil {
		lock.Close()
		return err
	}
	if !sameFile(lock, d.File(lockFile)) { // it was cleared before we held it
		lock.Close()
		return errTaken
	}
	d.lock = lock
	return d.empty()
}

// Release gives the name back. Once the lock's file is gone, the directory may be the next one's.
func (d *Dir) Release() error {
	err := errors.Join(d.empty(), os.Remove(d.File(lockFile)))
	if e := os.Remove(d.Path); !errors.Is(e, os.ErrNotExist) && !errors.Is(e, syscall.ENOTEMPTY) {
		err = errors.Join(err, e)
	}
	return errors.Join(err, d.lock.Close())
}

// empty removes all but the lock.
func (d *Dir) empty() error {
	list, err := os.ReadDir(d.Path)
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range list {
		if e.Name() != lockFile {
			errs = append(errs, os.RemoveAll(d.File(e.Name())))
		}
	}
	return errors.Join(errs...)
}

// makeRoot makes the directory above all, and refuses one that others may write to.
func makeRoot(root string) error {
	bad := func(err error, cause string) error {
		return &fault.Error{Class: fault.Host, Thing: "directory " + root, Cause: cause, Err: err,
			Mend: "name another one in " + RootVar}
	}
	if err := os.Mkdir(root, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return bad(reason(err), "")
	}
	info, err := os.Lstat(root)
	if err != nil {
		return bad(reason(err), "")
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !info.IsDir():
		return bad(nil, "it is not a directory")
	case ok && int(st.Uid) != os.Geteuid():
		return bad(nil, fmt.Sprintf("it belongs to user %d", st.Uid))
	case info.Mode().Perm()&0o022 != 0:
		return bad(nil, "others may write to it")
	}
	return nil
}

// reason is an error without the path, which is named already.
func reason(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
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

// isHeld says whether somebody holds a lock, without taking it.
func isHeld(path string) (bool, error) {
	f, err := os.OpenFile(path, os.O_RDWR|syscall.O_NOFOLLOW, 0)
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

// sameFile says whether an open file is still the one at a path.
func sameFile(f *os.File, path string) bool {
	a, errA := f.Stat()
	b, errB := os.Lstat(path)
	return errA == nil && errB == nil && os.SameFile(a, b)
}
