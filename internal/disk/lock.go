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

// lock takes an open file description lock on a whole file (fcntl(2), F_OFD_SETLK):
// a writer's or a reader's. It lasts until the descriptor is closed, and it is in the
// way of QEMU's locks as QEMU's are in its. A file system without locks is not in the
// way of a disk.
func lock(fd int, write bool) error {
	l := unix.Flock_t{Type: unix.F_RDLCK}
	if write {
		l.Type = unix.F_WRLCK
	}
	err := again(func() error { return unix.FcntlFlock(uintptr(fd), unix.F_OFD_SETLK, &l) })
	switch {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EACCES):
		return errLocked
	case errors.Is(err, unix.ENOLCK), errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EOPNOTSUPP):
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
