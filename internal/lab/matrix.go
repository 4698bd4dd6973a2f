package lab

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"terem/internal/fault"
	"terem/internal/lab/experiment"
	"terem/internal/lab/mechanism"
	"terem/internal/lab/place"
	"terem/internal/lab/result"
	"terem/internal/measure/host"
)

// Options are what the user asked for.
type Options struct {
	Rows     []string // names; nil: all
	Columns  []string // names; nil: all
	Targets  []string // engines of this host, as further columns; Found alone: those that are there
	Terem    string   // path of this program
	Version  string
	CacheDir string // of the guest
	Progress Progress
}

// Progress is told how far the matrix is. Its methods are called by one goroutine.
type Progress interface {
	// Begin comes first, with a matrix without cells.
	Begin(*result.Matrix)
	// Start comes before a cell, Done when it is in the matrix.
	Start(row, column int)
	Done(row, column int)
	Close()
}

// Rows are the names of all rows, Columns of all columns.
func Rows() (names []string) {
	for _, e := range experiment.All() {
		names = append(names, e.Name)
	}
	return names
}

// Columns are the names of all columns.
func Columns() (names []string) {
	for _, i := range place.All() {
		names = append(names, i.Name)
	}
	return names
}

// Found stands for all engines that are there.
const Found = "found"

// Targets are the words that Options.Targets may have.
func Targets() []string { return append([]string{Found}, place.EngineNames()...) }

// plan is what is to be run.
type plan struct {
	rows    []experiment.Experiment
	columns []place.Isolation
	absent  []string // engines that have no column, and why
}

func newPlan(ctx context.Context, o Options) (p plan, err error) {
	p.rows, err = choose(fault.Field("Rows"), o.Rows, experiment.All(), func(e experiment.Experiment) string { return e.Name })
	if err == nil {
		p.columns, err = choose(fault.Field("Columns"), o.Columns, place.All(), func(i place.Isolation) string { return i.Name })
	}
	if err == nil && o.Targets != nil {
		err = p.engines(ctx, o.Targets)
	}
	return p, err
}

// engines adds columns. One that was named has its own also if it is not there: then that says why.
func (p *plan) engines(ctx context.Context, names []string) error {
	names = slices.Clone(names)
	found := slices.Contains(names, Found)
	names = slices.DeleteFunc(names, func(n string) bool { return n == Found })
	for _, n := range names {
		if !slices.Contains(place.EngineNames(), n) {
			return &fault.Error{Class: fault.Usage, Thing: fault.Field("Targets") + " " + n, Cause: "not one that is known",
				Mend: "choose from " + strings.Join(Targets(), ", ")}
		}
	}
	wanted := names
	if found {
		wanted = place.EngineNames()
	}
	for _, i := range place.Engines(ctx, wanted) {
		switch why := i.Absent(); {
		case slices.Contains(names, i.Name), found && why == "":
			p.columns = append(p.columns, i)
		case found:
			p.absent = append(p.absent, why)
		}
	}
	return ctx.Err()
}

// Plan is the matrix without cells.
func Plan(ctx context.Context, o Options) (*result.Matrix, error) {
	p, err := newPlan(ctx, o)
	if err != nil {
		return nil, err
	}
	return p.empty(o), nil
}

// Run runs the matrix. When ctx ends before its time, the result holds what was found out so far, and says so; there is none if that was
// before anything was run. An error beside a result is what could not be taken away.
func Run(ctx context.Context, o Options) (m *result.Matrix, err error) {
	p, err := newPlan(ctx, o)
	if err != nil {
		return nil, err
	}
	w, err := place.New(o.Terem, o.CacheDir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	w.Carry(p.columns)
	m = p.empty(o)
	o.Progress.Begin(m)
	for r, e := range p.rows {
		for c, i := range p.columns {
			o.Progress.Start(r, c)
			cell := run(ctx, w, e, i)
			if ctx.Err() != nil {
				m.Ended, m.Took = "interrupted", time.Since(m.Started)
				return m, nil
			}
			m.Rows[r].Cells = append(m.Rows[r].Cells, cell)
			m.Rows[r].Compare()
			o.Progress.Done(r, c)
		}
	}
	m.Took = time.Since(m.Started)
	return m, nil
}

// choose keeps those that were named, in their own order.
func choose[T any](flag string, names []string, all []T, name func(T) string) (chosen []T, err error) {
	if names == nil {
		return all, nil
	}
	var known []string
	left := map[string]bool{}
	for _, n := range names {
		left[n] = true
	}
	for _, x := range all {
		known = append(known, name(x))
		if left[name(x)] {
			chosen = append(chosen, x)
			delete(left, name(x))
		}
	}
	for _, n := range names {
		if left[n] {
			return nil, &fault.Error{Class: fault.Usage, Thing: flag + " " + n, Cause: "not one that is known",
				Mend: "choose from " + strings.Join(known, ", ")}
		}
	}
	return chosen, nil
}

func (p plan) empty(o Options) *result.Matrix {
	m := &result.Matrix{Schema: result.Schema, Terem: o.Version, Started: time.Now().UTC().Truncate(time.Second), Host: host.Read("/"), Absent: p.absent}
	for _, i := range p.columns {
		m.Columns = append(m.Columns, result.Column{Name: i.Name, Title: i.Title, Note: i.Note})
	}
	for _, e := range p.rows {
		m.Rows = append(m.Rows, Describe(e))
	}
	return m
}

// Describe is a row without its cells.
func Describe(e experiment.Experiment) result.Row {
	names := experiment.Names{Tag: "TAG", Dir: "DIR", Data: "DATA", Port: 1, Path: "PATH"}
	after := func(script string) string { // what sets the names is the same in all
		_, rest, _ := strings.Cut(script, "exec 2>&1\n")
		return rest
	}
	where := "this host"
	if e.Dangerous {
		where = "a disposable virtual machine"
	}
	return result.Row{Name: e.Name, Title: e.Title, Question: e.Question, AttackDoes: e.AttackDoes, VictimSees: e.VictimSees,
		Victim: after(e.Victim(names)), Attack: after(e.Attacker(names)), Where: where}
}

// expect is a cell that has not run.
func expect(e experiment.Experiment, i place.Isolation) result.Cell {
	x := mechanism.Of(e.Name, i.Name)
	return result.Cell{Column: i.Name, Expected: x.Verdict, Mechanism: x.Decides, Fewer: x.Fewer}
}
