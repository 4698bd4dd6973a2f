package command

import (
	"fmt"
	"syscall"

	"terem/internal/fault"
)

// leastFree is how many files terem must be able to open. Some commands need more, and say so when it comes to that; but
// below this Go's own runtime gives up, with a page about itself.
const leastFree = 32

// Descriptors says whether enough files can be opened. (Go has raised the limit as far as the host lets it.)
func Descriptors() error {
	const plenty = 1024 // nobody is started with so many open
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur > plenty {
		return nil
	}
	var free []int
	for len(free) < leastFree {
		fd, err := syscall.Dup(0)
		if err != nil {
			break
		}
		free = append(free, fd)
	}
	for _, fd := range free {
		_ = syscall.Close(fd) // nothing was written to it
	}
	if len(free) == leastFree {
		return nil
	}
	return &fault.Error{Class: fault.Host, Thing: "open files",
		Cause: fmt.Sprintf("%d are allowed here, and %d more can be opened", limit.Cur, len(free)), Mend: fmt.Sprintf("terem needs %d: `ulimit -n %d`", leastFree, plenty)}
}
