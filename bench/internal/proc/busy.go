package proc

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// scheduler has how long each processor has run tasks (Documentation/scheduler/sched-stats.rst).
const scheduler = "/proc/schedstat"

// Busy is how long this host's processors have run tasks since it booted. Unlike the time
// in /proc/stat it comes in nanoseconds, each time that a task gives way to another.
func Busy() (time.Duration, error) {
	b, err := os.ReadFile(scheduler)
	if err != nil {
		return 0, err
	}
	return parseBusy(string(b))
}

func parseBusy(text string) (sum time.Duration, err error) {
	const running = 7 // the field that counts it
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if !strings.HasPrefix(line, "cpu") || len(f) <= running {
			continue
		}
		ns, err := strconv.ParseInt(f[running], 10, 64)
		if err != nil {
			return 0, err
		}
		sum += time.Duration(ns)
	}
	if sum == 0 {
		return 0, errors.New(scheduler + " counts nothing here")
	}
	return sum, nil
}

// CPUTime is how long the program's threads have run so far, in nanoseconds' grain: the
// first field of schedstat (Documentation/scheduler/sched-stats.rst). A thread that has
// ended is not in it.
func (p *Process) CPUTime() (sum time.Duration, err error) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", p.PID()))
	if err != nil {
		return 0, err
	}
	for _, path := range threads {
		b, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) {
			continue // it has ended
		}
		if err != nil {
			return 0, err
		}
		var ns int64
		if _, err := fmt.Sscan(string(b), &ns); err != nil {
			return 0, fmt.Errorf("%s: %w", path, err)
		}
		sum += time.Duration(ns)
	}
	if sum == 0 {
		return 0, fmt.Errorf("process %d has not run, or the kernel does not count that", p.PID())
	}
	return sum, nil
}
