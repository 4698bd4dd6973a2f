package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"terem/internal/hardware/wire"
)

// report is the serial port to the host.
type report struct {
	f    *os.File
	word string
}

// openReport opens the port and makes it carry bytes as they are, as fast as the driver knows: an emulator may keep
// to the rate.
func openReport(name, word string) (*report, error) {
	f, err := os.OpenFile(name, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	t, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	t.Iflag, t.Oflag, t.Lflag = 0, 0, 0
	t.Cflag = unix.CS8 | unix.CREAD | unix.CLOCAL | unix.B115200
	if err := unix.IoctlSetTermios(int(f.Fd()), unix.TCSETS, t); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &report{f, word}, nil
}

// send writes one message. A failure has nowhere to go: the host misses the line, and counts that as a failure.
func (r *report) send(m wire.Message) {
	b, err := wire.Encode(r.word, m)
	if err == nil {
		_, err = r.f.Write(b)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "outer: report:", err)
	}
}

// drain waits until the port has sent everything.
func (r *report) drain() error {
	const waitOnly = 1 // TCSBRK with an argument is tcdrain(3)
	return again(func() error { return unix.IoctlSetInt(int(r.f.Fd()), unix.TCSBRK, waitOnly) })
}
