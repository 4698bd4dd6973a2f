package kvm

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// Event is an eventfd: a 64-bit counter in the kernel. As an irqfd, a write to it
// raises an interrupt; as an ioeventfd, a guest's store adds one to it.
type Event struct{ fd int }

// NewEvent makes an event whose counter is 0.
func NewEvent() (*Event, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, wrap("eventfd", err)
	}
	return &Event{fd: fd}, nil
}

// FD is the descriptor, for poll.
func (e *Event) FD() int { return e.fd }

// Signal adds one to the counter. A full counter (2^64-2) already says all that
// there is to say, so EAGAIN is no failure.
func (e *Event) Signal() error {
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
	var b [8]byte
	for {
		_, err := unix.Read(e.fd, b[:])
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
	fds := []unix.PollFd{{Fd: int32(e.fd), Events: unix.POLLIN}}
	for {
		if _, err := unix.Poll(fds, -1); err != nil && err != unix.EINTR {
			return wrap("eventfd poll", err)
		}
		if n, err := e.Drain(); n != 0 || err != nil {
			return err
		}
	}
}

// Close closes the descriptor. Unbind it from a VM first.
func (e *Event) Close() error { return wrap("close", unix.Close(e.fd)) }
