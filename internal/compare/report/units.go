package report

import (
	"math"
	"strconv"

	"terem/internal/compare/result"
	"terem/internal/measure/stats"
)

// scale turns samples into numbers for people: v / div, in name.
type scale struct {
	div  float64
	name string
}

// steps are the scales of a unit, from the smallest.
func steps(u result.Unit) []scale {
	switch u {
	case result.Nanoseconds, result.NsPerOp:
		return []scale{{1, "ns"}, {1e3, "µs"}, {1e6, "ms"}, {1e9, "s"}}
	case result.Bytes:
		return []scale{{1, "B"}, {1 << 10, "KiB"}, {1 << 20, "MiB"}, {1 << 30, "GiB"}}
	case result.BytesPerSec:
		return []scale{{1, "B/s"}, {1 << 10, "KiB/s"}, {1 << 20, "MiB/s"}, {1 << 30, "GiB/s"}}
	}
	return []scale{{1, ""}}
}

// scaleFor picks one scale for all values from low to high: that of their geometric mean.
func scaleFor(u result.Unit, low, high float64) scale {
	middle := math.Sqrt(low) * math.Sqrt(high)
	if !(low > 0) {
		middle = high
	}
	all := steps(u)
	best := all[0]
	for _, s := range all {
		if middle >= s.div {
			best = s
		}
	}
	return best
}

// one shows a value alone: number and unit.
func one(u result.Unit, v float64) string {
	s := scaleFor(u, v, v)
	if s.name == "" {
		return s.number(v)
	}
	return s.number(v) + string(nbsp) + s.name
}

func (s scale) number(v float64) string { return number(v / s.div) }

func (s scale) interval(i stats.Interval) string { return span(s.number(i.Low), s.number(i.High)) }

func span(low, high string) string { return low + "–" + high }

// number shows three significant digits, and all digits before the point.
func number(v float64) string {
	const whole, huge, tiny = 1e3, 1e7, 1e-3
	size := math.Abs(v)
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return "?"
	case size == 0:
		return "0"
	case size >= huge || size < tiny:
		return strconv.FormatFloat(v, 'e', 2, 64)
	case size >= whole:
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	digits := 2 - int(math.Floor(math.Log10(size)))
	s := strconv.FormatFloat(v, 'f', digits, 64)
	if rounded, _ := strconv.ParseFloat(s, 64); digits > 0 && math.Abs(rounded) >= math.Pow(10, float64(3-digits)) {
		return strconv.FormatFloat(v, 'f', digits-1, 64) // 9.999 is 10.0, not 10.00
	}
	return s
}

// percent shows a share.
func percent(share float64) string {
	if share < 0 {
		return "−" + percent(-share)
	}
	switch p := share * 100; {
	case math.IsNaN(p) || math.IsInf(p, 0):
		return "?"
	case p >= 10:
		return strconv.FormatFloat(p, 'f', 0, 64) + string(nbsp) + "%"
	default:
		return strconv.FormatFloat(p, 'f', 1, 64) + string(nbsp) + "%"
	}
}
