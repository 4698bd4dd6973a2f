package snapshot

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"terem/internal/fault"
)

// The files of a snapshot.
const (
	stateFile  = "state"
	memoryFile = "memory"
)

// unfinished stands between the name of a snapshot and unfinishedDigits hexadecimal digits, in the name of a directory that is
// to become it.
const (
	unfinished       = ".new-"
	unfinishedDigits = 16
)

// openDir opens a directory; one that the user names may be a link.
func openDir(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|unix.O_DIRECTORY, 0)
}

// openAt opens something in a directory: no link, nothing that blocks.
func openAt(dir *os.File, name string, flags int) (*os.File, error) {
	var fd int
	err := again(func() (err error) {
		fd, err = unix.Openat(int(dir.Fd()), name, flags|unix.O_NOFOLLOW|unix.O_CLOEXEC|unix.O_NONBLOCK, 0o600)
		return err
	})
	path := filepath.Join(dir.Name(), name)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), nil
}

// openFile opens a regular file in a directory for reading.
func openFile(dir *os.File, name string) (*os.File, error) {
	f, err := openAt(dir, name, unix.O_RDONLY)
	if errors.Is(err, unix.ELOOP) {
		return nil, errors.New(name + " is a symbolic link")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, fault.Reason(err))
	}
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = errors.New(name + " is no regular file")
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// makeUnfinished makes a directory beside the one that it is to become, and holds its lock.
func makeUnfinished(parent *os.File, base string) (*os.File, string, error) {
	for {
		name := base + unfinished + freshDigits()
		if err := unix.Mkdirat(int(parent.Fd()), name, 0o700); errors.Is(err, fs.ErrExist) {
			continue
		} else if err != nil {
			return nil, "", err
		}
		dir, err := openAt(parent, name, unix.O_RDONLY|unix.O_DIRECTORY)
		if err == nil {
			if lock(dir); isAt(parent, name, dir) {
				return dir, name, nil
			}
			err = errors.Join(fs.ErrNotExist, dir.Close())
		}
		if !errors.Is(err, fs.ErrNotExist) { // else somebody swept it before it was locked
			return nil, "", errors.Join(err, unix.Unlinkat(int(parent.Fd()), name, unix.AT_REMOVEDIR))
		}
	}
}

func freshDigits() string {
	var b [unfinishedDigits / 2]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// sweep removes what writers of this snapshot that were killed have left.
func sweep(parent *os.File, base string) {
	names, _ := parent.Readdirnames(-1) // what cannot be listed stays
	for _, name := range names {
		digits, ok := strings.CutPrefix(name, base+unfinished)
		if _, err := hex.DecodeString(digits); !ok || err != nil || len(digits) != unfinishedDigits {
			continue
		}
		dir, err := openAt(parent, name, unix.O_RDONLY|unix.O_DIRECTORY)
		if err != nil {
			continue
		}
		if unix.Flock(int(dir.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil && isAt(parent, name, dir) {
			_ = remove(parent, name, dir) // the next one tries again
		}
		dir.Close()
	}
}

// remove removes a snapshot's files and its directory, and nothing else: what a stranger has put there stays, and the
// directory with it.
func remove(parent *os.File, name string, dir *os.File) error {
	for _, file := range Files() {
		if err := unix.Unlinkat(int(dir.Fd()), file, 0); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return &fs.PathError{Op: "remove", Path: filepath.Join(name, file), Err: err}
		}
	}
	if err := unix.Unlinkat(int(parent.Fd()), name, unix.AT_REMOVEDIR); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return &fs.PathError{Op: "remove", Path: name, Err: err}
	}
	return nil
}

// lock waits for the lock of a directory, which lasts until it is closed. A file system without locks has no sweeping, either.
func lock(dir *os.File) {
	_ = again(func() error { return unix.Flock(int(dir.Fd()), unix.LOCK_EX) })
}

// isAt says whether a name in a directory is still that of an open one.
func isAt(parent *os.File, name string, open *os.File) bool {
	var a, b unix.Stat_t
	return unix.Fstatat(int(parent.Fd()), name, &a, unix.AT_SYMLINK_NOFOLLOW) == nil && unix.Fstat(int(open.Fd()), &b) == nil &&
		a.Dev == b.Dev && a.Ino == b.Ino
}

// again repeats a system call that a signal interrupts.
func again(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
