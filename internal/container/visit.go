package container

import (
	"errors"
	"io/fs"
	"math"
	"runtime"
	"syscall"

	"terem/internal/fault"

	"golang.org/x/sys/unix"
)

// EnterName is the name, argument 0, under which terem enters a container that runs.
const EnterName = "terem-container-enter"

// request is what a process that has entered is told. With it come the files of the groups to join.
type request struct {
	order          // what both have
	More  []string // environment that was asked for
	User  string
}

func (q *request) pack(p packer) {
	q.order.pack(p)
	list(p, &q.More, packer.text)
	p.text(&q.User)
}

// visitor is a process that has entered: in the container's namespaces but for that of mounts, with all rights over them. Others are there
// already, who could be after what it holds. While it has rights that they lack, the kernel keeps them from it
// (ptrace(2), "Ptrace access mode checking"); after that, that it cannot be dumped does. What it runs is a sealed file in memory.
type visitor struct {
	stage
	q      request
	who    account
	mounts int // the container's namespace of them
}

// visitInit is the whole life of a process that enters.
func visitInit() (status int) {
	runtime.LockOSThread()
	v := &visitor{}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fault.StatusHost
	}
	if err := unix.CloseRange(socketFD, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return fault.StatusHost
	}
	const everybodyReads = 0o022
	unix.Umask(everybodyReads)
	fds, err := receive(socketFD, &v.q)
	if err != nil {
		return fault.StatusHost // whoever sent it is gone
	}
	if len(fds) == 0 {
		return fault.StatusHost
	}
	v.order, v.mounts, v.tasks = v.q.order, fds[0], fds[1:]
	r := v.become()
	_ = send(socketFD, &r) // or nobody is left to tell
	return fault.StatusHost
}

// become takes all steps, and returns only if one fails.
func (v *visitor) become() report {
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"fork", v.joinGroups},
		{"session", v.leaveMounts},
		{"session", v.reopenNull},
		{"user", v.findUser},
		{"pty", v.openTerminal},
		{"user", v.dropCapabilities},
		{"user", v.becomeUser},
		{"chdir", v.enterDir},
		{"execve", v.findProgram},
		{"session", func() error { return unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }},
		{"session", v.denySyscalls},
	} {
		if err := step.do(); err != nil {
			return report{Step: step.name, Errno: int(reasonOf(err))}
		}
	}
	return report{Step: "execve", Errno: int(reasonOf(v.execute()))}
}

// reasonOf is the kernel's number for an error that need not be the kernel's.
func reasonOf(err error) syscall.Errno {
	n := syscall.Errno(0)
	switch {
	case errors.As(err, &n):
		return n
	case errors.Is(err, fs.ErrNotExist):
		return unix.ENOENT
	case errors.Is(err, err32bit):
		return unix.ENOEXEC
	case errors.Is(err, errLeadsOut):
		return unix.ELOOP
	}
	return unix.EIO
}

// leaveMounts enters the container's mounts. Until here the host's were needed: terem may be a program with libraries.
func (v *visitor) leaveMounts() error {
	if err := unix.Unshare(unix.CLONE_FS); err != nil { // other threads keep the host's, until they end with execve(2)
		return err
	}
	return unix.Setns(v.mounts, unix.CLONE_NEWNS)
}

// findUser finds who the program is to be, and makes its environment.
func (v *visitor) findUser() (err error) {
	if v.q.User != "" {
		if v.who, err = findAccount(v.q.User); err != nil {
			return err
		}
		v.Env = v.who.environment(v.Env)
	}
	for _, variable := range v.q.More {
		v.Env = setVariable(v.Env, variable)
	}
	return nil
}

// becomeUser gives up being root. Of a thread's capabilities none is left then. (The calls are raw, as those of package
// syscall are for all threads.)
func (v *visitor) becomeUser() error {
	if v.q.User == "" {
		return nil
	}
	if v.TTY[0] {
		_ = unix.Fchown(0, int(v.who.uid), -1) // or it can be used, but not opened anew
	}
	if err := v.who.become(); err != nil {
		return err
	}
	return unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
}
