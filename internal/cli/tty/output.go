package tty

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// pipeBuf is how much a pipe that is ready takes without waiting, in bytes: PIPE_BUF (pipe(7)).
const pipeBuf = 4096

// Output writes to a file that may block for ever, such as a pipe that nobody
// reads, until Stop calls it off. One goroutine at a time may Write.
type Output struct {
	f       *os.File
	own     int // see [reopen]; -1: none
	socket  bool
	stopped atomic.Bool
	broken  func(error)
	failed  bool

	mu   sync.Mutex // held while wake is written to, and closed
	wake int        // eventfd, readable once stopped; -1: closed
}

// NewOutput makes an Output. broken is called once, at the first write that fails:
// the reader of a pipe has gone, a disk is full.
func NewOutput(f *os.File, broken func(error)) (*Output, error) {
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("eventfd", err)
	}
	o := &Output{f: f, wake: wake, broken: broken}
	o.own, o.socket = reopen(int(f.Fd()))
	return o, nil
}

// reopen opens a pipe or a terminal once more, so that a write to it never waits. Somebody else who writes to it
// may take the room that a poll has found. O_NONBLOCK belongs to the open file, which is shared with the user's
// shell and what else that started: so the flag can be set only on one of our own. Where none is to be had (no
// /proc, a terminal of another user's), -1, a write may wait for as long as the other's bytes do. A socket needs none.
func reopen(fd int) (own int, socket bool) {
	var s unix.Stat_t
	if unix.Fstat(fd, &s) != nil {
		return -1, false
	}
	switch kind := s.Mode & unix.S_IFMT; {
	case kind == unix.S_IFSOCK:
		return -1, true
	case kind != unix.S_IFIFO && !term.IsTerminal(fd):
		return -1, false // a file or a device that makes nobody wait
	}
	own, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", fd), unix.O_WRONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, false
	}
	return own, false
}

// fd is where to poll and to write.
func (o *Output) fd() int {
	if o.own >= 0 {
		return o.own
	}
	return int(o.f.Fd())
}

// Write writes p. It polls first, and waits there, where Stop can wake it. After Stop or a
// failure it drops what it is given.
func (o *Output) Write(p []byte) (int, error) {
	fd := o.fd()
	for rest := p; len(rest) > 0 && !o.failed && o.wait(fd); {
		n, err := o.put(fd, rest)
		if err != nil {
			return len(p) - len(rest), err
		}
		rest = rest[n:]
	}
	return len(p), nil
}

// TryWrite writes as much of p as the file takes at once: none, maybe. It is Write otherwise.
func (o *Output) TryWrite(p []byte) (int, error) {
	if o.stopped.Load() || o.failed {
		return len(p), nil
	}
	fd := o.fd()
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
	if n, err := unix.Poll(fds, 0); n == 0 || err == unix.EINTR {
		return 0, nil
	}
	return o.put(fd, p)
}

// put writes what a file that is ready takes of p. A signal, or somebody else who was quicker, may leave it nothing.
func (o *Output) put(fd int, p []byte) (n int, err error) {
	p = p[:min(len(p), pipeBuf)]
	if o.socket {
		n, err = unix.SendmsgN(fd, p, nil, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	} else {
		n, err = unix.Write(fd, p)
	}
	switch {
	case err == unix.EINTR || err == unix.EAGAIN:
		return 0, nil
	case err != nil:
		o.failed = true
		o.broken(os.NewSyscallError("write", err))
		return 0, err
	}
	return n, nil
}

// wait waits until fd takes bytes; false after Stop.
func (o *Output) wait(fd int) bool {
	for !o.stopped.Load() {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}, {Fd: int32(o.wake), Events: unix.POLLIN}}
		if _, err := unix.Poll(fds, -1); err != nil && err != unix.EINTR {
			return true // let the write say what is wrong
		}
		if fds[0].Revents != 0 {
			return true
		}
	}
	return false
}

// Stop ends a Write that waits, and all later ones.
func (o *Output) Stop() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.stopped.Swap(true) || o.wake < 0 {
		return
	}
	one := []byte{1, 0, 0, 0, 0, 0, 0, 0}
	_, _ = unix.Write(o.wake, one) // an eventfd of ours takes it
}

// Close stops the Output and frees what it opened. No Write may be under way; later ones are dropped.
func (o *Output) Close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.stopped.Store(true)
	err := unix.Close(o.wake)
	o.wake = -1
	if o.own >= 0 {
		err = errors.Join(err, unix.Close(o.own))
		o.own = -1
	}
	return os.NewSyscallError("close", err)
}
