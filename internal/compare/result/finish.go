package result

import (
	"cmp"
	"slices"

	"terem/internal/measure/stats"
)

// Base is the target that others are compared with.
const Base = "process"

// noisyAt is the width of a median's interval, as a share of the median, from which on a
// series is called noisy.
const noisyAt = 0.5

// Finish computes what follows from the samples: summaries, ratios to Base, and the order
// of each measure's series. It may be called again when there are more samples.
func (r *Result) Finish() {
	for _, s := range r.Series {
		s.Summary = stats.Summarize(s.Samples)
		s.Rank, s.Tied = 0, false
		s.Noisy = s.Summary.CI.High-s.Summary.CI.Low > noisyAt*s.Summary.Median
	}
	place, at := map[string]int{}, map[*Series]int{}
	for i, m := range Measures() {
		place[m.Name] = i
		r.finish(m, at)
	}
	slices.SortStableFunc(r.Series, func(a, b *Series) int {
		return cmp.Or(cmp.Compare(place[a.Measure], place[b.Measure]), cmp.Compare(at[a], at[b]))
	})
}

// finish orders the series of one measure by their medians, and notes the order.
func (r *Result) finish(m Measure, at map[*Series]int) {
	var of []*Series
	for _, s := range r.Of(m.Name) {
		r.ratio(s)
		if len(s.Samples) > 0 && !m.Stack {
			of = append(of, s)
		}
	}
	slices.SortStableFunc(of, func(a, b *Series) int {
		if m.More {
			a, b = b, a
		}
		return cmp.Compare(a.Summary.Median, b.Summary.Median)
	})
	for i, s := range of {
		at[s] = i
		if s.Noisy {
			continue // it has no place, and the next does not take it
		}
		s.Rank = i + 1
		s.Tied = i > 0 && r.tied(of[i-1], s, m.More)
	}
}

// enough is how many rounds two series must share for an interval of 95 %.
const enough = 6

// tied says whether the samples leave open that the first of two, which has the better
// median, is better: the interval of their ratio must lie on its side of 1. The rounds that
// both have may say the opposite of all. Where they are too few for an interval, no sample
// of the one may be as good as any of the other.
func (r *Result) tied(first, second *Series, more bool) bool {
	x, y := paired(first, second)
	apart := first.Summary.Max < second.Summary.Min
	if more {
		x, y, apart = y, x, first.Summary.Min > second.Summary.Max
	}
	if len(x) < enough || slices.Min(y) <= 0 {
		return !apart
	}
	_, ci := stats.Ratio(x, y, r.Method.Seed)
	return ci.High >= 1
}

func (r *Result) ratio(s *Series) {
	s.Ratio = nil
	base := r.Find(s.Measure, Base, s.Part)
	if base == nil || base == s {
		return
	}
	x, y := paired(s, base)
	if len(x) == 0 || slices.Min(y) <= 0 {
		return
	}
	v, ci := stats.Ratio(x, y, r.Method.Seed)
	s.Ratio = &Ratio{Base: Base, Median: v, CI: ci}
}

// paired gives the samples of the rounds that both have.
func paired(a, b *Series) (x, y []float64) {
	at := map[int]float64{}
	for i, round := range b.Rounds {
		at[round] = b.Samples[i]
	}
	for i, round := range a.Rounds {
		if v, ok := at[round]; ok {
			x, y = append(x, a.Samples[i]), append(y, v)
		}
	}
	return x, y
}

// Add appends a sample, to a new series if there is none yet.
func (r *Result) Add(measure, target, part string, round int, v float64) {
	s := r.series(measure, target, part)
	s.Samples, s.Rounds = append(s.Samples, v), append(s.Rounds, round)
}

// Fail notes a run that gave no sample.
func (r *Result) Fail(measure, target string, err error) {
	s := r.series(measure, target, "")
	s.Failed++
	s.Error = err.Error()
}

func (r *Result) series(measure, target, part string) *Series {
	s := r.Find(measure, target, part)
	if s == nil {
		m, _ := Of(measure) // a measure that is not listed has no unit
		s = &Series{Measure: measure, Target: target, Part: part, Unit: m.Unit}
		r.Series = append(r.Series, s)
	}
	return s
}
