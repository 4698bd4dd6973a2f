// Package exercise measures what an exit costs.
package exercise

import (
	"fmt"
	"io"
	"sort"
	"time"
)

// Bench is a guest to be timed, and a clock.
type Bench interface {
	// Run has the guest go around a loop so many times. With exits, each turn makes one exit, which is answered; without, the same loop
	// makes none.
	Run(turns int, exits bool)
	// Now is the time by a clock that only goes forward.
	Now() time.Duration
}

// Result is what one exit costs.
type Result struct {
	Exit      time.Duration // the median of the samples
	Low, High time.Duration // the quartiles: a quarter of the samples is below Low, a quarter above High
	Samples   int
}

const (
	samples = 41
	turns   = 500
)

// Measure finds out what an exit costs. Log gets a line for each sample, when it is taken.
func Measure(b Bench, log io.Writer) Result {
	timed := func(exits bool) time.Duration {
		begin := b.Now()
		b.Run(turns, exits)
		return b.Now() - begin
	}
	timed(true) // the first one finds nothing in any cache
	var list []time.Duration
	for i := 0; i < samples; i++ {
		with := timed(true)
		base := timed(false)
		each := (with - base) / turns
		list = append(list, each)
		fmt.Fprintln(log, each)
	}
	sort.Slice(list, func(i, j int) bool { return list[i] < list[j] })
	at := func(part int) time.Duration { return list[len(list)*part/4] }
	return Result{Exit: at(2), Low: at(1), High: at(3), Samples: len(list)}
}
