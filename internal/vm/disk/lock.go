package disk

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// errLocked says that another open file description has a lock in the way.
var errLocked = errors.New("in use")

// Locks are QEMU's, so that terem and QEMU respect each other (block/file-posix.c,
// "RAW_LOCK_PERM_BASE"). Who has a permission holds a read lock on byte 100 + its bit,
// and who does not share one with others on byte 200 + its bit. A file need not have
// these bytes. All locks are taken before any is looked for: of two that come at the
// same time, one or both are refused, and never neither.
const (
	holdsBase  = 100
	unshared   = 200
	permRead   = 0 // and what is read stays as it is
	permWrite  = 1
	permResize = 3
)

// lock takes a reader's or a writer's locks on an open file. They are open file
// description locks (fcntl(2), F_OFD_SETLK), and last until the descriptor is closed.
// A file system without locks is not in the way of a disk.
func lock(fd int, write bool) error {
	uses := []int64{permRead}
	if write {
		uses = append(uses, permWrite, permResize)
	}
	refuses := []int64{permWrite, permResize}
	for _, p := range uses {
		if err := lockByte(fd, holdsBase+p); err != nil {
			return lockless(err)
		}
	}
	for _, p := range refuses {
		if err := lockByte(fd, unshared+p); err != nil {
			return lockless(err)
		}
	}
	for _, p := range uses {
		if err := free(fd, unshared+p); err != nil {
			return lockless(err)
		}
	}
	for _, p := range refuses {
		if err := free(fd, holdsBase+p); err != nil {
			return lockless(err)
		}
	}
	return nil
}

func lockByte(fd int, at int64) error {
	l := unix.Flock_t{Type: unix.F_RDLCK, Start: at, Len: 1}
	err := again(func() error { return unix.FcntlFlock(uintptr(fd), unix.F_OFD_SETLK, &l) })
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
		return errLocked // by a program that locks for writing, otherwise than QEMU
	}
	return err
}

// free says whether nobody else has a byte locked.
func free(fd int, at int64) error {
	l := unix.Flock_t{Type: unix.F_WRLCK, Start: at, Len: 1}
	err := again(func() error { return unix.FcntlFlock(uintptr(fd), unix.F_OFD_GETLK, &l) })
	if err == nil && l.Type != unix.F_UNLCK {
		return errLocked
	}
	return err
}

// lockless forgives what a file system without locks says.
func lockless(err error) error {
	if errors.Is(err, unix.ENOLCK) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EOPNOTSUPP) {
		return nil
	}
	return err
}

// holder names the process that has path locked, as far as /proc shows it: "process
// 123 (qemu)".
func holder(path string) string {
	path, err := filepath.Abs(path)
	if err != nil {
		return ""
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	// A pattern that is right cannot fail.
	links, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, l := range links {
		if to, err := os.Readlink(l); err != nil || to != path {
			continue
		}
		process := filepath.Dir(filepath.Dir(l))
		info, err := os.ReadFile(process + "/fdinfo/" + filepath.Base(l))
		if err != nil || !strings.Contains(string(info), "\nlock:") {
			continue
		}
		pid := filepath.Base(process)
		if pid == strconv.Itoa(os.Getpid()) {
			return "this terem"
		}
		name, err := os.ReadFile(process + "/comm")
		if err != nil {
			return "process " + pid
		}
		return fmt.Sprintf("process %s (%s)", pid, strings.TrimSpace(string(name)))
	}
	return ""
}
