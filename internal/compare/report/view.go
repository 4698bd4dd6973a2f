package report

import (
	"cmp"
	"fmt"
	"slices"

	"terem/internal/compare/result"
	"terem/internal/measure/stats"
)

// group is measures that are shown together.
type group struct {
	Name, Title, Short string
	Sheets             []*sheet
}

// sheet is one measure with its rows. A stack has Stacks in place of Rows.
type sheet struct {
	Measure result.Measure
	Rows    []row
	Stacks  []stack
	Failed  []string // in sentences
	Caveats []string // likewise: what to know about the rows
	Alike   []*sheet // those that share its axis and its unit, itself included
}

// row is what one target gave for a measure.
type row struct {
	*result.Series
	Of    result.Target
	Place string // "1", "2", "=" or none
	On    string // what it ran on, if that is not what its kind makes one think of
	Bound string // on which side of the ratio the truth is: "≥", "≤" or none
}

// stack is a whole of parts.
type stack struct {
	Of    result.Target
	On    string // as in row
	Parts []part
	N     int
	Total float64 // the sum of the parts' medians
}

type part struct {
	Name  string
	Value float64 // median
	Noisy bool
}

// view arranges a result by groups; groups and sheets without anything are left out.
func view(r *result.Result) []group {
	all := groups()
	for _, m := range result.Measures() {
		s := &sheet{Measure: m, Failed: failures(r, m.Name)}
		if m.Stack {
			s.Stacks = stacks(r, m.Name)
		} else {
			s.Rows = rows(r, m.Name)
		}
		if len(s.Rows)+len(s.Stacks)+len(s.Failed) == 0 {
			continue
		}
		s.Alike, s.Caveats = []*sheet{s}, caveats(r, s)
		i := slices.IndexFunc(all, func(g group) bool { return g.Name == m.Group })
		all[i].Sheets = append(all[i].Sheets, s)
	}
	for _, g := range all {
		for _, s := range g.Sheets {
			if g.Name == result.GroupStart { // moments of the same run
				s.Alike = g.Sheets
			}
		}
	}
	return slices.DeleteFunc(all, func(g group) bool { return len(g.Sheets) == 0 })
}

// rows are a measure's rows in the order of their medians. A noisy one has no place, and
// the next does not take it: what is second to something unknown is not first.
func rows(r *result.Result, measure string) []row {
	var all []row
	for _, s := range r.Of(measure) {
		if len(s.Samples) == 0 {
			continue
		}
		w := row{Series: s, Of: target(r, s.Target), Bound: bound(r, s)}
		w.On = on(r, w.Of)
		switch {
		case s.Noisy:
		case s.Tied && len(all) > 0 && overlap(all[len(all)-1].Summary.CI, s.Summary.CI):
			w.Place = "="
		default:
			w.Place = fmt.Sprint(len(all) + 1)
		}
		all = append(all, w)
	}
	return all
}

func overlap(a, b stats.Interval) bool { return a.Low <= b.High && b.Low <= a.High }

// stacks are the rows of a measure that has parts, the smallest total first.
func stacks(r *result.Result, measure string) []stack {
	var list []stack
	for _, s := range r.Of(measure) {
		if len(s.Samples) == 0 {
			continue
		}
		i := slices.IndexFunc(list, func(k stack) bool { return k.Of.Name == s.Target })
		if i < 0 {
			i = len(list)
			of := target(r, s.Target)
			list = append(list, stack{Of: of, On: on(r, of)})
		}
		k := &list[i]
		k.Parts = append(k.Parts, part{clean(s.Part, nameLimit), s.Summary.Median, s.Noisy})
		k.Total += s.Summary.Median
		k.N = max(k.N, s.Summary.N)
	}
	slices.SortStableFunc(list, func(a, b stack) int { return cmp.Compare(a.Total, b.Total) })
	if m, _ := result.Of(measure); m.Group != result.GroupMemory {
		return list // phases keep the order in which they were found, that of time
	}
	for _, k := range list {
		slices.SortStableFunc(k.Parts, func(a, b part) int { return cmp.Compare(depth(a.Name), depth(b.Name)) })
	}
	return list
}

// depth orders the parts of memory, the program's own first.
func depth(part string) int {
	return slices.Index([]string{result.PartProgram, result.PartRAM, result.PartVMM, result.PartHelpers, result.PartDaemons, result.PartKernel}, part)
}

// target finds a target; a series may name one that the list lacks.
func target(r *result.Result, name string) result.Target {
	t := result.Target{Name: name}
	if found := r.Target(name); found != nil {
		t = *found
	}
	t.Name = clean(t.Name, nameLimit)
	t.Title = clean(cmp.Or(t.Title, t.Name), nameLimit)
	t.Kind = result.Kind(clean(string(t.Kind), nameLimit))
	t.Version, t.Note = clean(t.Version, nameLimit), clean(t.Note, lineLimit)
	t.Why, t.Mend = clean(t.Why, wordLimit), clean(t.Mend, lineLimit)
	return t
}

// failures says which of a measure's runs gave no sample.
func failures(r *result.Result, measure string) []string {
	var list []string
	for _, s := range r.Of(measure) {
		if s.Failed == 0 {
			continue
		}
		of := s.Failed + len(s.Samples)
		list = append(list, fmt.Sprintf("%s: %d of %d %s failed: %s", target(r, s.Target).Title, s.Failed, of, plural(of, "run"), clean(s.Error, lineLimit)))
	}
	return list
}

func plural(n int, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}

// in gives the targets in a state.
func in(r *result.Result, state result.State) []result.Target {
	var list []result.Target
	for _, t := range r.Targets {
		if t.State == state {
			list = append(list, target(r, t.Name))
		}
	}
	return list
}

const (
	enough = 30 // samples of a row that needs no remark
	least  = 6  // samples for an interval of 95 % (stats.Summarize)
)

// few are remarks on rows that have few samples: too few for an interval, or few while
// others have enough.
func (s *sheet) few() []string {
	var none, some []string
	for _, w := range s.Rows {
		switch {
		case w.Summary.N < least:
			none = append(none, w.Of.Title)
		case w.Summary.N < enough:
			some = append(some, w.Of.Title)
		}
	}
	var list []string
	if len(none) > 0 {
		list = append(list, fmt.Sprintf("Fewer than %d samples, too few for 95 %% confidence (the interval spans them all): %s.", least, join(none)))
	}
	if len(some) > 0 && len(none)+len(some) < len(s.Rows) {
		list = append(list, fmt.Sprintf("Fewer than %d samples: %s.", enough, join(some)))
	}
	return list
}

// remarks are the sentences below a measure's rows.
func (s *sheet) remarks() []string { return slices.Concat(s.Failed, s.few(), s.Caveats) }

// medians are the least and the greatest median of the sheets that share a unit; 0, 0
// without rows.
func (s *sheet) medians() (low, high float64) {
	var all []float64
	for _, s := range s.Alike {
		for _, w := range s.Rows {
			all = append(all, w.Summary.Median)
		}
		for _, k := range s.Stacks {
			all = append(all, k.Total)
		}
	}
	if len(all) == 0 {
		return 0, 0
	}
	return slices.Min(all), slices.Max(all)
}

// axis holds all samples of the sheets that share one.
func (s *sheet) axis() axis {
	var all []float64
	for _, s := range s.Alike {
		for _, w := range s.Rows {
			all = append(all, w.Summary.Min, w.Summary.Max)
		}
	}
	if len(all) == 0 {
		return axis{}
	}
	return newAxis(s.Measure.Unit, slices.Min(all), slices.Max(all))
}
