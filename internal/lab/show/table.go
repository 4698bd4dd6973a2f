package show

import (
	"fmt"
	"io"
	"strings"
	"unicode"

	"terem/internal/lab/experiment"
	"terem/internal/lab/result"
)

// Options of a table.
type Options struct {
	Color bool // with the codes of ECMA-48 section 8.3.117 (SGR)
}

// Widths, in characters: four columns and the titles fit 80.
const (
	cellWidth  = 12
	titleWidth = 30
)

// running stands in a cell that is being run.
const running = experiment.Verdict("...")

// colors are those of verdicts.
func color(v experiment.Verdict) string {
	switch v {
	case experiment.Harmed:
		return "31" // red
	case experiment.Degraded, experiment.Unclear:
		return "33" // yellow
	case experiment.Safe:
		return "32" // green
	case experiment.Counted, experiment.NotCounted:
		return "0"
	}
	return "2" // faint
}

// Table writes the whole matrix, and below it what needs words.
func Table(w io.Writer, m *result.Matrix, o Options) error {
	_, err := io.WriteString(w, grid(m, o, -1, -1)+below(m))
	return err
}

// grid is the table; the cell at row and column is being run.
func grid(m *result.Matrix, o Options, row, column int) string {
	var b strings.Builder
	line := strings.Repeat(" ", titleWidth)
	for _, c := range m.Columns {
		line += fmt.Sprintf("%-*s", cellWidth, c.Title)
	}
	b.WriteString(strings.TrimRight(line, " ") + "\n")
	for r, x := range m.Rows {
		line := fmt.Sprintf("%-*s", titleWidth, x.Title+star(x))
		for c := range m.Columns {
			switch {
			case c < len(x.Cells):
				line += paint(x.Cells[c].Verdict, x.Cells[c].Word(), x.Cells[c].Surprise(), o)
			case r == row && c == column:
				line += paint(running, string(running), false, o)
			default:
				line += paint("", "", false, o)
			}
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return b.String()
}

// star marks a row that runs in a disposable machine.
func star(x result.Row) string {
	if x.Where == "this host" {
		return ""
	}
	return " *"
}

func paint(v experiment.Verdict, text string, surprise bool, o Options) string {
	if surprise {
		text += " !"
	}
	blank := strings.Repeat(" ", max(cellWidth-len(text), 1))
	if o.Color && text != "" {
		text = "\x1b[" + color(v) + "m" + text + "\x1b[0m"
	}
	return text + blank
}

// below is what the table has no room for.
func below(m *result.Matrix) string {
	var b strings.Builder
	if anywhere(m, func(x result.Row, c result.Cell) bool { return star(x) != "" && c.Verdict != result.NotRun }) {
		b.WriteString("\n* it harms the whole machine: processes and containers ran in a disposable virtual machine\n")
	}
	reasons := map[string]int{}
	var order []string
	for _, x := range m.Rows {
		for _, c := range x.Cells {
			if c.Verdict == result.NotRun {
				if reasons[c.Why]++; reasons[c.Why] == 1 {
					order = append(order, c.Why)
				}
			}
		}
	}
	for _, why := range order {
		fmt.Fprintf(&b, "\nnot run (%d): %s\n", reasons[why], Clean(why))
	}
	for _, x := range m.Rows {
		for i, c := range x.Cells {
			if c.Surprise() {
				fmt.Fprintf(&b, "\n! %s, %s: %s was expected: %s.\n  Seen: %s.\n", x.Title, m.Columns[i].Title, c.Wanted(), c.Mechanism, Clean(c.Evidence))
			}
		}
	}
	if len(m.Absent) > 0 {
		fmt.Fprintf(&b, "\nno column: %s\n", Clean(strings.Join(m.Absent, "; ")))
	}
	if m.Ended != "" {
		fmt.Fprintf(&b, "\n%s\n", Clean(m.Ended))
	}
	return b.String()
}

func anywhere(m *result.Matrix, f func(result.Row, result.Cell) bool) bool {
	for _, x := range m.Rows {
		for _, c := range x.Cells {
			if f(x, c) {
				return true
			}
		}
	}
	return false
}

// Clean is foreign text in one line, without what a terminal would obey.
func Clean(s string) string {
	s = strings.ToValidUTF8(s, "?")
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, strings.ReplaceAll(s, "\t", " "))
}
