package main

import (
	"fmt"
	"os"

	"terem/internal/cli/tty/pty"

	"golang.org/x/sys/unix"
)

// openPTY makes a terminal that passes on each byte as it is. It is nobody's controlling terminal.
func openPTY() (near, far *os.File, err error) {
	near, far, err = pty.Open()
	if err != nil {
		return nil, nil, err
	}
	if err = pty.Control(far, rawOutput); err != nil {
		near.Close()
		far.Close()
		return nil, nil, fmt.Errorf("open a terminal: %w", err)
	}
	return near, far, nil
}

func rawOutput(fd int) error {
	t, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return err
	}
	t.Oflag &^= unix.OPOST
	return unix.IoctlSetTermios(fd, unix.TCSETS, t)
}
