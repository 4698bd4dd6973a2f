package spawn

import (
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Bare runs a program with nothing watched and its output left in a pipe, and gives the
// time from before its start to after its end: what Run measures, without the measuring.
func (h *Host) Bare(c Command) (took time.Duration, err error) {
	path, err := exec.LookPath(c.Argv[0])
	if err != nil {
		return 0, err
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return 0, err
	}
	defer null.Close()
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		return 0, err
	}
	defer unix.Close(pipe[0])
	defer unix.Close(pipe[1])
	attr := &syscall.ProcAttr{Env: environment(h.env), Files: []uintptr{null.Fd(), uintptr(pipe[1]), null.Fd()}}
	h.do(func() {
		p := Process{Began: Now(), pidfd: -1}
		if p.PID, err = syscall.ForkExec(path, c.Argv, attr); err == nil {
			p.reap()
			took = time.Duration(p.Ended - p.Began)
		}
	})
	return took, err
}

// On runs f on the thread from which programs are started: what it starts dies with it, and
// has its mount namespace.
func (h *Host) On(f func() error) (err error) {
	h.do(func() { err = f() })
	return err
}
