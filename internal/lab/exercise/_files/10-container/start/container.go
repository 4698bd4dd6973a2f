// Package exercise makes a container from system calls, and decides when a container is enough.
package exercise

import "errors"

var errNotYet = errors.New("not written yet")

// Flags are those of clone(2) for the first process of a container: namespaces of its own.
func Flags() uintptr {
	return 0
}

// Limit gives a control group (version 2) its limits and puts a process into it. Group is the group's directory, which is there and empty. The
// process has been made with Flags, and waits: it executes nothing before Limit returns.
func Limit(k Kernel, group string, pid int, l Limits) error {
	return errNotYet
}

// Enter is called by the first process of a container, which is in new namespaces and still sees all that its parent saw: the host's mounts, its
// current directory, its host name. It makes the process the container's and executes the program.
func Enter(k Kernel, c Config) error {
	return errNotYet
}
