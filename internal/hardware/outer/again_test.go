package main

import (
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// TestAgain: a signal is no failure, and everything else is not tried twice.
func TestAgain(t *testing.T) {
	for _, last := range []error{nil, unix.EIO} {
		left, calls := []error{unix.EINTR, os.NewSyscallError("ioctl", unix.EINTR), last, unix.EBADF}, 0
		err := again(func() error {
			calls++
			return left[calls-1]
		})
		if !errors.Is(err, last) || calls != 3 {
			t.Errorf("%v after %d calls, want %v after 3", err, calls, last)
		}
	}
}
