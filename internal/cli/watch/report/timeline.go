package report

import (
	"fmt"
	"time"

	"terem/vcpu/trace"
)

// steps is how many columns a timeline has; colors, how many of what it shows have one of their own.
const (
	steps  = 250
	colors = 8
	width  = 1000.0 // of the picture, in its own units
	height = 100.0
)

// timeline puts records into steps of time.
type timeline struct {
	n       *names
	profile bool
	step    time.Duration
	first   time.Duration
	most    uint64 // records of one vCPU in one step
	color   map[string]int
	order   []string
}

// lane is a vCPU's.
type lane struct {
	Title, Says string
	Bars, Busy  []bar
}

type bar struct {
	Class      string
	X, Y, W, H string
}

func newTimeline(t *trace.Trace, s *Summary) *timeline {
	l := &timeline{n: newNames(t), profile: s.Every != 0, color: map[string]int{}}
	rows := s.Reasons
	if l.profile {
		rows = s.Functions
	}
	for _, r := range rows[:min(len(rows), colors)] {
		l.color[r.Name] = len(l.order)
		l.order = append(l.order, r.Name)
	}
	if len(rows) > colors {
		l.order = append(l.order, "others")
	}
	l.span(t)
	for _, c := range t.CPUs {
		for _, n := range l.counts(c) {
			l.most = max(l.most, total(n))
		}
	}
	return l
}

// span finds the first and the last record.
func (l *timeline) span(t *trace.Trace) {
	begun, last := false, time.Duration(0)
	for _, c := range t.CPUs {
		for i := range c.Records {
			at := c.Records[i].When()
			if !begun || at < l.first {
				l.first, begun = at, true
			}
			last = max(last, at)
		}
	}
	l.step = max(1, (last-l.first)/steps+1)
}

// kind is which of the colors a record has.
func (l *timeline) kind(r *trace.Record) int {
	name := r.Name()
	if l.profile {
		name = l.n.function(r.RIP)
	}
	if i, ok := l.color[name]; ok {
		return i
	}
	return colors
}

func (l *timeline) at(r *trace.Record) int {
	return int(min(max(r.When()-l.first, 0)/l.step, steps-1))
}

// counts are the records of a vCPU in each step, by their colors.
func (l *timeline) counts(c trace.CPU) (n [steps][colors + 1]uint64) {
	for i := range c.Records {
		r := &c.Records[i]
		n[l.at(r)][l.kind(r)]++
	}
	return n
}

func total(n [colors + 1]uint64) (sum uint64) {
	for _, v := range n {
		sum += v
	}
	return sum
}

func (l *timeline) lanes(t *trace.Trace) (list []lane) {
	for i, c := range t.CPUs {
		what := count(uint64(len(c.Records)), "exit")
		if l.profile {
			what = count(uint64(len(c.Records)), "sample")
		}
		title := fmt.Sprintf("vCPU %d", i)
		list = append(list, lane{Title: title, Says: title + ": " + what + " over the time", Bars: l.bars(c), Busy: l.busy(c)})
	}
	return list
}

// bars piles up what is in each step.
func (l *timeline) bars(c trace.CPU) (list []bar) {
	for i, n := range l.counts(c) {
		whole := l.most
		if l.profile {
			whole = total(n)
		}
		y := height
		for kind, v := range n {
			if v == 0 {
				continue
			}
			h := height * float64(v) / float64(whole)
			y -= h
			list = append(list, rect(fmt.Sprintf("p%d", kind), i, y, h))
		}
	}
	return list
}

// busy is the share of each step that a vCPU spent in terem. What takes longer than a step fills those after it.
func (l *timeline) busy(c trace.CPU) (list []bar) {
	var spent [steps]time.Duration
	for i := range c.Records {
		r := &c.Records[i]
		at, left := l.at(r), time.Duration(r.Took)
		room := l.step - (r.When()-l.first)%l.step
		for ; left > 0 && at < steps; at++ {
			part := min(left, room)
			spent[at] += part
			left -= part
			room = l.step
		}
	}
	for i, d := range spent {
		if h := height * min(1, d.Seconds()/l.step.Seconds()); h > 0 {
			list = append(list, rect("p8", i, height-h, h))
		}
	}
	return list
}

func rect(class string, step int, y, h float64) bar {
	const each = width / steps
	return bar{class, fmt.Sprintf("%g", each*float64(step)), fmt.Sprintf("%.2f", y), fmt.Sprintf("%g", each), fmt.Sprintf("%.2f", h)}
}

func (l *timeline) legend() (keys []key) {
	for i, name := range l.order {
		keys = append(keys, key{name, fmt.Sprintf("p%d", i)})
	}
	return keys
}

// ticks are five moments below a lane, from its begin to its end.
func (l *timeline) ticks() (list []string) {
	const parts = 4
	unit := time.Microsecond
	for unit*1000 < l.step*steps {
		unit *= 10
	}
	for i := range time.Duration(parts + 1) {
		at := l.first + l.step*steps*i/parts
		list = append(list, at.Round(unit).String())
	}
	return list
}
