package report

import (
	"bytes"
	_ "embed" // the page's template and style
	"fmt"
	"html/template"
	"io"
	"time"

	"terem/vcpu/trace"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

// document is what the template shows.
type document struct {
	Style       template.CSS
	Title, Head string
	Date        string
	Explains    string
	Legend      []key
	Lanes       []lane
	Busy        bool // each lane has a strip for the time in terem
	Ticks       []string
	Tables      []sheet
}

type key struct{ Name, Class string }

type sheet struct {
	ID, Title string
	Columns   []string
	Rows      [][]string
	Rest      string
}

// HTML writes a trace as one page that needs nothing else: no script, no network. All foreign text is escaped.
func HTML(w io.Writer, t *trace.Trace) error {
	page, err := template.New("page").Parse(pageHTML)
	if err != nil {
		return fmt.Errorf("parse the page's template: %w", err)
	}
	var b bytes.Buffer
	if err := page.Execute(&b, newDocument(t)); err != nil {
		return fmt.Errorf("make the page: %w", err)
	}
	_, err = w.Write(b.Bytes())
	return err
}

func newDocument(t *trace.Trace) *document {
	s := Sum(t)
	line := newTimeline(t, s)
	d := &document{
		Style: template.CSS(pageCSS), Title: "Why the guest left", Head: head(s), Date: t.Began.UTC().Format("2 January 2006, 15:04:05 UTC"),
		Legend: line.legend(), Lanes: line.lanes(t), Busy: s.Every == 0, Ticks: line.ticks(),
	}
	if s.Every != 0 {
		d.Title = "Where the guest was"
		d.Explains = fmt.Sprintf("From left to right the time, in %d steps; the height is the share of the samples in a step, the color the function. Time in terem counts for the instruction that led there.", steps)
		d.Tables = []sheet{functionSheet(s)}
		return d
	}
	d.Explains = fmt.Sprintf("From left to right the time, in %d steps of %v; the height is the number of exits in a step, %d at the most, the color their reason. Below, in grey: how much of a step the vCPU spent in terem.",
		steps, line.step.Round(time.Microsecond), line.most)
	d.Tables = []sheet{exitSheet("reasons", "Exit reasons", s.Reasons), exitSheet("places", "Ports and devices", s.Places), exitSheet("functions", "Where the guest was", s.Functions)}
	return d
}

func exitSheet(id, title string, list []Row) sheet {
	s := sheet{ID: id, Title: title, Columns: []string{"name", "count", "writes", "bytes", "total", "each", "longest"}}
	shown, rest := cut(list)
	s.Rest = rest
	for _, r := range shown {
		s.Rows = append(s.Rows, []string{r.Name, fmt.Sprint(r.Count), orBlank(r.Writes), orBlank(r.Bytes), r.Time.Round(time.Microsecond).String(),
			r.each().String(), r.Longest.Round(10 * time.Nanosecond).String()})
	}
	return s
}

func functionSheet(p *Summary) sheet {
	s := sheet{ID: "functions", Title: "Functions", Columns: []string{"name", "samples", "share"}}
	shown, rest := cut(p.Functions)
	s.Rest = rest
	for _, r := range shown {
		s.Rows = append(s.Rows, []string{r.Name, fmt.Sprint(r.Count), fmt.Sprintf("%.1f %%", share(r.Count, p.Records))})
	}
	return s
}
