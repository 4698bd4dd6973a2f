package main

import (
	"errors"

	"golang.org/x/sys/unix"
)

// again makes a call that waits until no signal has cut it short. The Go runtime sends its threads many, and package unix
// hands EINTR on.
func again(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
