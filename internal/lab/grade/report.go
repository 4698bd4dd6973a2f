package grade

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"terem/internal/lab/exercise"
)

// What became of a check.
const (
	Right  = "right"
	Faulty = "wrong"
	NotRun = "not run"
)

// Report is a grading.
type Report struct {
	Student  string   `json:"student,omitempty"` // the directory's name, in a class
	Exercise int      `json:"exercise"`
	Title    string   `json:"title"`
	Seed     string   `json:"seed"`
	Points   int      `json:"points"`
	Of       int      `json:"of"`
	NotRun   int      `json:"not_run"` // points that could not be had here
	Checks   []Result `json:"checks"`
	Notes    []string `json:"notes,omitempty"`
	Printed  string   `json:"printed,omitempty"` // the beginning of what the program printed
}

// Result is what became of one check.
type Result struct {
	Check  string          `json:"check"`
	State  string          `json:"state"`
	Points int             `json:"points"`
	Of     int             `json:"of"`
	Why    string          `json:"why,omitempty"` // it was not run
	Wrong  *exercise.Wrong `json:"wrong,omitempty"`
}

func newReport(e *exercise.Exercise, o Options) *Report {
	return &Report{Exercise: e.Number, Title: e.Title, Seed: fmt.Sprintf("%#x", o.Seed), Of: e.Points()}
}

// note adds a line, which may have the name of a student's file in it.
func (r *Report) note(line string) { r.Notes = append(r.Notes, printable(line)) }

func (r *Report) right(c exercise.Check) {
	r.Points += c.Points
	r.Checks = append(r.Checks, Result{Check: c.Name, State: Right, Points: c.Points, Of: c.Points})
}

// wrong adds a mistake. What it quotes is a student's, so it is made fit for a terminal.
func (r *Report) wrong(c exercise.Check, w *exercise.Wrong) {
	clean := *w
	clean.Seen = printable(w.Seen)
	r.Checks = append(r.Checks, Result{Check: c.Name, State: Faulty, Of: c.Points, Wrong: &clean})
}

// skip adds a check that could not be done here, and lost one that could not for a mistake in another.
func (r *Report) skip(c exercise.Check, why string) {
	r.NotRun += c.Points
	r.lost(c, why)
}

func (r *Report) lost(c exercise.Check, why string) {
	r.Checks = append(r.Checks, Result{Check: c.Name, State: NotRun, Of: c.Points, Why: why})
}

// compiles is the name of what comes before all checks, and is told only when it is wrong.
const compiles = "it compiles"

func (r *Report) doesNotBuild(e *exercise.Exercise, said string) {
	r.Checks = append(r.Checks, Result{Check: compiles, State: Faulty, Wrong: &exercise.Wrong{
		Seen: printable(said), Expected: "a package that compiles", Cause: "the compiler does not understand the line that it names first; the others may follow from it",
		Read: "https://go.dev/ref/spec",
	}})
	for _, c := range e.Checks {
		r.lost(c, "it does not compile")
	}
}

// Mistakes are the checks that were wrong.
func (r *Report) Mistakes() (list []Result) {
	for _, c := range r.Checks {
		if c.State == Faulty {
			list = append(list, c)
		}
	}
	return list
}

// Causes are the causes of the mistakes, by check.
func (r *Report) Causes() map[string]string {
	m := map[string]string{}
	for _, c := range r.Mistakes() {
		m[c.Check] = c.Wrong.Cause
	}
	return m
}

// Exit statuses of a grading.
const (
	StatusRight  = 0
	StatusWrong  = 1
	StatusNotRun = 2 // nothing was wrong, but not all could be run
)

// Status is the exit status for a report.
func (r *Report) Status() int {
	switch {
	case len(r.Mistakes()) > 0:
		return StatusWrong
	case r.NotRun > 0:
		return StatusNotRun
	}
	return StatusRight
}

// JSON writes a report for a program.
func (r *Report) JSON(w io.Writer) error { return writeJSON(w, r) }

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// Text writes it for a student.
func (r *Report) Text(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "exercise %d, %s (seed %s)\n", r.Exercise, r.Title, r.Seed)
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "note: %s\n", n)
	}
	for _, c := range r.Checks {
		c.text(&b)
	}
	if s := strings.TrimSpace(r.Printed); s != "" {
		b.WriteString("it printed:\n")
		for line := range strings.Lines(s) {
			fmt.Fprintf(&b, "  | %s\n", printable(line))
		}
	}
	fmt.Fprintf(&b, "%d of %d points", r.Points, r.Of)
	if r.NotRun > 0 {
		fmt.Fprintf(&b, "; %d could not be had here", r.NotRun)
	}
	b.WriteByte('\n')
	_, err := io.WriteString(w, b.String())
	return err
}

func (c *Result) text(b *strings.Builder) {
	points := fmt.Sprintf("%d/%d", c.Points, c.Of)
	if c.Of == 0 {
		points = ""
	}
	fmt.Fprintf(b, "  %-8s %5s  %s\n", c.State, points, c.Check)
	switch {
	case c.Why != "":
		fmt.Fprintf(b, "%17s%s\n", "", c.Why)
	case c.Wrong != nil:
		for _, line := range [][2]string{{"seen", c.Wrong.Seen}, {"expected", c.Wrong.Expected}, {"cause", c.Wrong.Cause}, {"read", c.Wrong.Read}} {
			fmt.Fprintf(b, "%17s%-9s %s\n", "", line[0], line[1])
		}
	}
}
