package report

import (
	"bytes"
	_ "embed" // the page's template and style
	"fmt"
	"html/template"
	"io"

	"terem/internal/compare/result"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

// document is what the template shows.
type document struct {
	Style    template.CSS
	Version  string
	Date     string
	Facts    []fact
	Warnings []string
	Lessons  []lesson
	Kinds    []legend
	Groups   []section
	Inside   within
	Failing  []result.Target
	Absent   []result.Target
	Ready    []result.Target
	Method   result.Method
	Limit    string // of what measuring may cost
}

type legend struct{ Name, Class, What string }

// section is a group of figures.
type section struct {
	group
	Figures []figure
}

// figure is one measure: box plots or stacked bars, and the same as a table.
type figure struct {
	*sheet
	ID       string
	Explains string
	Unit     string // of the table
	Plot     plot
	Pile     pile
	scale    scale
}

// HTML writes a result as one page that needs nothing else: no script, no network. All
// foreign text is escaped.
func HTML(w io.Writer, r *result.Result) error {
	t, err := template.New("page").Parse(pageHTML)
	if err != nil {
		return fmt.Errorf("parse the page's template: %w", err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, newDocument(r)); err != nil {
		return fmt.Errorf("make the page: %w", err)
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	return nil
}

func newDocument(r *result.Result) document {
	d := document{
		Style: template.CSS(pageCSS), Version: version(r), Date: r.Started.UTC().Format("2 January 2006"),
		Facts: facts(r), Warnings: warnings(r), Lessons: lessons(r), Method: r.Method, Limit: percent(overheadLimit), Inside: insides(r),
		Failing: in(r, result.Failing), Absent: in(r, result.Absent), Ready: in(r, result.Ready),
	}
	used := map[result.Kind]bool{}
	for _, t := range d.Ready {
		used[t.Kind] = true
	}
	for _, k := range kinds() {
		if used[k.Kind] {
			d.Kinds = append(d.Kinds, legend{string(k.Kind), class(k.Kind), k.What})
		}
	}
	for _, g := range view(r) {
		s := section{group: g}
		for _, sheet := range g.Sheets {
			s.Figures = append(s.Figures, newFigure(sheet))
		}
		d.Groups = append(d.Groups, s)
	}
	return d
}

func newFigure(s *sheet) figure {
	f := figure{sheet: s, ID: "m-" + s.Measure.Name, Explains: explain(s.Measure.Name), Plot: boxes(s), Pile: bars(s)}
	low, high := s.medians()
	if s.Measure.Stack && len(s.Stacks) > 0 {
		low, high = extent(s.Stacks, s.Measure.Group)
	}
	f.scale = scaleFor(s.Measure.Unit, low, high)
	f.Unit = f.scale.name
	return f
}

// Number, Interval and Ratio show a value in the table's unit.
func (f figure) Number(v float64) string { return f.scale.number(v) }

func (f figure) Interval(w box) string { return f.scale.interval(w.Summary.CI) }

// Part is a part of a bar by its name, in the table's unit; empty if the bar lacks it.
func (f figure) Part(b bar, name string) string {
	for _, p := range b.Parts {
		if p.Name == name {
			return f.scale.number(p.Value)
		}
	}
	return ""
}

// Remarks are the sheet's, below its plot.
func (f figure) Remarks() []string { return f.remarks() }
