// Package exercise measures what an exit costs.
package exercise

import (
	"io"
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

// Measure finds out what an exit costs. Log gets a line for each sample, when it is taken.
func Measure(b Bench, log io.Writer) Result {
	return Result{}
}
