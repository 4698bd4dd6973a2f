package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"

	"terem/internal/compare/result"
)

// family is the rows of one kind.
type family struct {
	Kind  result.Kind
	Rows  []row // the least ratio first
	Noisy []string
}

// families gives the kinds of which a row differs from the base, that with the least ratio
// first.
func families(r *result.Result, measure string) []family {
	var list []family
	all := rows(r, measure)
	for _, k := range kinds() {
		f := family{Kind: k.Kind}
		for _, w := range all {
			switch {
			case w.Of.Kind != k.Kind || w.Ratio == nil:
			case w.Noisy:
				f.Noisy = append(f.Noisy, w.Of.Title)
			default:
				f.Rows = append(f.Rows, w)
			}
		}
		if slices.ContainsFunc(f.Rows, differs) {
			slices.SortStableFunc(f.Rows, func(a, b row) int { return cmp.Compare(a.Ratio.Median, b.Ratio.Median) })
			list = append(list, f)
		}
	}
	slices.SortStableFunc(list, func(a, b family) int { return cmp.Compare(a.Rows[0].Ratio.Median, b.Rows[0].Ratio.Median) })
	return list
}

// differs says whether a row can be told from the base.
func differs(w row) bool { return w.Ratio.CI.Low > 1 || w.Ratio.CI.High < 1 }

// times says how a kind's rows compare with the base: by their range, not by the best.
func (f family) times(r *result.Result) string {
	first, last := f.Rows[0], f.Rows[len(f.Rows)-1]
	text := fmt.Sprintf("%s: %s%s times as long", f.named(), f.bound(), reach(factor(first.Ratio.Median), factor(last.Ratio.Median)))
	if on(r, first.Of) != "" {
		text += ", " + software(r)
	}
	text += " (" + f.samples() + ")"
	if len(f.Noisy) > 0 {
		text += "; too noisy to say: " + join(f.Noisy)
	}
	return text
}

// bound says on which side of all of a kind's ratios the truth is.
func (f family) bound() string {
	switch first, last := f.Rows[0].Bound, f.Rows[len(f.Rows)-1].Bound; {
	case first == "≥" && last == first:
		return "at least "
	case first == "≤" && last == first:
		return "at most "
	}
	return ""
}

// named names a kind and who of it is meant.
func (f family) named() string {
	var titles []string
	for _, w := range f.Rows {
		titles = append(titles, w.Of.Title)
	}
	return called(f.Kind, titles)
}

// called names a kind by one of it, or the first and the last.
func called(k result.Kind, titles []string) string {
	first, last := titles[0], titles[len(titles)-1]
	switch {
	case len(titles) > 1:
		return fmt.Sprintf("%s (%s to %s)", several(k), first, last)
	case string(k) == first:
		return article(k)
	}
	return fmt.Sprintf("%s (%s)", article(k), first)
}

func (f family) samples() string {
	count := func(a, b row) int { return cmp.Compare(a.Summary.N, b.Summary.N) }
	return samples(slices.MinFunc(f.Rows, count).Summary.N, slices.MaxFunc(f.Rows, count).Summary.N)
}

func samples(least, most int) string {
	return fmt.Sprintf("n%c=%c%s", nbsp, nbsp, reach(strconv.Itoa(least), strconv.Itoa(most)))
}

// reach joins two numbers, or shows one if they look alike.
func reach(low, high string) string {
	if low == high {
		return low
	}
	return low + " to " + high
}

// factor shows a ratio as a sentence has it, in two digits.
func factor(v float64) string {
	const digits = 2
	if v < 1 || v >= 1e6 {
		return number(v)
	}
	unit := math.Pow(10, math.Floor(math.Log10(v))-digits+1)
	v = math.Round(v/unit) * unit
	return strconv.FormatFloat(v, 'f', max(0, digits-1-int(math.Floor(math.Log10(v)))), 64)
}
