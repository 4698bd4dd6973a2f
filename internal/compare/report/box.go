package report

import (
	"fmt"
	"slices"

	"terem/internal/compare/result"
	"terem/internal/measure/stats"
)

// plot is a measure's box plots on one axis.
type plot struct {
	Axis   axis
	Shared int // how many plots have this axis
	Rows   []box
}

// box is one row of a plot. Places are in percent of the width.
type box struct {
	row
	Class         string // of its kind
	Value, Factor string
	FactorCI      string
	Says          string // the row in words
	About         string // its kind and number of samples
	Dots          []dot

	Min, P25, Median, P75, P95, Max string
	BoxWidth                        string
	Low, CIWidth                    string
}

// dot is one run.
type dot struct {
	X string
	Y int // pixels
}

// dotsMost is how many runs of a row are drawn; of more, every n-th in their order.
const dotsMost = 120

// boxes draws a measure.
func boxes(s *sheet) plot {
	if len(s.Rows) == 0 {
		return plot{}
	}
	p := plot{Axis: s.axis(), Shared: len(s.Alike)}
	for _, w := range s.Rows {
		p.Rows = append(p.Rows, newBox(w, s.Measure.Unit, p.Axis))
	}
	return p
}

func newBox(w row, u result.Unit, a axis) box {
	sum := w.Summary
	sorted := slices.Sorted(slices.Values(w.Samples))
	p25, p75 := stats.Percentile(sorted, 25), stats.Percentile(sorted, 75)
	b := box{
		row: w, Class: class(w.Of.Kind), Value: one(u, sum.Median), Says: says(w, u), About: about(w.Of, w.On, sum.N),
		Min: a.x(sum.Min), P25: a.x(p25), Median: a.x(sum.Median), P75: a.x(p75), P95: a.x(sum.P95), Max: a.x(sum.Max),
		BoxWidth: a.width(p25, p75), Low: a.x(sum.CI.Low), CIWidth: a.width(sum.CI.Low, sum.CI.High),
	}
	if w.Ratio != nil {
		b.Factor = w.factor()
		b.FactorCI = span(number(w.Ratio.CI.Low), number(w.Ratio.CI.High))
	}
	every := (len(sorted) + dotsMost - 1) / dotsMost
	for i := 0; i < len(sorted); i += every {
		b.Dots = append(b.Dots, dot{a.x(sorted[i]), lane(i / every)})
	}
	return b
}

// lane spreads dots over the row's height, so that equal ones do not hide each other:
// the golden ratio's multiples never bunch up.
func lane(i int) int {
	const top, height, golden = 6, 24, 0.618034
	at := float64(i) * golden
	return top + int(height*(at-float64(int(at))))
}

// says tells a row in words, for those who do not see it and for the pointer.
func says(w row, u result.Unit) string {
	sum := w.Summary
	s := fmt.Sprintf("%s: median %s, with 95 %% confidence from %s to %s; half of %d runs between %s and %s",
		w.Of.Title, one(u, sum.Median), one(u, sum.CI.Low), one(u, sum.CI.High), sum.N,
		one(u, stats.Percentile(w.Samples, 25)), one(u, stats.Percentile(w.Samples, 75)))
	s += fmt.Sprintf("; from %s to %s", one(u, sum.Min), one(u, sum.Max))
	if w.Noisy {
		s += "; " + noisy
	}
	return s
}
