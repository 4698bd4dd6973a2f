package tty

import (
	"os"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// pipeBuf is how much a pipe that is ready takes without blocking, in bytes: PIPE_BUF (pipe(7)).
const pipeBuf = 4096

// Output writes to a file that may block for ever, such as a pipe that nobody
// reads, until Stop calls it off. One goroutine at a time may Write.
type Output struct {
	f       *os.File
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
	return &Output{f: f, wake: wake, broken: broken}, nil
}

// Write writes p. It polls first, so that a write to a pipe cannot block. After
// Stop or a failure it drops what it is given.
func (o *Output) Write(p []byte) (int, error) {
	fd := int(o.f.Fd())
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
	fd := int(o.f.Fd())
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
	if n, err := unix.Poll(fds, 0); n == 0 || err == unix.EINTR {
		return 0, nil
	}
	return o.put(fd, p)
}

// put writes what a file that is ready takes of p. A signal, or somebody else who was quicker, may leave it nothing.
func (o *Output) put(fd int, p []byte) (int, error) {
	n, err := unix.Write(fd, p[:min(len(p), pipeBuf)])
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

// Close stops the Output and frees the eventfd. No Write may be under way; later ones are dropped.
func (o *Output) Close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.stopped.Store(true)
	err := unix.Close(o.wake)
	o.wake = -1
	return os.NewSyscallError("close", err)
}
