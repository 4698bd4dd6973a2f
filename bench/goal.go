package main

import (
	"fmt"

	"terem/internal/measure/stats"
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

// Goals differ where instructions are counted: what a software backend interprets drops
// out there, and what the host does at a time as well.

func (s *suite) startGoals() {
	most := 1.5
	if s.conf.ips != 0 {
		most = 1.3
	}
	s.report.ratio(measureStart, nameTerem, nameFloor, most)
	s.report.ratio(measureStart, nameTerem, nameQEMU, 1.0/3)
	s.report.ratio(measureStart, nameRestore, nameFloor, 2)
}

func (s *suite) exitGoals() {
	s.report.ratio(measureExit, nameTerem, nameFloor, 1.05)
	s.report.ratio(measureExit, nameTracing, nameTerem, 1.10)
}

// bootGoals are called for when all have been booted.
func (s *suite) bootGoals() {
	if s.conf.ips == 0 {
		s.report.limit(measureBoot, nameTerem, 7) // seconds
		return
	}
	s.report.limit(measureBoot, nameTerem, 20) // million instructions
	s.report.ratio(measureBoot, nameTerem, nameQEMU, 0.5)
}
