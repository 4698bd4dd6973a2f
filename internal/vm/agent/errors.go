package agent

import (
	"errors"
	"fmt"
	"io"
	"syscall"
)

// ErrGone is what a connection fails with that ends before the process has.
var ErrGone = errors.New("the guest ended the connection before its program had ended")

// gone is the error of a connection that cannot be read.
func gone(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrGone
	}
	return fmt.Errorf("%w: %w", ErrGone, err)
}

// ProtocolError is a guest that does not keep to docs/agent.md.
type ProtocolError struct{ Said string }

func (e *ProtocolError) Error() string { return "the guest's agent makes no sense: it sent " + e.Said }

// StartError is what the guest could not do.
type StartError struct {
	Errno syscall.Errno
	Step  string // "execve", "chdir", "user" and so on
}

func (e *StartError) Error() string { return e.In("the guest") }

// In says it of something that need not be a guest.
func (e *StartError) In(place string) string {
	switch {
	case e.Step == "execve" && e.missing():
		return "no such program in " + place
	case e.Step == "execve":
		return place + " cannot execute it: " + e.Errno.Error()
	case e.Step == "user" && e.Errno == syscall.ENOENT:
		return "no such user or group in " + place
	case e.Step == "chdir":
		return place + " cannot make it the working directory: " + e.Errno.Error()
	case e.Step == "connections":
		return place + "'s agent has as many connections as it takes"
	case e.Step == "start" && e.Errno == syscall.E2BIG:
		return "more arguments or variables than " + place + "'s agent takes"
	}
	return fmt.Sprintf("%s cannot start it (%s): %v", place, e.Step, e.Errno)
}

func (e *StartError) Unwrap() error { return e.Errno }

func (e *StartError) missing() bool { return e.Errno == syscall.ENOENT || e.Errno == syscall.ENOTDIR }

// Exit is the exit status that a shell would give it: 127 for a program that is missing, and else 126.
func (e *StartError) Exit() int {
	if e.Step == "execve" && e.missing() {
		return 127
	}
	return 126
}

// OutputError is a stream of the caller's that cannot be written. The process has been told by a SIGHUP.
type OutputError struct {
	Stream string // "standard output" or "standard error"
	Err    error
}

func (e *OutputError) Error() string { return e.Stream + ": " + e.Err.Error() }
func (e *OutputError) Unwrap() error { return e.Err }
