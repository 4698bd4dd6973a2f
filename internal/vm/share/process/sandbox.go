package process

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

const (
	// mostDescriptors is as many as are ever wanted; each keeps some kilobytes of the host's kernel.
	mostDescriptors = 64 << 10

	// otherDescriptors are those that are not the guest's.
	otherDescriptors = 64
)

// descriptors raises the limit as far as it may go, and says how many of them are for the guest.
func descriptors() (int, error) {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return 0, err
	}
	l.Cur = min(l.Max, mostDescriptors)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return 0, err
	}
	if l.Cur <= 2*otherDescriptors {
		return 0, fmt.Errorf("a limit of %d descriptors is too low", l.Cur)
	}
	return int(l.Cur) - otherDescriptors, nil
}

// The capabilities that root keeps: those for which chown(2), chmod(2) and open(2) ask.
const keptCapabilities = 1<<unix.CAP_CHOWN | 1<<unix.CAP_DAC_OVERRIDE | 1<<unix.CAP_DAC_READ_SEARCH | 1<<unix.CAP_FOWNER | 1<<unix.CAP_FSETID

// confine gives up what is not needed, in every thread.
func confine(dir int, readOnly bool) error {
	err := onAllThreads(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0)
	if errors.Is(err, unix.ENOTSUP) { // syscall.AllThreadsSyscall
		return errors.New("a program that was built with cgo cannot confine its threads: `make build` does it without")
	}
	if err != nil {
		return fmt.Errorf("no_new_privs: %w", err)
	}
	if err := restrict(dir, readOnly); err != nil {
		return fmt.Errorf("landlock: %w", err)
	}
	if unix.Geteuid() != 0 {
		return nil
	}
	if err := keepCapabilities(keptCapabilities); err != nil {
		return fmt.Errorf("capabilities: %w", err)
	}
	return nil
}
