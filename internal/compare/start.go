package compare

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"terem/internal/compare/result"
	"terem/internal/compare/spawn"
)

// probe is the measured program with a mode and its arguments.
func probe(words ...string) []string { return append([]string{"/bin/probe"}, words...) }

// quick is the time below which a run's end is measured in another run than its output: to
// be told of the first byte takes microseconds, which would be felt.
const quick = 2 * time.Millisecond

// start measures from the outside how long a target takes: to the program's first
// instruction, to its first byte of output, and to its own end.
func (c *comparison) start(ctx context.Context) error {
	m := c.r.Method
	err := c.interleave(ctx, result.GroupStart, c.ready, m.Rounds, m.SlowRounds, func(s *subject, round int) error {
		err := c.startOnce(ctx, s, round)
		if err != nil {
			c.fail(result.StartGone, s.about.Name, err)
		}
		return err
	})
	c.placeEntries()
	return err
}

func (c *comparison) startOnce(ctx context.Context, s *subject, round int) error {
	p, err := c.run(ctx, s, probe("start"), "")
	if err != nil {
		return err
	}
	at, err := parseStart(p.Out.String())
	if err != nil {
		return err
	}
	c.r.Add(result.StartOutput, s.about.Name, "", round, float64(p.First-p.Began))
	c.clock.note(s, at, p)
	c.notePhases(s, round, p)
	c.entries = append(c.entries, entry{s, round, at, p.Began, p.First})
	if s.took < quick {
		if p, err = c.runLate(ctx, s, probe("start")); err != nil {
			return err
		}
	}
	c.r.Add(result.StartGone, s.about.Name, "", round, float64(p.Ended-p.Began))
	return nil
}

// entry is a run whose first instruction is to be placed on the host's clock.
type entry struct {
	s            *subject
	round        int
	at           moment
	began, first int64
}

// placeEntries is done when all runs are: the more the clock has seen, the better it is.
func (c *comparison) placeEntries() {
	for _, e := range c.entries {
		if ns, ok := c.clock.place(e.s, e.at, e.began, e.first); ok {
			c.r.Add(result.StartEntry, e.s.about.Name, "", e.round, float64(ns-e.began))
		}
	}
	c.entries = nil
}

// moment is what the program reads from two clocks as the first thing it does.
type moment struct{ tsc, ns int64 }

// parseStart reads "start TSC NS" or "idle TSC NS" from the last line that has it: an
// engine or a kernel may have said something before.
func parseStart(out string) (m moment, err error) {
	var word string
	for line := range strings.Lines(out) {
		if n, _ := fmt.Sscanf(strings.TrimSpace(line), "%s %d %d", &word, &m.tsc, &m.ns); n == 3 && (word == "start" || word == "idle") && m.tsc >= 0 && m.ns >= 0 {
			return m, nil
		}
	}
	return moment{}, fmt.Errorf("the program's line is not in its output: %q", clip(out))
}

// clip shortens what a target printed.
func clip(s string) string {
	const longest = 80
	s = strings.TrimSpace(s)
	return s[:min(len(s), longest)]
}

func spent(p *spawn.Process) time.Duration { return time.Duration(p.Ended - p.Began) }

var errLine = errors.New("a line of another form was expected")
