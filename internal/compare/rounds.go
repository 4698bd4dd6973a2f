package compare

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"

	"terem/internal/compare/result"
	"terem/internal/compare/target"
)

// maxFailures in a row end a target's part in a measure.
const maxFailures = 3

// interleave runs every subject once in each round, in an order that is drawn anew: what
// else the host does at a time then spoils a round and not a target. Slow ones take part
// in fewer rounds, spread evenly. once gives what is to be noted when it succeeded.
func (c *comparison) interleave(ctx context.Context, measure string, subjects []*subject, rounds, slow int, once func(s *subject, round int) error) error {
	failed := map[*subject]int{}
	for round := range rounds {
		runtime.GC() // not in the middle of a run
		for _, i := range c.random.Perm(len(subjects)) {
			s := subjects[i]
			if s.slow && !chosen(round, rounds, slow) || failed[s] >= maxFailures {
				continue
			}
			c.o.Progress.Start(measure, s.about.Title, round+1, rounds)
			err := once(s, round)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			c.o.Progress.Done(measure, s.about.Title, err)
			failed[s]++
			if err == nil {
				failed[s] = 0
			}
		}
	}
	return nil
}

// fail notes a run that gave no sample, unless it was the user who ended it.
func (c *comparison) fail(measure, target string, err error) {
	if !errors.Is(err, context.Canceled) {
		c.r.Fail(measure, target, err)
	}
}

// chosen says whether a round is one of slow out of rounds.
func chosen(round, rounds, slow int) bool {
	slow = min(slow, rounds)
	return (round+1)*slow/rounds != round*slow/rounds
}

// find looks for all targets, prepares those that are there, and runs each until it is
// warm. One that does not give the right answer then is failing.
func (c *comparison) find(ctx context.Context) error {
	for _, t := range c.all {
		about := t.About()
		if c.o.Targets != nil && !slices.Contains(c.o.Targets, about.Name) {
			continue
		}
		c.r.Targets = append(c.r.Targets, result.Target{Name: about.Name, Title: about.Title, Kind: about.Kind, Note: about.Note})
		entry := &c.r.Targets[len(c.r.Targets)-1]
		c.o.Progress.Start("prepare", about.Title, 1, 1)
		err := c.try(ctx, t, entry)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		c.o.Progress.Done("prepare", about.Title, err)
		c.judge(entry, about, err)
	}
	if len(c.ready) == 0 {
		return errors.New("none of the targets runs here")
	}
	c.plan()
	return nil
}

func (c *comparison) try(ctx context.Context, t target.Target, entry *result.Target) (err error) {
	if entry.Version, err = t.Find(ctx); err != nil {
		return err
	}
	c.begun = append(c.begun, t)
	if err := t.Prepare(ctx); err != nil {
		return err
	}
	entry.Note = t.About().Note // it may know more of this host by now
	s := &subject{Target: t, about: t.About()}
	for i := range warmups {
		p, err := c.run(ctx, s, probe("start"), "")
		if err != nil {
			return err
		}
		if _, err := parseStart(p.Out.String()); err != nil {
			return err
		}
		s.took = spent(p)
		s.slow = s.took > slowFrom
		if i == 0 && s.slow {
			break // once is warm enough
		}
	}
	c.ready = append(c.ready, s)
	return nil
}

// judge puts into words why a target takes no part.
func (c *comparison) judge(entry *result.Target, about target.About, err error) {
	switch {
	case err == nil:
		entry.State = result.Ready
		return
	case errors.Is(err, target.ErrAbsent):
		entry.State = result.Absent
	default:
		entry.State = result.Failing
	}
	entry.Why = err.Error()
	if entry.State == result.Absent && about.Package != "" {
		entry.Mend = fmt.Sprintf("apt-get install -y %s", about.Package)
	}
}
