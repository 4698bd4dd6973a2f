package tty

import (
	"os"

	"golang.org/x/sys/unix"
)

// Number is the device number of the terminal that f is, also if f is /dev/tty. ok is false if f is none.
func Number(f *os.File) (n uint32, ok bool) {
	n, err := unix.IoctlGetUint32(int(f.Fd()), unix.TIOCGDEV)
	return n, err == nil
}

// Colors says whether what is written to f may have colors: it is a terminal that can show them, and nobody asked for none
// (https://no-color.org).
func Colors(f *os.File) bool {
	return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && IsTerminal(f)
}

// InFront says whether what is typed at a terminal is for this process: it is not a shell's job in the background. A
// terminal that is not the process's controlling one has no background.
func InFront(f *os.File) bool {
	group, err := unix.IoctlGetInt(int(f.Fd()), unix.TIOCGPGRP)
	return err != nil || group == unix.Getpgrp()
}

// AddsReturns says whether a terminal puts a carriage return before each line feed that it is given to show (termios(3), ONLCR).
func AddsReturns(fd uintptr) bool {
	settings, err := unix.IoctlGetTermios(int(fd), unix.TCGETS)
	return err == nil && settings.Oflag&unix.OPOST != 0 && settings.Oflag&unix.ONLCR != 0
}
