package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// result is one boot, judged.
type result struct {
	title   string
	rows    []row
	failure string
	console string
	seconds float64
}

// bad says whether the boot makes the whole run fail. A boot without rows has shown nothing.
func (r result) bad() bool {
	return r.failure != "" || len(r.rows) == 0 || slices.ContainsFunc(r.rows, func(w row) bool { return w.bad > 0 })
}

// print writes the table of a boot and what there is to say of it.
func (r result) print(w io.Writer) {
	fmt.Fprintf(w, "\n%s, %.0f s\n", r.title, r.seconds)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "  package\tpass\tskip\tdiffer\tfail\tseconds")
	for _, p := range r.rows {
		fmt.Fprintf(t, "  %s\t%d\t%d\t%d\t%d\t%.1f\n", p.name, p.passed, p.skipped, p.known, p.bad, p.seconds)
	}
	t.Flush()
	for _, kind := range []string{noteSkipped, noteKnown, noteGone, noteMissing, noteFailed} {
		for _, p := range r.rows {
			for _, n := range p.notes {
				if n.kind == kind {
					fmt.Fprintf(w, "  %s: %s: %s\n", kind, strings.TrimSuffix(p.name+" "+n.test, " "), indent(n.text))
				}
			}
		}
	}
	if r.failure != "" {
		fmt.Fprintf(w, "  FAILED: %s\n", r.failure)
		fmt.Fprintf(w, "  the outer console's end:\n    %s\n", indent(r.console))
	}
}

func indent(text string) string { return strings.ReplaceAll(text, "\n", "\n    ") }

// summary is the last line: what everything comes to.
func summary(w io.Writer, results []result) bool {
	var sum row
	bad := 0
	for _, r := range results {
		if r.bad() {
			bad++
		}
		for _, p := range r.rows {
			sum.passed += p.passed
			sum.skipped += p.skipped
			sum.known += p.known
			sum.bad += p.bad
		}
	}
	verdict := "ok"
	if bad > 0 || len(results) == 0 {
		verdict = "FAILED"
	}
	fmt.Fprintf(w, "\nhardware: %s: %d boots, %d of them bad; tests: %d passed, %d skipped, %d differ as known, %d failed\n",
		verdict, len(results), bad, sum.passed, sum.skipped, sum.known, sum.bad)
	return verdict == "ok"
}
