package doctor

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
)

// The columns of the text: two spaces, a mark, a name, and the rest of the line.
const (
	width      = 80
	markWidth  = 7
	nameWidth  = 18
	textColumn = 2 + markWidth + 1 + nameWidth + 1
	moreColumn = 2 + markWidth + 1 + 2
)

// Text writes the report for people, in 80 columns. Marks read without color as
// well: ok, warn, missing, and MISSING for what terem run cannot do without.
func (r Report) Text(w io.Writer, color bool) error {
	t := &page{w: bufio.NewWriter(w), color: color}
	t.host(r.Host, r.Platform)
	t.kvm(r.KVM, r.Backend)
	t.capabilities(r.Capabilities)
	t.isolation(r.Isolation)
	t.engines(r.Engines)
	t.guest(r.Guest)
	t.verdict(r)
	if err := t.w.Flush(); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// page writes rows. Errors stay in the bufio.Writer until Flush.
type page struct {
	w     *bufio.Writer
	color bool
	begun bool
}

func (t *page) title(s string) {
	if t.begun {
		t.w.WriteString("\n")
	}
	t.begun = true
	t.w.WriteString(t.paint("1", s) + "\n")
}

// fact writes a row without a mark, if there is anything to say.
func (t *page) fact(name, text string) {
	if text != "" {
		t.row(strings.Repeat(" ", markWidth), name, text)
	}
}

// check writes a row with a mark, what follows from it, and the mend.
func (t *page) check(c Check) {
	t.row(t.mark(c), c.Name, c.Detail)
	if c.Why != "" {
		t.more(c.Why)
	}
	t.mend(c.Mend)
}

func (t *page) row(mark, name, text string) {
	lines := wrap(text, width-textColumn)
	line := fmt.Sprintf("  %s %-*s %s", mark, nameWidth, name, lines[0])
	t.w.WriteString(strings.TrimRight(line, " ") + "\n")
	t.indent(textColumn, lines[1:])
}

// more writes a text below a row.
func (t *page) more(text string) { t.indent(moreColumn, wrap(text, width-moreColumn)) }

func (t *page) indent(column int, lines []string) {
	for _, l := range lines {
		fmt.Fprintf(t.w, "%*s%s\n", column, "", l)
	}
}

// mend writes a command so that a shell takes it as it stands: broken lines end
// with a backslash, and a command with quotes is not broken.
func (t *page) mend(command string) {
	const end = " \\"
	if command == "" {
		return
	}
	lines := []string{command}
	if !strings.ContainsAny(command, `'"`) {
		lines = wrap(command, width-moreColumn-len("$ ")-len(end))
	}
	for i := range lines[1:] {
		lines[i] += end
		lines[i+1] = "  " + lines[i+1]
	}
	lines[0] = "$ " + lines[0]
	t.indent(moreColumn, lines)
}

// mark is the word for a check's state, in its color: green, yellow, red.
func (t *page) mark(c Check) string {
	word, color := string(c.State), "33"
	switch {
	case c.State == OK:
		color = "32"
	case c.State == Missing && c.Required:
		word, color = "MISSING", "31"
	}
	return t.paint(color, fmt.Sprintf("%-*s", markWidth, word))
}

// paint puts the codes of ECMA-48 section 8.3.117 (SGR) around a text.
func (t *page) paint(code, s string) string {
	if !t.color {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

// wrap breaks a text at spaces. It gives one line at least; a longer word has a
// line to itself.
func wrap(text string, columns int) []string {
	lines := []string{""}
	for _, word := range strings.Fields(text) {
		last := &lines[len(lines)-1]
		switch {
		case *last == "":
			*last = word
		case len([]rune(*last))+1+len([]rune(word)) <= columns:
			*last += " " + word
		default:
			lines = append(lines, word)
		}
	}
	return lines
}

// size writes bytes for people.
func size(n uint64) string {
	if n >= 1<<30 {
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	}
	return fmt.Sprintf("%d MiB", n>>20)
}

// names joins the names of those checks that hold keep.
func names(all []Check, keep func(Check) bool) string {
	var list []string
	for _, c := range slices.DeleteFunc(slices.Clone(all), func(c Check) bool { return !keep(c) }) {
		list = append(list, c.Name)
	}
	return strings.Join(list, " ")
}
