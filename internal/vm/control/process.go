package control

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"
)

// OfProcess is what this process uses, with all that it runs in threads of its own: a machine.
func OfProcess() (s Stats, err error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return s, fmt.Errorf("getrusage: %w", err)
	}
	s.CPU = time.Duration(u.Utime.Nano() + u.Stime.Nano())
	pages, err := field("/proc/self/statm", 1)
	if err != nil {
		return s, err
	}
	s.Resident = pages * uint64(os.Getpagesize())
	// A kernel without task I/O accounting has no such file, and nobody knows then.
	if b, err := os.ReadFile("/proc/self/io"); err == nil {
		s.Read, s.Written = named(b, "read_bytes:"), named(b, "write_bytes:")
	}
	return s, nil
}

// field is the n-th number of a file of proc(5).
func field(path string, n int) (uint64, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	words := bytes.Fields(b)
	if n >= len(words) {
		return 0, fmt.Errorf("%s has %d fields", path, len(words))
	}
	return strconv.ParseUint(string(words[n]), 10, 64)
}

// named is the number behind a name in the text of such a file, or 0.
func named(text []byte, name string) uint64 {
	for line := range bytes.Lines(text) {
		if rest, ok := bytes.CutPrefix(line, []byte(name)); ok {
			n, _ := strconv.ParseUint(string(bytes.TrimSpace(rest)), 10, 64) // the kernel's: a number
			return n
		}
	}
	return 0
}
