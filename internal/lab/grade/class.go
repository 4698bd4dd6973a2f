package grade

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"terem/internal/fault"
	"terem/internal/lab/exercise"
)

// mostStudents bounds a class.
const mostStudents = 10_000

// Class grades each directory in dir, one after the other and with the same seed, and tells of each report as it comes.
func Class(ctx context.Context, e *exercise.Exercise, dir string, o Options, each func(*Report)) ([]*Report, error) {
	entries, err := os.ReadDir(dir) // sorted
	if err != nil {
		return nil, &fault.Error{Class: fault.Usage, Thing: dir, Err: fault.Reason(err), Mend: "name the directory that has the students' directories"}
	}
	var list []*Report
	var last string // what was wrong with this host, the last time
	for _, d := range entries {
		if !d.IsDir() || strings.HasPrefix(d.Name(), ".") {
			continue
		}
		if len(list) == mostStudents {
			return list, &fault.Error{Class: fault.Usage, Thing: dir, Cause: fmt.Sprintf("more than %d directories in it", mostStudents)}
		}
		r, err := Grade(ctx, e, filepath.Join(dir, d.Name()), o)
		if ctx.Err() != nil {
			return list, ctx.Err()
		}
		if err != nil {
			// One submission must not end the grading of all. What comes twice is this host's, and the next one would get it, too.
			if fault.Status(err) != fault.StatusUsage && hostThing(err) == last {
				return list, err
			}
			r = newReport(e, o)
			r.unusable(e, err)
		}
		last = hostThing(err)
		r.Student = d.Name()
		list = append(list, r)
		each(r)
	}
	if len(list) == 0 {
		return nil, &fault.Error{Class: fault.Usage, Thing: dir, Cause: "there is no directory in it", Mend: "name the directory that has the students' directories"}
	}
	return list, nil
}

// hostThing is what an error of this host's is about, "" for none and for one of a student's. Two causes may differ in a number.
func hostThing(err error) string {
	if err == nil || fault.Status(err) == fault.StatusUsage {
		return ""
	}
	own := new(fault.Error)
	if errors.As(err, &own) {
		return own.Thing
	}
	return err.Error()
}

// unusable is the report of a directory that cannot be graded.
func (r *Report) unusable(e *exercise.Exercise, err error) {
	r.note(err.Error())
	for _, c := range e.Checks {
		r.lost(c, "it could not be graded")
	}
}

// Line is a report in one line, for a class.
func (r *Report) Line() string {
	line := fmt.Sprintf("%-24s %2d/%d", printable(r.Student), r.Points, r.Of)
	if r.NotRun > 0 {
		line += fmt.Sprintf(" (%d not run)", r.NotRun)
	}
	if first := r.first(); first != "" {
		line += "  " + first
	}
	return line
}

// first is the first mistake, or why there was nothing to grade.
func (r *Report) first() string {
	for _, m := range r.Mistakes() {
		return m.Check + ": " + m.Wrong.Cause
	}
	if r.Points == 0 && r.NotRun == 0 && len(r.Notes) > 0 {
		return r.Notes[len(r.Notes)-1]
	}
	return ""
}

// ClassJSON writes a class for a program.
func ClassJSON(w io.Writer, list []*Report) error { return writeJSON(w, list) }

// ClassStatus is the exit status for a class: a mistake counts for more than what could not be run.
func ClassStatus(list []*Report) (status int) {
	for _, r := range list {
		switch s := r.Status(); {
		case s == StatusWrong:
			return s
		case s == StatusNotRun:
			status = s
		}
	}
	return status
}
