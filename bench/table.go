package main

import (
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
)

// print writes the report for people.
func (r *report) print(w io.Writer) {
	fmt.Fprintf(w, "%s, commit %s\n%s\n", r.Date.Format("2006-01-02 15:04 UTC"), r.Commit, r.Host)
	if r.QEMU != "" {
		fmt.Fprintln(w, r.QEMU)
	}
	fmt.Fprintf(w, "meanwhile %.0f %% of the CPU time was busy, and %.1f %% stolen\n", 100*r.Busy, 100*r.Steal)
	if r.IPS != 0 {
		fmt.Fprintln(w, "an emulator whose clock counts instructions: all that the machine executes, in every program and in the kernel")
	}
	measure := ""
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, s := range r.Series {
		if s.Measure != measure {
			t.Flush()
			measure = s.Measure
			fmt.Fprintf(w, "\n%s%s\n", measure, unitOf(s))
			fmt.Fprintln(t, "\tn\tmin\tmedian\tp95\tmax\t95 % of the median\t")
		}
		m := s.Summary
		fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%s\t%s\t%s to %s\t\n", s.VMM, m.N, number(m.Min), number(m.Median),
			number(m.P95), number(m.Max), number(m.CI.Low), number(m.CI.High))
	}
	t.Flush()
	r.printGoals(w)
	r.printNotes(w)
}

func (r *report) printGoals(w io.Writer) {
	if len(r.Goals) == 0 {
		return
	}
	fmt.Fprintln(w, "\ngoals")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, g := range r.Goals {
		fmt.Fprintf(t, "  %s\t%s (%s to %s)\tat most %s\t%s\n", g.Text, number(g.Value), number(g.CI.Low), number(g.CI.High),
			number(g.Most), g.verdict())
	}
	t.Flush()
}

func (r *report) printNotes(w io.Writer) {
	if len(r.Notes) == 0 {
		return
	}
	fmt.Fprintln(w, "\nno result")
	for _, n := range r.Notes {
		who := n.Measure
		if n.VMM != "" {
			who += ", " + n.VMM
		}
		fmt.Fprintf(w, "  %s: %s\n", who, n.Error)
	}
}

func unitOf(s *series) string {
	if s.Unit == count {
		return ""
	}
	return " [" + s.Unit + "]"
}

// number prints with three digits after the point at most, and none where there are
// enough before it.
func number(v float64) string {
	switch {
	case v >= 1000 || v == 0:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 100:
		return strconv.FormatFloat(v, 'f', 1, 64)
	case v >= 10:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
	return strconv.FormatFloat(v, 'f', 3, 64)
}
