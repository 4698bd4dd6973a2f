package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
)

// outcome is how a test went.
type outcome string

const (
	passed  outcome = "pass"
	skipped outcome = "skip"
	failed  outcome = "fail"
)

// verdict is a test's or a subtest's outcome, with what it said.
type verdict struct {
	test   string
	what   outcome
	output string
}

// event is what is used of test2json's lines (go doc test2json).
type event struct {
	Action string
	Test   string
	Output string
}

// lastLine is what a test binary says at its end. One that crashes does not, and the converter would keep the
// verdict before it to itself.
const lastLine = "\n\x16FAIL\n"

// verdicts reads the output of a test binary that ran with -test.v=test2json. The go command's own converter does it:
// it tells the framework's lines from those that a test prints.
func verdicts(output []byte) ([]verdict, error) {
	c := exec.Command("go", "tool", "test2json")
	c.Stdin = io.MultiReader(bytes.NewReader(output), strings.NewReader(lastLine))
	out, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("convert the tests' output: %w", describe(err))
	}
	said := map[string]*strings.Builder{}
	var list []verdict
	for line := range bytes.Lines(out) {
		var e event
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, fmt.Errorf("convert the tests' output: %q: %w", line, err)
		}
		if e.Test == "" {
			continue
		}
		switch e.Action {
		case "run":
			said[e.Test] = new(strings.Builder)
		case "output":
			if b := said[e.Test]; b != nil {
				b.WriteString(e.Output)
			}
		case "pass", "skip", "fail":
			v := verdict{test: e.Test, what: outcome(e.Action)}
			if b := said[e.Test]; b != nil {
				v.output = words(b.String())
			}
			list = append(list, v)
		}
	}
	return list, nil
}

// words drops the framework's lines from a test's output.
func words(output string) string {
	var keep []string
	for line := range strings.Lines(output) {
		t := strings.TrimSpace(line)
		if t != "" && !strings.HasPrefix(t, "=== ") && !strings.HasPrefix(t, "--- ") {
			keep = append(keep, t)
		}
	}
	return strings.Join(keep, "\n")
}

// row is a package's line in the table.
type row struct {
	name                        string
	passed, skipped, known, bad int
	seconds                     float64
	notes                       []note
}

// note is something to be said of a row below the table.
type note struct {
	kind, test, text string
}

// Kinds of notes, in the order in which they are printed. The last three are failures.
const (
	noteSkipped = "skipped"
	noteKnown   = "differs, as known"
	noteGone    = "a known difference is gone: take it out of differences.go"
	noteMissing = "no result"
	noteFailed  = "FAILED"
)

// judge compares what came back of a package with what should have.
func judge(p testPackage, j *jobRecord, known []difference) row {
	r := row{name: p.name}
	if j.end == nil && j.output.Len() == 0 {
		r.bad = len(p.tests)
		r.notes = append(r.notes, note{noteMissing, "", "none of its tests began: the outer system had ended"})
		return r
	}
	list, err := verdicts(j.output.Bytes())
	if err != nil {
		r.fail(noteFailed, "", err.Error())
	}
	for _, v := range list {
		r.take(v, list, known)
	}
	for _, d := range known {
		top, _, _ := strings.Cut(d.test, "/")
		switch {
		case !slices.Contains(p.tests, top):
		case d.fatal:
			r.known++
			r.notes = append(r.notes, note{noteKnown, d.test, "not run: " + d.why})
		case top != d.test && !has(list, d.test):
			r.fail(noteMissing, d.test, "it is known to differ, and there is no such subtest, or it was left out")
		}
	}
	for _, t := range p.tests {
		if d, ok := find(known, t); ok && d.fatal {
			continue
		}
		if !has(list, t) {
			r.fail(noteMissing, t, "it began and did not end, or never began")
		}
	}
	switch {
	case j.end == nil:
		r.fail(noteMissing, "", "the outer system ended before these tests did")
	default:
		r.seconds = j.end.Seconds
		explained := j.end.Status == 1 && slices.ContainsFunc(list, func(v verdict) bool { return v.what == failed })
		if s := j.end.String(); s != "" && !explained {
			r.fail(noteFailed, "", s+"; its last words:\n"+lastWords(j.output.Bytes()))
		}
	}
	return r
}

func has(list []verdict, test string) bool {
	return slices.ContainsFunc(list, func(v verdict) bool { return v.test == test })
}

func (r *row) fail(kind, test, text string) {
	r.bad++
	r.notes = append(r.notes, note{kind, test, text})
}

// take counts a test, and looks whether its outcome is what is known of it. Of a failure those subtests count that
// failed by themselves: a parent fails with its child. One that says something beside a child that is known to fail may
// have failed by itself, too.
func (r *row) take(v verdict, all []verdict, known []difference) {
	d, isKnown := find(known, v.test)
	top := !strings.Contains(v.test, "/")
	switch v.what {
	case failed:
		if below := failedBelow(v.test, all); len(below) > 0 {
			news := slices.ContainsFunc(below, func(c verdict) bool { _, ok := find(known, c.test); return !ok })
			if !news && v.output != "" {
				r.fail(noteFailed, v.test, v.output)
			}
			return
		}
		if isKnown {
			r.known++
			r.notes = append(r.notes, note{noteKnown, v.test, d.why})
			return
		}
		r.fail(noteFailed, v.test, v.output)
	case passed:
		if isKnown {
			r.fail(noteGone, v.test, d.why)
		} else if top {
			r.passed++
		}
	case skipped:
		if top {
			r.skipped++
		}
		r.notes = append(r.notes, note{noteSkipped, v.test, v.output})
	}
}

// failedBelow are a test's subtests that failed, but for those with subtests that did.
func failedBelow(test string, all []verdict) (below []verdict) {
	for _, v := range all {
		if v.what == failed && strings.HasPrefix(v.test, test+"/") && len(failedBelow(v.test, all)) == 0 {
			below = append(below, v)
		}
	}
	return below
}

// lastWords is the end of an output that is not empty.
func lastWords(b []byte) string {
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return strings.Join(lines[max(0, len(lines)-15):], "\n")
}
