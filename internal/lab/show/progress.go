package show

import (
	"fmt"
	"io"
	"strings"

	"terem/internal/lab/result"
)

// Live draws the matrix in place while it fills. It is for a terminal.
type Live struct {
	W     io.Writer
	O     Options
	Rows  int // of the terminal: a table that is higher, or wider, cannot be drawn in place
	Cols  int
	m     *result.Matrix
	drawn int // lines
}

// Begin draws the empty matrix.
func (l *Live) Begin(m *result.Matrix) {
	l.m = m
	l.draw(-1, -1)
}

// Start marks a cell.
func (l *Live) Start(row, column int) { l.draw(row, column) }

// Done shows what a cell found out.
func (l *Live) Done(int, int) { l.draw(-1, -1) }

// Close takes the drawing away: the whole table comes behind it.
func (l *Live) Close() { io.WriteString(l.W, l.wipe()) }

func (l *Live) draw(row, column int) {
	text := grid(l.m, l.O, row, column)
	high := l.Rows > 0 && strings.Count(text, "\n") >= l.Rows
	wide := l.Cols > 0 && titleWidth+cellWidth*len(l.m.Columns) > l.Cols
	if high || wide {
		text = l.status(row, column)
	}
	io.WriteString(l.W, l.wipe()+text)
	l.drawn = strings.Count(text, "\n")
}

// status is one line in place of a table that has no room.
func (l *Live) status(row, column int) string {
	if row < 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d: %s, %s\n", row+1, len(l.m.Rows), l.m.Rows[row].Title, l.m.Columns[column].Title)
}

// wipe goes to the first line of the drawing and clears from there: CR, CUU and ED of ECMA-48.
func (l *Live) wipe() string {
	if l.drawn == 0 {
		return ""
	}
	n := l.drawn
	l.drawn = 0
	return fmt.Sprintf("\r\x1b[%dA\x1b[J", n)
}

// Lines says each cell in a line of its own.
type Lines struct {
	W io.Writer
	m *result.Matrix
}

// Begin says how much there is to do.
func (l *Lines) Begin(m *result.Matrix) {
	l.m = m
	fmt.Fprintf(l.W, "experiments: %d, places: %d\n", len(m.Rows), len(m.Columns))
}

// Start says nothing.
func (l *Lines) Start(int, int) {}

// Done says what was found out.
func (l *Lines) Done(row, column int) {
	x := l.m.Rows[row]
	c := x.Cells[column]
	text := c.Evidence
	if c.Why != "" {
		text = c.Why
	}
	took := ""
	if c.Took > 0 {
		took = fmt.Sprintf(" (%.1f s)", c.Took.Seconds())
	}
	fmt.Fprintf(l.W, "%s, %s: %s: %s%s\n", x.Title, l.m.Columns[column].Title, c.Word(), Clean(text), took)
}

// Close has nothing to take away.
func (l *Lines) Close() {}
