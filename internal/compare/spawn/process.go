package spawn

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"terem/internal/measure/lastwords"
)

// Command is a program to start.
type Command struct {
	Argv []string // Argv[0] is looked up in $PATH
	Env  []string // in addition to this process's
	Dir  string   // empty: this process's
	Out  *os.File // standard output; nil: a pipe that is read into Process.Out
	Err  *os.File // standard error, likewise
	Late bool     // read the pipe when the program is gone, and not before
}

// String is the command as a shell would take it, roughly.
func (c Command) String() string { return strings.Join(c.Argv, " ") }

// Process is a program under way, or one that has ended.
type Process struct {
	PID      int
	Began    int64          // just before it was made
	First    int64          // when its first byte of output came; 0: none yet
	Ended    int64          // when it was gone; 0: not yet
	Out, Err lastwords.Tail // what it said

	status unix.WaitStatus
	late   bool
	pidfd  int
	pipes  [2]int // standard output and error; -1 when they have ended
}

// Now reads the clock that all times here are of.
func Now() int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		panic(err) // every Linux has this clock, and &t is good
	}
	return t.Nano()
}

// Start starts a program with its input empty. The caller owes a Kill.
func (h *Host) Start(c Command) (p *Process, err error) {
	path, err := exec.LookPath(c.Argv[0])
	if err != nil {
		return nil, err
	}
	c.Env = slices.Concat(h.env, c.Env)
	h.do(func() { p, err = start(path, c) })
	return p, err
}

// start is called on the Host's thread: a program dies with the thread that made it.
func start(path string, c Command) (_ *Process, err error) {
	p := &Process{late: c.Late, pidfd: -1, pipes: [2]int{-1, -1}}
	var ends []int // the program's
	defer func() {
		for _, fd := range ends {
			unix.Close(fd)
		}
		if err != nil {
			p.close()
		}
	}()
	null, err := unix.Open(os.DevNull, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	ends = append(ends, null)
	for i := range p.pipes {
		var pair [2]int
		if err := unix.Pipe2(pair[:], unix.O_CLOEXEC); err != nil {
			return nil, fmt.Errorf("pipe: %w", err)
		}
		p.pipes[i] = pair[0]
		ends = append(ends, pair[1])
		if err := unix.SetNonblock(pair[0], true); err != nil {
			return nil, err
		}
	}
	out, errs := uintptr(ends[1]), uintptr(ends[2])
	if c.Out != nil {
		out = c.Out.Fd()
	}
	if c.Err != nil {
		errs = c.Err.Fd()
	}
	attr := &syscall.ProcAttr{Dir: c.Dir, Env: environment(c.Env),
		Files: []uintptr{uintptr(null), out, errs},
		Sys:   &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL, PidFD: &p.pidfd}}
	p.Began = Now()
	if p.PID, err = syscall.ForkExec(path, c.Argv, attr); err != nil {
		return nil, fmt.Errorf("start %s: %w", path, err)
	}
	if p.pidfd < 0 {
		_ = unix.Kill(p.PID, unix.SIGKILL)
		p.reap()
		return nil, errors.New("this kernel has no pidfds: Linux 5.4 or later is needed")
	}
	return p, nil
}

// environment is this process's, in which what is added takes the place of what has the
// same name.
func environment(add []string) []string {
	return (&exec.Cmd{Env: append(os.Environ(), add...)}).Environ()
}

// Run starts a program and watches it until it is gone. One that does not end within
// limit, or before ctx, is killed with all of its process group.
func (h *Host) Run(ctx context.Context, c Command, limit time.Duration) (*Process, error) {
	path, err := exec.LookPath(c.Argv[0])
	if err != nil {
		return nil, err
	}
	stop, err := newCancel(ctx)
	if err != nil {
		return nil, err
	}
	defer stop.close()
	var p *Process
	c.Env = slices.Concat(h.env, c.Env)
	h.do(func() {
		if p, err = start(path, c); err == nil {
			err = p.watch(stop.fd, limit, func() bool { return p.Ended != 0 })
		}
	})
	if p != nil {
		p.Kill()
	}
	if ctx.Err() != nil {
		return p, ctx.Err()
	}
	if errors.Is(err, ErrLate) {
		err = fmt.Errorf("%w; its last words: %s", err, lastwords.Of(p.Err.String(), p.Out.String()))
	}
	return p, err
}

// Line waits until a whole line of output is there, and returns the first.
func (p *Process) Line(ctx context.Context, limit time.Duration) (string, error) {
	stop, err := newCancel(ctx)
	if err != nil {
		return "", err
	}
	defer stop.close()
	whole := func() bool { return strings.Contains(p.Out.String(), "\n") }
	if err := p.watch(stop.fd, limit, func() bool { return whole() || p.Ended != 0 }); err != nil {
		return "", err
	}
	if !whole() {
		return "", fmt.Errorf("it ended: %v", p.Failure())
	}
	line, _, _ := strings.Cut(p.Out.String(), "\n")
	return line, nil
}

// Kill ends the program and its process group, if they are there still, and waits for it.
func (p *Process) Kill() {
	if p.Ended == 0 {
		_ = unix.Kill(-p.PID, unix.SIGKILL) // it may have ended by itself
		_ = unix.Kill(p.PID, unix.SIGKILL)  // or have gone over to another group
		p.reap()
	}
	p.close()
}

// Signal asks the program to end, and gives it until limit.
func (p *Process) Signal(s unix.Signal, limit time.Duration) error {
	if p.Ended != 0 {
		return nil
	}
	if err := unix.Kill(p.PID, s); err != nil {
		return err
	}
	return p.watch(-1, limit, func() bool { return p.Ended != 0 })
}

func (p *Process) reap() {
	for {
		_, err := unix.Wait4(p.PID, &p.status, 0, nil)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	p.Ended = Now()
}

func (p *Process) close() {
	for _, fd := range []*int{&p.pipes[0], &p.pipes[1], &p.pidfd} {
		if *fd >= 0 {
			unix.Close(*fd)
			*fd = -1
		}
	}
}

// Status is the exit status as a shell has it: 128 and the signal's number for one that
// was killed.
func (p *Process) Status() int {
	if p.status.Signaled() {
		return 128 + int(p.status.Signal())
	}
	return p.status.ExitStatus()
}

// Failure is nil for a program that ended with status 0, or else its status and its own
// last words.
func (p *Process) Failure() error {
	if s := p.Status(); s != 0 {
		return fmt.Errorf("status %d: %s", s, lastwords.Of(p.Err.String(), p.Out.String()))
	}
	return nil
}

// Poll takes note of what the program said and whether it has ended, without waiting.
func (p *Process) Poll() {
	if p.Ended == 0 {
		_ = p.watch(-1, 0, func() bool { return false }) // late at once
	}
}
