package report

import (
	"fmt"
	"math"
	"strconv"

	"terem/internal/compare/result"
)

// logFrom is the span of values from which on an axis is logarithmic.
const logFrom = 20

// axis maps values to places from 0 to 100, percent of a plot's width.
type axis struct {
	Log       bool
	Ticks     []tick
	low, high float64
}

type tick struct {
	X    string // percent
	Text string // none: a line only
	End  string // "start" or "end": where a label at the edge is anchored
}

// newAxis makes an axis for values from low to high. A linear one begins at 0.
func newAxis(u result.Unit, low, high float64) axis {
	const least, most = 1e-100, 1e100 // beyond them powers of ten are 0 or infinite
	s := scaleFor(u, low, high)
	if !(high > least && high < most) {
		low, high = 0, s.div // nothing that a scale could be made for
	}
	if low > 0 {
		low = max(low, least)
	}
	if low > 0 && high/low > logFrom {
		return logAxis(u, s, low, high)
	}
	return linearAxis(s, high)
}

func linearAxis(s scale, high float64) axis {
	const most = 5 // steps
	step := nice(high / s.div / most)
	n := int(math.Ceil(high / s.div / step))
	a := axis{high: float64(n) * step * s.div}
	for i := range n + 1 {
		a.tick(float64(i)*step*s.div, s.withUnit(float64(i)*step))
	}
	return a
}

// logAxis has a line at each 1, 2 and 5 times a power of ten and, as far as there is
// space, labels at the powers.
func logAxis(u result.Unit, s scale, low, high float64) axis {
	const decades, sparse = 2.5, 6
	a := axis{Log: true, low: below(low/s.div) * s.div, high: above(high/s.div) * s.div}
	span := math.Log10(a.high / a.low)
	every := int(math.Ceil(span / sparse))
	first, last := int(math.Floor(math.Log10(a.low/s.div))), int(math.Ceil(math.Log10(a.high/s.div)))
	for power := first; power <= last; power += every {
		for _, digit := range []float64{1, 2, 5} {
			v := digit * math.Pow10(power)
			const slack = 1e-9
			if v*s.div < a.low*(1-slack) || v*s.div > a.high*(1+slack) || every > 1 && digit > 1 {
				continue
			}
			label := ""
			if digit == 1 || span < decades {
				label = s.withUnit(v)
				if u == result.Nanoseconds || u == result.NsPerOp {
					label = tidy(u, v*s.div)
				}
			}
			a.tick(v*s.div, label)
		}
	}
	return a
}

// tick adds a line. A label at an edge grows inwards.
func (a *axis) tick(v float64, label string) {
	const edge = 4 // percent
	t := tick{X: a.x(v), Text: label}
	switch at := a.at(v); {
	case at < edge:
		t.End = "start"
	case at > 100-edge:
		t.End = "end"
	default:
		t.End = "middle"
	}
	a.Ticks = append(a.Ticks, t)
}

// at is the place of a value, 0 to 100.
func (a axis) at(v float64) float64 {
	share := v / a.high
	if a.Log {
		share = math.Log(v/a.low) / math.Log(a.high/a.low)
	}
	if math.IsNaN(share) {
		return 0
	}
	return 100 * min(max(share, 0), 1)
}

func (a axis) x(v float64) string { return places(a.at(v)) }

// width is the distance of two values.
func (a axis) width(from, to float64) string { return places(max(a.at(to)-a.at(from), 0)) }

func places(p float64) string { return fmt.Sprintf("%.2f%%", p) }

// withUnit shows a tick: a short number and the scale's unit.
func (s scale) withUnit(v float64) string {
	const plain = 1e6
	text := fmt.Sprintf("%.3g", v)
	if rounded, err := strconv.ParseFloat(text, 64); err == nil && rounded < plain {
		text = strconv.FormatFloat(rounded, 'f', -1, 64)
	}
	if s.name == "" || v == 0 {
		return text
	}
	return text + string(nbsp) + s.name
}

// tidy shows a time in the scale that gives it the fewest digits.
func tidy(u result.Unit, v float64) string {
	s := scaleFor(u, v*(1+1e-9), v*(1+1e-9))
	return s.withUnit(v / s.div)
}

// nice is the least of 1, 2, 2.5, 5 and 10 times a power of ten that is not less than v.
func nice(v float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, digit := range []float64{1, 2, 2.5, 5} {
		if digit*power >= v {
			return digit * power
		}
	}
	return 10 * power
}

// below and above are the next 1, 2 or 5 times a power of ten.
func below(v float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, digit := range []float64{5, 2} {
		if digit*power <= v {
			return digit * power
		}
	}
	return power
}

func above(v float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, digit := range []float64{1, 2, 5} {
		if digit*power >= v {
			return digit * power
		}
	}
	return 10 * power
}
