package demo

import (
	"context"
	"fmt"
	"time"

	"terem/internal/fault"
	"terem/internal/lab/place"
)

// Who has a step done.
const (
	Outside = "outside"
	Inside  = "inside"
)

// Step is a command in one of the two shells.
type Step struct {
	Who string `json:"who"`
	Run string `json:"run"`
}

// Demo is one idea.
type Demo struct {
	Name, Title, Idea string
	Enter             string // how the inner shell was entered, as one would type it
	Steps             []Step
	Lesson            string
	Shown             func(said [][]string) bool // whether the steps said what the lesson says
	in                where                      // both shells are there
	open              func(w *place.Workspace, tag string) (outside, inside []string)
}

// where the shells of a demonstration are.
type where int

const (
	here  where = iota // on this host
	lab                // in a machine in which experiments are run, too
	fresh              // in one that has just booted
)

// ready makes the machine, if there is to be one.
func (d Demo) ready(ctx context.Context, w *place.Workspace) error {
	switch d.in {
	case lab:
		return w.Machine(ctx)
	case fresh:
		return w.Boot(ctx)
	}
	return nil
}

// Done is a demonstration that was given.
type Done struct {
	Name   string `json:"name"`
	Title  string `json:"title"`
	Idea   string `json:"idea"`
	Enter  string `json:"enter"`
	Steps  []Said `json:"steps"`
	Lesson string `json:"lesson"`
	Shown  bool   `json:"shown"`
	Why    string `json:"why,omitempty"` // it could not be given
}

// Said is a step with what it said.
type Said struct {
	Step
	Lines []string `json:"lines"`
}

// loop is a shell that is told what to do in lines, and says when a command is over.
const loop = `exec 2>&1
echo '== ready'
while read -r line; do
    eval "$line" < /dev/null
    echo '== end'
done
`

// stepLimit bounds a step. An interpreted kernel is slow.
const stepLimit = time.Minute

// Give gives a demonstration. What goes wrong is in Why, except the end of ctx, and that there is no machine: then no other could be
// given either.
func Give(ctx context.Context, w *place.Workspace, d Demo) (Done, error) {
	done := Done{Name: d.Name, Title: d.Title, Idea: d.Idea, Enter: d.Enter, Lesson: d.Lesson}
	err := d.ready(ctx, w)
	switch {
	case ctx.Err() != nil:
		return done, ctx.Err()
	case err != nil:
		return done, noMachine(err)
	}
	said, err := d.give(ctx, w, &done)
	if ctx.Err() != nil {
		return done, ctx.Err()
	}
	if err != nil {
		done.Why = err.Error()
		return done, nil
	}
	done.Shown = d.Shown(said)
	return done, nil
}

func (d Demo) give(ctx context.Context, w *place.Workspace, done *Done) (said [][]string, err error) {
	outer, inner := d.open(w, place.Token())
	shells := map[string]*place.Process{}
	for _, s := range []struct {
		who  string
		argv []string
	}{{Outside, outer}, {Inside, inner}} {
		p, err := w.Start(s.argv)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.who, err)
		}
		defer p.Stop()
		if lines, err := until(ctx, p, "== ready"); err != nil {
			return nil, fmt.Errorf("%s: %w: %s", s.who, err, last(lines))
		}
		shells[s.who] = p
	}
	for _, step := range d.Steps {
		p := shells[step.Who]
		if err := p.Ask(step.Run); err != nil {
			return nil, fmt.Errorf("%s: %w", step.Who, err)
		}
		lines, err := until(ctx, p, "== end")
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w: %s", step.Who, step.Run, err, last(lines))
		}
		done.Steps = append(done.Steps, Said{step, lines})
		said = append(said, lines)
	}
	return said, nil
}

// noMachine is an error that stands for all demonstrations.
func noMachine(err error) error {
	return &fault.Error{Class: fault.Host, Thing: "a virtual machine, in which this is shown", Err: err, Mend: "`terem doctor` says what is missing"}
}

func until(ctx context.Context, p *place.Process, mark string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, stepLimit)
	defer cancel()
	return p.Until(ctx, mark)
}

// last is the last thing that was said.
func last(lines []string) string {
	if len(lines) == 0 {
		return "it said nothing"
	}
	return lines[len(lines)-1]
}
