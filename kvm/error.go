package kvm

import (
	"errors"

	"golang.org/x/sys/unix"
)

// ErrInterrupted is returned by VCPU.Run when it came back without an exit of
// the guest: after a Kick, or after a signal that the Go runtime sent to the
// thread. The exit views still hold the previous exit then; do not read them.
var ErrInterrupted = errors.New("KVM_RUN interrupted")

// Error is a KVM call that the kernel refused.
type Error struct {
	Op  string // the ioctl or system call, as named in kvm.h: "KVM_SET_REGS"
	Err error  // the errno
}

func (e *Error) Error() string { return e.Op + ": " + e.Err.Error() }

// Unwrap returns the errno.
func (e *Error) Unwrap() error { return e.Err }

func wrap(op string, err error) error {
	if err == nil {
		return nil
	}
	return &Error{Op: op, Err: err}
}

// closeFD closes a descriptor and forgets its number, which the kernel gives to the
// next file that is opened.
func closeFD(fd *int) error {
	err := unix.Close(*fd)
	*fd = -1
	return wrap("close", err)
}
