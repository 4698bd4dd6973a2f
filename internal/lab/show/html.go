package show

import (
	"bytes"
	_ "embed" // the page's template and style
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"

	"terem/internal/lab/experiment"
	"terem/internal/lab/result"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

// document is what the template shows.
type document struct {
	Style       template.CSS
	Terem, Date string
	Took        string
	Host        string
	Columns     []result.Column
	Rows        []pageRow
	Notes       []string
	Wide        bool // more columns than a narrow screen has room for
	Starred     bool
	Counted     bool
	Surprises   bool
}

type pageRow struct {
	result.Row
	Star  bool
	Cells []pageCell
}

type pageCell struct {
	result.Cell
	Title, ID, Class, Short           string
	Took                              string
	BeforeText, AfterText, AttackText string
}

// HTML writes a matrix as one page that needs nothing else: no script, no network. All foreign text is escaped.
func HTML(w io.Writer, m *result.Matrix) error {
	t, err := template.New("page").Parse(pageHTML)
	if err != nil {
		return fmt.Errorf("parse the page's template: %w", err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, newDocument(m)); err != nil {
		return fmt.Errorf("make the page: %w", err)
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	return nil
}

func newDocument(m *result.Matrix) document {
	d := document{Style: template.CSS(pageCSS), Terem: Clean(m.Terem), Date: m.Started.UTC().Format("2 January 2006"), Columns: m.Columns, Wide: len(m.Columns) > 4,
		Host: Clean(fmt.Sprintf("Linux %s, %d CPUs, %s.", m.Host.Kernel, m.Host.CPUs, m.Host.CPU))}
	if m.Took > 0 {
		d.Took = m.Took.Round(time.Second).String()
	}
	for _, x := range m.Rows {
		row := pageRow{Row: x, Star: star(x) != ""}
		d.Starred = d.Starred || row.Star
		for i, c := range m.Columns {
			cell := pageCell{Title: c.Title, ID: x.Name + "-" + c.Name, Class: "none"}
			if i < len(x.Cells) {
				cell = newPageCell(c, x, x.Cells[i])
			}
			d.Surprises = d.Surprises || cell.Verdict != "" && cell.Surprise()
			row.Cells = append(row.Cells, cell)
		}
		d.Counted = d.Counted || slices.ContainsFunc(x.Cells, func(c result.Cell) bool { return c.Verdict == experiment.Counted })
		d.Rows = append(d.Rows, row)
	}
	for note := range strings.SplitSeq(below(m), "\n\n") {
		if note = strings.TrimSpace(note); note != "" && !strings.HasPrefix(note, "*") {
			d.Notes = append(d.Notes, strings.TrimPrefix(note, "! "))
		}
	}
	return d
}

func newPageCell(column result.Column, x result.Row, c result.Cell) pageCell {
	p := pageCell{Cell: c, Title: column.Title, ID: x.Name + "-" + column.Name, Class: class(c.Verdict), Short: Clean(c.Evidence),
		BeforeText: text(c.Before), AfterText: text(c.After), AttackText: text(c.Attack), Took: c.Took.Round(10 * time.Millisecond).String()}
	p.Where, p.Commands.Victim, p.Commands.Attacker = Clean(c.Where), Clean(c.Commands.Victim), Clean(c.Commands.Attacker)
	if c.Why != "" {
		p.Short = Clean(c.Why)
	}
	return p
}

// class is a verdict's, in the style. One that came from a file may be anything.
func class(v experiment.Verdict) string {
	switch v {
	case experiment.Harmed, experiment.Degraded, experiment.Safe, experiment.Unclear, experiment.Counted:
		return string(v)
	case experiment.NotCounted:
		return string(experiment.Counted)
	}
	return "not-run"
}

// text is what was said, a line each.
func text(lines []string) string {
	if len(lines) == 0 {
		return "(nothing)"
	}
	var clean []string
	for _, l := range lines {
		clean = append(clean, Clean(l))
	}
	return strings.Join(clean, "\n")
}
