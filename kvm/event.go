package kvm

import (
	"encoding/binary"
	"io/fs"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Event is an eventfd: a 64-bit counter in the kernel. As an irqfd, a write to it
// raises an interrupt; as an ioeventfd, a guest's store adds one to it.
//
// The methods may be called from any goroutine, also at the same time as Close and
// after it: they fail with fs.ErrClosed then. A descriptor's number is given out again
// as soon as it is closed, so that a write that came late would go to a stranger's file.
type Event struct {
	fd    int
	users atomic.Int64  // calls that use fd; eventClosed is added by Close
	gone  chan struct{} // closed when fd is
}

// eventClosed is more than there can be calls at a time.
const eventClosed = 1 << 32

// NewEvent makes an event whose counter is 0.
func NewEvent() (*Event, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, wrap("eventfd", err)
	}
	return &Event{fd: fd, gone: make(chan struct{})}, nil
}

// Signal adds one to the counter. A full counter (2^64-2) already says all that
// there is to say, so EAGAIN is no failure.
func (e *Event) Signal() error {
	if !e.use() {
		return wrap("eventfd write", fs.ErrClosed)
	}
	defer e.release()
	return e.signal()
}

func (e *Event) signal() error {
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	for {
		_, err := unix.Write(e.fd, one[:])
		switch err {
		case nil, unix.EAGAIN:
			return nil
		case unix.EINTR:
		default:
			return wrap("eventfd write", err)
		}
	}
}

// Drain sets the counter to 0 and returns what it was; 0 if nothing was pending.
func (e *Event) Drain() (uint64, error) {
	if !e.use() {
		return 0, wrap("eventfd read", fs.ErrClosed)
	}
	defer e.release()
	return e.drain()
}

func (e *Event) drain() (uint64, error) {
	var b [8]byte
	for {
		_, err := unix.Read(e.fd, b[:])
		if err == nil && e.users.Load() >= eventClosed {
			_ = e.signal() // what Close wakes somebody with is for all who wait
		}
		switch err {
		case nil:
			return binary.NativeEndian.Uint64(b[:]), nil
		case unix.EAGAIN:
			return 0, nil
		case unix.EINTR:
		default:
			return 0, wrap("eventfd read", err)
		}
	}
}

// Wait blocks until the counter is not 0, and sets it to 0.
func (e *Event) Wait() error {
	if !e.use() {
		return wrap("eventfd poll", fs.ErrClosed)
	}
	defer e.release()
	fds := []unix.PollFd{{Fd: int32(e.fd), Events: unix.POLLIN}}
	for {
		if _, err := unix.Poll(fds, -1); err != nil && err != unix.EINTR {
			return wrap("eventfd poll", err)
		}
		n, err := e.drain()
		if e.users.Load() >= eventClosed {
			return wrap("eventfd poll", fs.ErrClosed)
		}
		if n != 0 || err != nil {
			return err
		}
	}
}

// Close closes the descriptor, once nobody uses it any more: who waits is woken. Unbind
// it from a VM first. A second Close fails.
func (e *Event) Close() error {
	for n := e.users.Load(); ; n = e.users.Load() {
		if n >= eventClosed {
			return wrap("close", fs.ErrClosed)
		}
		// This call uses the descriptor, too, until it has woken the others.
		if !e.users.CompareAndSwap(n, n+1+eventClosed) {
			continue
		}
		if n > 0 {
			_ = e.signal() // an eventfd of ours takes it
		}
		e.release()
		<-e.gone
		return nil
	}
}

// with calls f, which uses the descriptor.
func (e *Event) with(op string, f func() error) error {
	if !e.use() {
		return wrap(op, fs.ErrClosed)
	}
	defer e.release()
	return f()
}

// use says whether the descriptor may be used, until release.
func (e *Event) use() bool {
	for {
		n := e.users.Load()
		if n >= eventClosed {
			return false
		}
		if e.users.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// release closes the descriptor if Close wants it and this was the last to use it.
func (e *Event) release() {
	if e.users.Add(-1) == eventClosed {
		_ = unix.Close(e.fd) // an eventfd has nothing that could fail
		close(e.gone)
	}
}
