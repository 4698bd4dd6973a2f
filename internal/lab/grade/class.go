package grade

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
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
			if fault.Status(err) != fault.StatusUsage {
				return list, err // this host's: it is no student's, and the next one would get the same
			}
			r = newReport(e, o)
			r.unusable(e, err)
		}
		r.Student = d.Name()
		list = append(list, r)
		each(r)
	}
	if len(list) == 0 {
		return nil, &fault.Error{Class: fault.Usage, Thing: dir, Cause: "there is no directory in it", Mend: "name the directory that has the students' directories"}
	}
	return list, nil
}

// unusable is the report of a directory that cannot be graded.
func (r *Report) unusable(e *exercise.Exercise, err error) {
	r.note(err.Error())
	for _, c := range e.Checks {
		r.lost(c, "there is nothing to grade")
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

// CSV writes a class as a table.
func CSV(w io.Writer, list []*Report) error {
	c := csv.NewWriter(w)
	rows := [][]string{{"student", "exercise", "points", "of", "not_run", "seed", "first_mistake"}}
	for _, r := range list {
		rows = append(rows, []string{cell(r.Student), strconv.Itoa(r.Exercise), strconv.Itoa(r.Points), strconv.Itoa(r.Of),
			strconv.Itoa(r.NotRun), r.Seed, cell(r.first())})
	}
	return c.WriteAll(rows)
}

// cell is a text that no program takes for a formula: a directory's name is a student's choice.
func cell(s string) string {
	s = printable(s)
	if s != "" && strings.ContainsRune("=+-@", rune(s[0])) {
		return "'" + s
	}
	return s
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
