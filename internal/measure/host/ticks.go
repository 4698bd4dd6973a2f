package host

import (
	"errors"
	"strconv"
	"strings"
)

// Ticks is the first line of /proc/stat: the time of all processors since boot, in
// units of USER_HZ (proc_stat(5)).
type Ticks struct{ Busy, Steal, Total uint64 }

// Places in the line, after its name.
const (
	tickIdle   = 3
	tickIOWait = 4
	tickSteal  = 7
	tickGuest  = 8 // contained in user time already, as is the next
)

// ReadTicks reads them from a root's /proc.
func ReadTicks(root string) (Ticks, error) { return parseTicks(read(root, "proc/stat")) }

func parseTicks(stat string) (Ticks, error) {
	line, _, _ := strings.Cut(stat, "\n")
	f := strings.Fields(line)
	if len(f) <= tickSteal+1 || f[0] != "cpu" {
		return Ticks{}, errors.New("/proc/stat does not begin with a line for all CPUs")
	}
	var t Ticks
	for i, s := range f[1:] {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			return Ticks{}, err
		}
		if i >= tickGuest {
			break
		}
		t.Total += n
		switch i {
		case tickSteal:
			t.Steal += n
		case tickIdle, tickIOWait:
		default:
			t.Busy += n
		}
	}
	return t, nil
}

// Since gives the shares of time, from 0 to 1, between an earlier reading and this.
func (t Ticks) Since(earlier Ticks) (busy, steal float64) {
	total := float64(t.Total - earlier.Total)
	if total <= 0 {
		return 0, 0
	}
	return float64(t.Busy-earlier.Busy) / total, float64(t.Steal-earlier.Steal) / total
}
