package compare

import "terem/internal/compare/spawn"
import "terem/internal/compare/result"

// clock maps the processor's time-stamp counter to CLOCK_MONOTONIC. A program in a virtual
// machine or in gVisor has another kernel's CLOCK_MONOTONIC, but the processor's counter,
// as long as nobody shifts it. The two points that span the map come from bare processes,
// which read both clocks at the same moment.
type clock struct {
	first, last moment
}

// note learns from a process of the host's own.
func (k *clock) note(s *subject, at moment, p *spawn.Process) {
	if s.about.Kind != result.Process || at.tsc == 0 || at.ns < p.Began || at.ns > p.First {
		return
	}
	if k.first.tsc == 0 {
		k.first = at
	}
	k.last = at
}

// place gives the moment of a program's first instruction on the host's clock. It must lie
// between the run's beginning and its first byte of output; a clock that says something
// else is another one.
func (k *clock) place(s *subject, at moment, began, first int64) (int64, bool) {
	within := func(ns int64) bool { return ns >= began && ns <= first }
	if within(at.ns) && s.about.Kind != result.VM {
		return at.ns, true
	}
	span := k.last.tsc - k.first.tsc
	if at.tsc == 0 || span <= 0 {
		return 0, false
	}
	perTick := float64(k.last.ns-k.first.ns) / float64(span)
	ns := k.first.ns + int64(float64(at.tsc-k.first.tsc)*perTick)
	return ns, within(ns)
}
