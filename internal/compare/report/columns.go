package report

import (
	"fmt"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"terem/internal/compare/result"
)

// column is one of a measure's table. It is there up to a level: the higher the level,
// the fewer columns.
type column struct {
	name  string
	until int // the last level that has it
	right bool
	cell  func(row, scale) string
}

// Levels, by what is dropped.
const (
	levelAll = iota
	levelKind
	levelExtremes
	levelP95
	levelRatio // the ratio's interval; names and headers are short
)

const (
	longName   = 26 // of a title
	narrowName = 11 // of a line of it, where there is little space
)

const noisy = "too noisy to rank"

func columns(level int) []column {
	all := []column{
		{"", levelRatio, true, func(w row, _ scale) string {
			if w.Noisy {
				return "-"
			}
			return w.Place
		}},
		{"target", levelRatio, false, func(w row, _ scale) string { return title(w.Of, level) }},
		{"kind", levelAll, false, func(w row, _ scale) string { return string(w.Of.Kind) + w.On }},
		{"n", levelRatio, true, func(w row, _ scale) string { return fmt.Sprint(w.Summary.N) }},
		{"min", levelKind, true, func(w row, s scale) string { return s.number(w.Summary.Min) }},
		{"median", levelRatio, true, func(w row, s scale) string { return s.number(w.Summary.Median) }},
		{"p95", levelExtremes, true, func(w row, s scale) string { return s.number(w.Summary.P95) }},
		{"max", levelKind, true, func(w row, s scale) string { return s.number(w.Summary.Max) }},
		{"95 % interval", levelRatio, true, func(w row, s scale) string { return s.interval(w.Summary.CI) }},
		{"to process", levelRatio, true, ratio},
		{"95 % interval", levelP95, true, ratioInterval},
	}
	if level == levelRatio {
		all[8].name, all[9].name = "95 %", "ratio"
	}
	var kept []column
	for _, c := range all {
		if level <= c.until {
			kept = append(kept, c)
		}
	}
	return kept
}

// title is a target's, in lines where there is little space.
func title(t result.Target, level int) string {
	s := clean(t.Title, longName)
	if level < levelRatio {
		return s
	}
	lines := wrap(strings.ReplaceAll(s, "-", "- "), narrowName) // a name may break behind its hyphen
	return strings.ReplaceAll(strings.Join(lines, "\n"), "- ", "-")
}

func ratio(w row, _ scale) string {
	if w.Ratio == nil {
		return ""
	}
	return w.factor()
}

func ratioInterval(w row, _ scale) string {
	switch {
	case w.Noisy:
		return noisy
	case w.Ratio == nil:
		return ""
	}
	return span(number(w.Ratio.CI.Low), number(w.Ratio.CI.High))
}

// fitting is the first level at which all tables fit; the last if none does.
func (p *page) fitting(groups []group) int {
	for level := levelAll; level < levelRatio; level++ {
		widest := 0
		for _, g := range groups {
			for _, s := range g.Sheets {
				low, high := s.medians()
				widest = max(widest, text.LongestLineLen(p.render(s, scaleFor(s.Measure.Unit, low, high), level)))
			}
		}
		if widest <= p.width {
			return level
		}
	}
	return levelRatio
}

// render draws a measure's rows.
func (p *page) render(s *sheet, scale scale, level int) string {
	if len(s.Rows) == 0 {
		return ""
	}
	t := plain()
	header, configs := table.Row{}, []table.ColumnConfig{}
	for i, c := range columns(level) {
		header = append(header, c.name)
		configs = append(configs, align(i, c.right))
	}
	t.AppendHeader(header)
	t.SetColumnConfigs(configs)
	for _, w := range s.Rows {
		cells := table.Row{}
		for _, c := range columns(level) {
			cell := c.cell(w, scale)
			if w.Noisy {
				cell = p.paint(yellow, cell)
			}
			cells = append(cells, cell)
		}
		t.AppendRow(cells)
	}
	return trim(t.Render())
}

func align(i int, right bool) table.ColumnConfig {
	c := table.ColumnConfig{Number: i + 1}
	if right {
		c.Align, c.AlignHeader = text.AlignRight, text.AlignRight
	}
	return c
}

// trim cuts what go-pretty puts behind the last column: blanks, and a rule below them.
func trim(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = strings.TrimSuffix(strings.TrimRight(lines[i], " "), strings.Repeat("─", len(gap)))
	}
	return strings.Join(lines, "\n")
}
