package exercise

import (
	"fmt"
	"math/rand/v2"
	"os"
	"time"
)

const readMeasure = "https://docs.kernel.org/virt/kvm/api.html#kvm-run (and docs/method.md of terem: how it measures)"

// measure is exercise 8: measure an exit.
func measure() *Exercise {
	return &Exercise{Number: 8, Name: "08-measure", Title: "measure an exit", Checks: []Check{
		{Name: "many samples", Points: 2, Do: manySamples},
		{Name: "a base", Points: 2, Do: aBase},
		{Name: "nothing else is timed", Points: 2, Do: onlyExits},
		{Name: "a median", Points: 2, Do: aMedian},
		{Name: "a real exit", Points: 2, KVM: true, Do: realExit},
	}}
}

// bench is one whose time is made up, in nanoseconds. Its numbers lie in the student's process, where nothing keeps him from looking them up but
// that it is harder than to measure.
type bench struct {
	Fixed   float64 `json:"fixed"`
	Turn    float64 `json:"turn"`
	Exit    float64 `json:"exit"`
	Noise   float64 `json:"noise"`
	Outlier float64 `json:"outlier"`
	Cold    float64 `json:"cold"`
	Line    float64 `json:"line"`
	Seed    int64   `json:"seed"`
}

// newBench draws one in which a loop costs about as much as an exit.
func newBench(r *rand.Rand) bench {
	exit := 800 + 4000*r.Float64()
	return bench{Fixed: 20_000 + 50_000*r.Float64(), Exit: exit, Turn: exit * (0.5 + r.Float64()), Line: 30_000, Seed: r.Int64()}
}

// timing is what came of a measurement.
type timing struct {
	Exit    int64 `json:"exit"`
	Low     int64 `json:"low"`
	High    int64 `json:"high"`
	Samples int   `json:"samples"`
	Events  []struct {
		What  string `json:"what"`
		Turns int    `json:"turns"`
		Exits bool   `json:"exits"`
	} `json:"events"`
	Own int64 `json:"own"`
}

// runs counts runs with exits or without.
func (t *timing) runs(exits bool) (n int) {
	for _, e := range t.Events {
		if e.What == "run" && e.Exits == exits {
			n++
		}
	}
	return n
}

// turns are those of the last run of a kind.
func (t *timing) turns(exits bool) (n int) {
	for _, e := range t.Events {
		if e.What == "run" && e.Exits == exits {
			n = e.Turns
		}
	}
	return n
}

// logInside says whether a line was written between two looks at the clock that have a run between them.
func (t *timing) logInside() bool {
	run, log := false, false
	for _, e := range t.Events {
		switch e.What {
		case "now":
			if run && log {
				return true
			}
			run, log = false, false
		case "run":
			run = true
		case "log":
			log = true
		}
	}
	return false
}

func (t *timing) off(exit float64) float64 {
	d := float64(t.Exit)/exit - 1
	return max(d, -d)
}

func (b bench) measured(s Subject) (t timing, err error) {
	err = s.Ask(Question{Op: "simulate", Args: b}, &t)
	if err == nil && len(t.Events) == 0 && t.Samples == 0 {
		err = unwritten("Measure", readMeasure)
	}
	return t, err
}

func (b bench) wrong(t timing, cause string) *Wrong {
	return &Wrong{
		Seen: fmt.Sprintf("an exit takes %v (quartiles %v and %v, %d samples); %d runs with exits of %d turns, %d without of %d turns",
			time.Duration(t.Exit), time.Duration(t.Low), time.Duration(t.High), t.Samples, t.runs(true), t.turns(true), t.runs(false), t.turns(false)),
		Expected: fmt.Sprintf("%v, as it was made up", time.Duration(b.Exit).Round(10)), Cause: cause, Read: readMeasure,
	}
}

func manySamples(s Subject) error {
	const few = 10
	b := newBench(s.Rand())
	t, err := b.measured(s)
	if err != nil {
		return err
	}
	switch n := t.runs(true); {
	case n < few:
		w := b.wrong(t, "one sample, or a few, say nothing of how much they differ: a measurement has ten and more, and says how many")
		w.Expected = "ten samples and more"
		return w
	case t.Samples < few || t.Samples > n:
		w := b.wrong(t, "Samples is not the number of samples that were taken")
		w.Expected = fmt.Sprintf("at most %d samples", n)
		return w
	}
	return nil
}

// aBase has no noise, so that the result must be nearly what was made up.
func aBase(s Subject) error {
	const near = 0.03
	b := newBench(s.Rand())
	t, err := b.measured(s)
	if err != nil {
		return err
	}
	switch {
	case t.runs(false) == 0:
		return b.wrong(t, "there is no run without exits: the loop itself and the way into the guest are in the result; measure the empty loop, too, and take it away")
	case t.turns(false) != t.turns(true):
		return b.wrong(t, "the base has not as many turns as the run with exits: then a part of the loop stays in the result")
	case t.off(b.Exit) > near && !t.logInside():
		return b.wrong(t, "the result is another: (time with exits - time without) / turns")
	}
	return nil
}

func onlyExits(s Subject) error {
	const near = 0.03
	b := newBench(s.Rand())
	b.Line = 400_000
	t, err := b.measured(s)
	if err != nil {
		return err
	}
	if t.logInside() {
		return b.wrong(t, "the log is written inside of the time that is taken: a line on a terminal costs as much as a hundred exits; stop the clock first")
	}
	if t.off(b.Exit) > near && t.runs(false) > 0 && t.turns(false) == t.turns(true) {
		return b.wrong(t, "something else than the run is between the two looks at the clock")
	}
	logs := 0
	for _, e := range t.Events {
		if e.What == "log" {
			logs++
		}
	}
	if logs == 0 {
		return b.wrong(t, "the log has no line: each sample is to be written when it is taken")
	}
	return nil
}

// aMedian has a host that does other things, too.
func aMedian(s Subject) error {
	const near = 0.15
	for range 3 {
		b := newBench(s.Rand())
		b.Noise, b.Outlier, b.Cold, b.Fixed = 0.01, 0.12, 50e6, 2000
		t, err := b.measured(s)
		if err != nil {
			return err
		}
		switch {
		case t.off(b.Exit) > near && t.runs(true) < 10:
			return b.wrong(t, "too few samples for a host that does other things, too")
		case t.off(b.Exit) > near && t.runs(false) > 0 && !t.logInside():
			return b.wrong(t, "a mean, or the like, instead of the median: one sample during which the host did something else moves it by as much as all the others; the median stays")
		case t.off(b.Exit) > near:
			return b.wrong(t, "the result is another: mend what is said above first")
		case t.Low > t.Exit || t.High < t.Exit || t.Low == t.High:
			return b.wrong(t, "the quartiles do not stand on both sides of the median: sort the samples, and take those at a quarter, a half and three quarters")
		}
	}
	return nil
}

// realExit measures this host's, and compares with what the harness finds. Hosts are not quiet: only what is far off is wrong.
func realExit(s Subject) error {
	const far = 8
	memory, err := newRAM(realModeRAM)
	if err != nil {
		return err
	}
	defer memory.Close()
	var t timing
	if err := s.Ask(Question{Op: "run", Files: []*os.File{s.KVM(), memory.File}}, &t); err != nil {
		return err
	}
	if len(t.Events) == 0 || t.Samples == 0 {
		return unwritten("Measure", readMeasure)
	}
	if t.Own <= 0 || t.Exit > 0 && t.Exit < far*t.Own && t.Own < far*t.Exit { // what the harness cannot measure, nobody needs to
		return nil
	}
	b := bench{Exit: float64(t.Own)}
	w := b.wrong(t, "that is far from what the grader measures here: more turns for a sample make it steadier")
	w.Expected = fmt.Sprintf("about %v", time.Duration(t.Own))
	return w
}
