package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"terem/internal/compare/result"
)

// Options of a table.
type Options struct {
	Width int  // columns; 0: 80
	Color bool // with the codes of ECMA-48 section 8.3.117 (SGR)
}

const (
	defaultWidth = 80
	leastWidth   = 40
)

// Table writes a result for people, in as many columns as the terminal has: where it is
// narrow, the median, its interval and the ratio stay. It fails only if w does.
func Table(w io.Writer, r *result.Result, o Options) error {
	if o.Width == 0 {
		o.Width = defaultWidth
	}
	p := &page{width: max(o.Width, leastWidth), color: o.Color}
	p.head(r)
	groups := view(r)
	p.level = p.fitting(groups)
	for _, g := range groups {
		for _, s := range g.Sheets {
			p.sheet(s)
		}
	}
	p.inside(insides(r))
	p.missing(r)
	p.lessons(r)
	if _, err := io.WriteString(w, p.b.String()); err != nil {
		return fmt.Errorf("write the table: %w", err)
	}
	return nil
}

// page collects the text.
type page struct {
	b     strings.Builder
	width int
	color bool
	level int // how many steps of columns are dropped
}

const nameWidth = 11 // of the head's facts

func (p *page) head(r *result.Result) {
	p.line(p.paint(bold, "terem compare") + " " + version(r))
	for _, f := range facts(r) {
		p.hanging(fmt.Sprintf("%-*s", nameWidth, f.Name), f.Text)
	}
	for _, warning := range warnings(r) {
		p.hanging(p.paint(yellow, fmt.Sprintf("%-*s", nameWidth, "WARNING")), warning)
	}
	if len(r.Series) > 0 {
		p.hanging(fmt.Sprintf("%-*s", nameWidth, "places"), "= cannot be told apart from the row above; - too noisy to rank. "+
			"Intervals hold the median, and the ratio to a process, with 95 % confidence. n: samples.")
	}
}

func (p *page) sheet(s *sheet) {
	switch {
	case s.Measure.Stack:
		p.stacks(s)
	default:
		p.rows(s)
	}
	for _, remark := range s.remarks() {
		p.hanging("  ", remark)
	}
}

func (p *page) rows(s *sheet) {
	low, high := s.medians()
	scale := scaleFor(s.Measure.Unit, low, high)
	p.title(s.Measure.Title, scale.name, s.Measure.More)
	if len(s.Rows) > 0 {
		p.line(p.render(s, scale, p.level))
	}
}

// title is a measure's heading with its unit.
func (p *page) title(title, unit string, more bool) {
	if unit != "" {
		title += ", " + unit
	}
	if more {
		title += " (more is better)"
	}
	p.line("")
	for _, l := range wrap(title, p.width) {
		p.line(p.paint(bold, l))
	}
}

// missing lists the targets that could not be measured.
func (p *page) missing(r *result.Result) {
	p.targets("Did not run here", in(r, result.Failing), red)
	p.targets("Not there", in(r, result.Absent), bold)
}

func (p *page) targets(title string, list []result.Target, color string) {
	if len(list) == 0 {
		return
	}
	p.line("\n" + p.paint(bold, title))
	for _, t := range list {
		name := "  " + p.paint(color, t.Title)
		if t.Why != "" {
			name += ": "
		}
		p.hanging(name, t.Why)
		p.mend(t.Mend)
	}
}

func (p *page) lessons(r *result.Result) {
	list := lessons(r)
	if len(list) == 0 {
		return
	}
	p.line("\n" + p.paint(bold, "What to see"))
	for _, l := range list {
		p.hanging("  ", l.Text)
		for _, point := range l.Points {
			p.hanging("  - ", point)
		}
	}
}

func (p *page) line(s string) {
	p.b.WriteString(strings.NewReplacer(string(nbsp), " ", string(thin), " ").Replace(s) + "\n")
}

// mend writes a command in one line, for a shell to take it as it stands.
func (p *page) mend(command string) {
	if command != "" {
		p.line("    $ " + command)
	}
}

// hanging writes a text behind a first column, its further lines below its first; below a
// wide first column they are indented by four.
func (p *page) hanging(first, s string) {
	const deepest, indent = 14, 4
	column := text.StringWidthWithoutEscSequences(first)
	lines := wrap(s, p.width-column)
	if column > deepest {
		lines = wrap(strings.Repeat("x", column-indent)+s, p.width-indent)
		lines[0] = strings.TrimPrefix(lines[0], strings.Repeat("x", column-indent))
		column = indent
	}
	p.line(strings.TrimRight(first+lines[0], " "))
	for _, l := range lines[1:] {
		p.line(strings.Repeat(" ", column) + l)
	}
}

// Codes of colors.
const (
	bold   = "1"
	red    = "31"
	green  = "32"
	yellow = "33"
)

func (p *page) paint(code, s string) string {
	if !p.color || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

const gap = "  " // between columns

// plain is a table of the house's style: a light rule below the header, no frame.
func plain() table.Writer {
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.Style().Options.SeparateColumns = false
	t.Style().Options.DrawBorder = false
	t.Style().Format.Header = text.FormatDefault
	t.Style().Box.PaddingLeft, t.Style().Box.PaddingRight = "", gap
	return t
}

func widthOf(rendered string) int { return text.LongestLineLen(rendered) }
