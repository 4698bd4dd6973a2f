package main

import (
	"fmt"

	"terem/internal/stats"
)

// goal is a promise of the project, and whether this run kept it.
type goal struct {
	Text  string         `json:"text"`
	Value float64        `json:"value"`
	CI    stats.Interval `json:"ci95"`
	Most  float64        `json:"most"`
	Met   bool           `json:"met"`
}

// verdict is the goal's outcome in words: the value decides, and the interval says
// how sure that is.
func (g goal) verdict() string {
	word := "missed"
	if g.Met {
		word = "met"
	}
	if g.CI.Low <= g.Most && g.Most < g.CI.High {
		word += ", within the noise"
	}
	return word
}

// ratio notes the goal that a is at most so many times b. Without both there is
// none.
func (r *report) ratio(measure, a, b string, most float64) {
	sa, sb := r.find(measure, a), r.find(measure, b)
	if sa == nil || sb == nil {
		return
	}
	value, ci := stats.Ratio(sa.Samples, sb.Samples, r.Seed)
	r.Goals = append(r.Goals, goal{fmt.Sprintf("%s: %s / %s", measure, a, b), value, ci, most, value <= most})
}

// limit notes the goal that a series' median is at most so much.
func (r *report) limit(measure, vmm string, most float64) {
	s := r.find(measure, vmm)
	if s == nil {
		return
	}
	sum := stats.Summarize(s.Samples)
	text := fmt.Sprintf("%s: %s, %s", measure, vmm, s.Unit)
	r.Goals = append(r.Goals, goal{text, sum.Median, sum.CI, most, sum.Median <= most})
}
