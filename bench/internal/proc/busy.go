package proc

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"time"
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
