package watch

import (
	"errors"
	"syscall"

	"terem/internal/cli/command"
	"terem/internal/cli/launch"
)

// New makes what was asked for.
func New(w command.Watch) (list []launch.Watcher, err error) {
	if w.GDB != "" {
		list = append(list, &debugger{address: w.GDB, quiet: w.Quiet})
	}
	return list, nil
}

// reason strips the operation and the path from an error: they are named already.
func reason(err error) error {
	if n := syscall.Errno(0); errors.As(err, &n) {
		return n
	}
	return err
}
