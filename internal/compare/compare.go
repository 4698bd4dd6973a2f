package compare

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"terem/internal/compare/result"
	"terem/internal/compare/spawn"
	"terem/internal/compare/target"
	"terem/internal/fault"
	"terem/internal/measure/host"
)

// Options are what the user asked for.
type Options struct {
	Targets  []string // names; nil: all
	Groups   []string // result.Group...; nil: DefaultGroups
	Quick    bool     // start alone, and fewer rounds
	Rounds   int      // 0: as docs/method.md has it
	Seed     uint64   // 0: one drawn now
	Explain  bool
	Gap      time.Duration // before each run; DefaultGap is the method's
	Patience time.Duration // the least that a run is given before it is killed; 0: 30 seconds
	Terem    string        // path of this program
	Version  string
	CacheDir string // of the guest
	Progress Progress
}

// Progress is told how far a comparison has come. Its methods are called between runs.
type Progress interface {
	// Plan says how many runs there will be, and how long they are expected to take.
	Plan(total time.Duration, runs int)
	Start(measure, target string, round, of int)
	Done(measure, target string, err error)
	Say(line string)
	Close()
}

// Rounds and times of the method.
const (
	rounds      = 30
	slowRounds  = 8
	quickRounds = 12
	quickSlow   = 3
	warmups     = 2
	patience    = 30 * time.Second
	slowFrom    = time.Second // a run that takes longer is slow
)

// DefaultGap lets a host settle between two runs.
const DefaultGap = 20 * time.Millisecond

// DefaultGroups are what is measured if nothing else is asked for.
func DefaultGroups() []string {
	return []string{result.GroupStart, result.GroupPhases, result.GroupWork, result.GroupDisk, result.GroupMemory}
}

// Groups are all that can be asked for.
func Groups() []string { return append(DefaultGroups(), result.GroupDensity) }

// Names are those of all targets.
func Names() []string {
	var names []string
	for _, t := range target.All(&target.Workspace{}) {
		names = append(names, t.About().Name)
	}
	return names
}

// comparison is one under way.
type comparison struct {
	o       Options
	w       *target.Workspace
	r       *result.Result
	random  *rand.Rand
	ready   []*subject
	begun   []target.Target // those whose Prepare was called
	all     []target.Target
	runs    int // names them
	clock   clock
	data    string // the data file
	entries []entry
}

// subject is a target that can be measured.
type subject struct {
	target.Target
	about target.About
	slow  bool
	took  time.Duration // of the first run
}

// Run compares. When ctx ends before its time the result holds what was measured so far;
// then, and when something could not be taken away again, there is an error as well.
func Run(ctx context.Context, o Options) (*result.Result, error) {
	c, err := newComparison(o)
	if err != nil {
		return nil, err
	}
	return c.whole(ctx)
}

// whole measures, takes everything away again, and sums up.
func (c *comparison) whole(ctx context.Context) (*result.Result, error) {
	err := c.measure(ctx)
	switch {
	case ctx.Err() != nil:
		c.r.Ended, err = "interrupted", ctx.Err()
	case err != nil:
		c.r.Ended = err.Error()
	}
	err = errors.Join(err, c.close())
	c.r.Finish()
	return c.r, err
}

func newComparison(o Options) (*comparison, error) {
	if err := check(fault.Field("Targets"), o.Targets, Names()); err != nil {
		return nil, err
	}
	if err := check(fault.Field("Groups"), o.Groups, Groups()); err != nil {
		return nil, err
	}
	if o.Groups == nil {
		o.Groups = DefaultGroups()
	}
	if o.Quick {
		o.Groups = []string{result.GroupStart}
	}
	if o.Patience == 0 {
		o.Patience = patience
	}
	if o.Seed == 0 {
		o.Seed = rand.Uint64() >> 1 // JSON's readers may have signed numbers
	}
	w, err := newWorkspace(o)
	if err != nil {
		return nil, err
	}
	c := &comparison{o: o, w: w, random: rand.New(rand.NewPCG(o.Seed, 0)), all: target.All(w)}
	c.r = &result.Result{Schema: result.Schema, Terem: o.Version, Started: time.Now().UTC().Truncate(time.Second), Host: host.Read("/")}
	c.r.Method = result.Method{Seed: o.Seed, Quick: o.Quick, Rounds: rounds, SlowRounds: slowRounds, Warmups: warmups, Gap: o.Gap,
		Program: "/bin/probe of terem's guest, linked statically, from that guest's root file system"}
	if o.Quick {
		c.r.Method.Rounds, c.r.Method.SlowRounds = quickRounds, quickSlow
	}
	if o.Rounds > 0 {
		c.r.Method.Rounds, c.r.Method.SlowRounds = o.Rounds, min(o.Rounds, c.r.Method.SlowRounds)
	}
	w.Log = o.Progress.Say
	return c, nil
}

// check refuses a word that is not one of those known.
func check(flag string, words, known []string) error {
	for _, w := range words {
		if !slices.Contains(known, w) {
			return &fault.Error{Class: fault.Usage, Thing: flag + " " + w, Cause: "not one that is known",
				Mend: "choose from " + strings.Join(known, ", ")}
		}
	}
	return nil
}

// measure does everything but undoing it.
func (c *comparison) measure(ctx context.Context) error {
	ticks, _ := host.ReadTicks("/") // without them the shares are zero
	defer func() {
		c.r.Took = time.Since(c.r.Started)
		c.r.Busy.LoadAfter = host.Read("/").Load
		if now, err := host.ReadTicks("/"); err == nil {
			c.r.Busy.CPU, c.r.Busy.Steal = now.Since(ticks)
		}
	}()
	if err := c.find(ctx); err != nil {
		return err
	}
	if err := c.overhead(ctx); err != nil {
		return err
	}
	for _, m := range []struct {
		group string
		run   func(context.Context) error
	}{
		{result.GroupStart, c.start}, {result.GroupPhases, c.phases}, {result.GroupWork, c.work},
		{result.GroupDisk, c.disk}, {result.GroupMemory, c.memory}, {result.GroupDensity, c.density},
	} {
		if !slices.Contains(c.o.Groups, m.group) {
			continue
		}
		if err := m.run(ctx); err != nil {
			return err
		}
	}
	if c.o.Explain {
		return c.explain(ctx)
	}
	return nil
}

// close undoes what was made, the last first, whatever fails.
func (c *comparison) close() error {
	const limit = 2 * time.Minute
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	var errs []error
	for _, t := range slices.Backward(c.begun) {
		if err := t.Close(ctx); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", t.About().Name, err))
		}
	}
	errs = append(errs, sweep(c.w.ID, c.o.Progress.Say), c.closeWorkspace())
	return errors.Join(errs...)
}

// run runs a program once in a target, and takes away what a run that failed has left.
func (c *comparison) run(ctx context.Context, s *subject, argv []string, data string) (*spawn.Process, error) {
	return c.runAs(ctx, s, target.Run{Argv: argv, Data: data}, false)
}

// runLate is run without a look at the output before the end.
func (c *comparison) runLate(ctx context.Context, s *subject, argv []string) (*spawn.Process, error) {
	return c.runAs(ctx, s, target.Run{Argv: argv}, true)
}

func (c *comparison) runAs(ctx context.Context, s *subject, r target.Run, late bool) (*spawn.Process, error) {
	r.ID = c.newID()
	command, err := s.Command(r)
	if err != nil {
		return nil, err
	}
	command.Late = late
	sleep(ctx, c.o.Gap)
	p, err := c.w.Host.Run(ctx, command, c.limit(s))
	if err == nil {
		err = p.Failure()
	}
	if err != nil {
		c.remove(s, r.ID)
	}
	return p, err
}

// newID names one run.
func (c *comparison) newID() string {
	c.runs++
	return fmt.Sprintf("%s-%d", c.w.ID, c.runs)
}

// limit bounds a run: a target that hangs must not hang the comparison. The first run of
// one that takes seconds gets what another virtual machine would need, if there is one.
func (c *comparison) limit(s *subject) time.Duration {
	const times, twin = 5, 3
	if s.took > 0 || !s.about.Slow {
		return max(c.o.Patience, times*s.took)
	}
	for _, r := range c.ready {
		if r.about.Slow {
			return max(c.o.Patience/2, twin*r.took)
		}
	}
	return 2 * c.o.Patience
}

// remove works after an interrupt, too.
func (c *comparison) remove(s *subject, id string) {
	const limit = 30 * time.Second
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	c.removeIn(ctx, s, id)
}

func (c *comparison) removeIn(ctx context.Context, s *subject, id string) {
	if err := s.Remove(ctx, id); err != nil {
		c.o.Progress.Say(fmt.Sprintf("%s: could not take %s away: %v", s.about.Name, id, err))
	}
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
