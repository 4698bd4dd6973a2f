package container

import (
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"syscall"

	"terem/internal/fault"

	"golang.org/x/sys/unix"
)

// namespaces are the flags of clone(2) for the namespaces that every container has. That
// of control groups is missing: the first stage makes it when it has joined its groups.
const namespaces = unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWTIME

// spawn starts the first stage, which is this program once more, in new namespaces. It
// waits to be told what to do.
func (s *start) spawn() error {
	attr := &os.ProcAttr{
		Env:   []string{"GOMAXPROCS=1"}, // threads that nobody needs take time to start
		Files: []*os.File{s.c.Stdin, s.c.Stdout, s.c.Stderr, s.inside},
		Sys: &syscall.SysProcAttr{
			Cloneflags: namespaces,
			Setsid:     true, // the host's terminal cannot be the program's controlling one
			Pdeathsig:  unix.SIGKILL,
		},
	}
	if s.c.Network == NetworkNone {
		attr.Sys.Cloneflags |= unix.CLONE_NEWNET
	}
	identity(attr.Sys, s.c.Users, s.privileged)
	if attr.Sys.UidMappings != nil {
		s.owners = owners{attr.Sys.UidMappings[0].HostID, attr.Sys.GidMappings[0].HostID}
	}
	// What terem was started with is closed before the first stage looks at a path: it has
	// the four files above and no other. (Go's own files are all closed on exec.)
	const afterStandard = 3
	if err := unix.CloseRange(afterStandard, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return inWords("container: close_range", unix.ENOSYS) // the flag is of Linux 5.11
	}
	if s.born != nil {
		attr.Sys.UseCgroupFD, attr.Sys.CgroupFD = true, int(s.born.Fd())
	}
	started := make(chan error)
	go s.k.supervise(s.ownFile(), attr, started)
	err := <-started
	s.inside.Close() // or the end of the first stage would not be seen
	return explain(err, s.privileged)
}

// supervise starts the first stage and waits for the end of what becomes of it. The
// parent-death signal is sent when the thread that started it ends, so this one stays.
func (k *Container) supervise(file string, attr *os.ProcAttr, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	p, err := os.StartProcess(file, []string{InitName}, attr)
	k.process = p
	started <- err
	if err != nil {
		return
	}
	k.state, k.waitErr = p.Wait()
	k.letGo()
	k.dropImage()
	close(k.exited)
}

// ownFile is this program's, by the link in /proc, which works whoever may look where it
// is. But the link names the file in the mount of the namespace outside. Where root inside
// could write to it, the first stage needs it in a mount of its own, which it makes
// read-only (see leaveHost): so there it goes by its path.
func (s *start) ownFile() string {
	const link = "/proc/self/exe"
	if s.privileged && s.c.Users == UsersPrivate {
		return link
	}
	path, err := os.Readlink(link)
	if err != nil {
		return link
	}
	var named, running unix.Stat_t
	if unix.Stat(path, &named) != nil || unix.Stat(link, &running) != nil || named.Dev != running.Dev || named.Ino != running.Ino {
		return link // it was replaced meanwhile
	}
	return path
}

// explain adds what to do about a first stage that cannot be started.
func explain(err error, privileged bool) error {
	if err == nil {
		return nil
	}
	e := inWords("container", err)
	switch {
	case errors.Is(err, unix.EPERM) && !privileged:
		e.Err = fmt.Errorf("this host lets no ordinary user make namespaces: %w", err)
		e.Mend = "run terem as root"
	case errors.Is(err, unix.EPERM):
		e.Err = fmt.Errorf("root has not all rights here: %w", err)
		e.Mend = "run terem where CAP_SYS_ADMIN is left to it"
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EUSERS):
		e.Err = fmt.Errorf("no namespace more is allowed here: %w", err)
		e.Mend = "look at max_user_namespaces and the like, of sysctl user"
	case errors.Is(err, unix.EAGAIN):
		e.Err = fmt.Errorf("no process more is allowed here: %w", err)
		e.Mend = "look at ulimit -u, and at pids.max of the control groups"
	case errors.Is(err, unix.EACCES):
		e.Err = fmt.Errorf("the container's users may not execute terem itself: %w", err)
		e.Mend = "chmod a+rx its file, or use " + fault.Field("Users") + " host"
	case errors.Is(err, unix.EINVAL):
		e.Err = fmt.Errorf("this kernel lacks a kind of namespace: %w", err)
		e.Mend = "Linux 5.12 or later has them all"
	}
	return e
}
