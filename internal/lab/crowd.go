package lab

import (
	"fmt"
	"os"
	"runtime"
	"time"
)

// crowd looks how many other programs want a processor of this machine while the victim has one for itself. What is shared out
// among many is no measure of one attacker.
type crowd struct {
	stop chan struct{}
	mean chan float64
}

// newCrowd begins to look; nil if nobody wants to know.
func newCrowd(wanted bool) *crowd {
	if !wanted {
		return nil
	}
	c := &crowd{make(chan struct{}), make(chan float64)}
	go c.watch()
	return c
}

func (c *crowd) watch() {
	const every = 50 * time.Millisecond
	sum, n := 0.0, 0
	for {
		select {
		case <-c.stop:
			c.mean <- sum / float64(max(n, 1))
			return
		case <-time.After(every):
			sum += max(0, float64(running()-ours))
			n++
		}
	}
}

// ours are the victim and this program.
const ours = 2

// others ends the look: programs for each processor, on average.
func (c *crowd) others() float64 {
	if c == nil {
		return 0
	}
	close(c.stop)
	return <-c.mean / float64(runtime.NumCPU())
}

// running are the tasks that run or want to: the fourth field of /proc/loadavg is "running/all".
func running() (n int) {
	b, err := os.ReadFile("/proc/loadavg")
	if err == nil {
		var one, five, fifteen float64
		_, err = fmt.Sscanf(string(b), "%f %f %f %d/", &one, &five, &fifteen, &n)
	}
	if err != nil {
		return 0 // a machine that does not tell is taken as quiet
	}
	return n
}
