package grade

import (
	"encoding/csv"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
)

// Table is a class as a table in a file. Until it is whole it is beside that, under the name with ".partial", so that a grading that is
// interrupted neither spoils an older table nor loses what it has.
type Table struct {
	name string
	f    *os.File
	rows *csv.Writer
}

// partial is what the name of a table ends with until it is whole.
const partial = ".partial"

// NewTable begins a table.
func NewTable(name string) (*Table, error) {
	t := &Table{name: name}
	var err error
	if info, statErr := os.Stat(name); statErr == nil && !info.Mode().IsRegular() {
		t.f, err = os.OpenFile(name, os.O_WRONLY, 0) // a pipe or a terminal has nothing to lose, and no other takes its place
	} else {
		t.f, err = os.Create(name + partial)
	}
	if err != nil {
		return nil, err
	}
	t.rows = newRows(t.f)
	return t, nil
}

// Row adds a report. It is in the file at once.
func (t *Table) Row(r *Report) error { return row(t.rows, r) }

// Partial is where the table is as long as Done was not called.
func (t *Table) Partial() string { return t.f.Name() }

// Done gives a whole table its name. Without it the table stays where it is.
func (t *Table) Done() error {
	if err := t.f.Close(); err != nil || t.f.Name() == t.name {
		return err
	}
	return os.Rename(t.f.Name(), t.name)
}

// CSV writes a class as a table.
func CSV(w io.Writer, list []*Report) error {
	rows := newRows(w)
	var err error
	for _, r := range list {
		err = errors.Join(err, row(rows, r))
	}
	return err
}

func newRows(w io.Writer) *csv.Writer {
	c := csv.NewWriter(w)
	_ = c.Write([]string{"student", "exercise", "points", "of", "not_run", "seed", "first_mistake"}) // Flush says what fails
	return c
}

func row(c *csv.Writer, r *Report) error {
	_ = c.Write([]string{cell(r.Student), strconv.Itoa(r.Exercise), strconv.Itoa(r.Points), strconv.Itoa(r.Of), strconv.Itoa(r.NotRun), r.Seed, cell(r.first())})
	c.Flush()
	return c.Error()
}

// cell is a text that no program takes for a formula: a directory's name is a student's choice.
func cell(s string) string {
	s = printable(s)
	if s != "" && strings.ContainsRune("=+-@", rune(s[0])) {
		return "'" + s
	}
	return s
}
