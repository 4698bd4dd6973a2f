package report

import (
	"math"
	"strings"
	"testing"

	"terem/internal/compare/result"
)

func labels(a axis) string {
	var list []string
	for _, t := range a.Ticks {
		if t.Text != "" {
			list = append(list, strings.ReplaceAll(t.Text, string(nbsp), " "))
		}
	}
	return strings.Join(list, ", ")
}

func TestAxis(t *testing.T) {
	for _, tt := range []struct {
		unit      result.Unit
		low, high float64
		log       bool
		labels    string
	}{
		{result.Nanoseconds, 0.9e6, 5.4e9, true, "1 ms, 10 ms, 100 ms, 1 s, 10 s"},
		{result.NsPerOp, 1.2, 1.4, false, "0, 0.5 ns, 1 ns, 1.5 ns"},
		{result.NsPerOp, 90, 4000, true, "50 ns, 100 ns, 200 ns, 500 ns, 1 µs, 2 µs, 5 µs"},
		{result.Count, 3, 520, true, "10, 100, 1000"},
		{result.Bytes, 30 << 20, 150 << 20, false, "0, 50 MiB, 100 MiB, 150 MiB"},
		{result.BytesPerSec, 100 << 20, 9 << 30, true, "100 MiB/s, 200 MiB/s, 500 MiB/s, 1000 MiB/s, 2000 MiB/s, 5000 MiB/s, 10000 MiB/s"},
	} {
		a := newAxis(tt.unit, tt.low, tt.high)
		if a.Log != tt.log || labels(a) != tt.labels {
			t.Errorf("%v to %v %s: log %v, %s", tt.low, tt.high, tt.unit, a.Log, labels(a))
		}
	}
}

// TestAxisBounds makes axes of what a report never has: each has some ticks and not many,
// and places within the plot.
func TestAxisBounds(t *testing.T) {
	odd := []float64{0, 5e-324, 1e-310, 1e-99, 1, 1e99, 1e101, math.MaxFloat64, math.Inf(1), math.NaN(), -1, math.Inf(-1)}
	const most = 80
	for _, low := range odd {
		for _, high := range odd {
			a := newAxis(result.Nanoseconds, low, high)
			if len(a.Ticks) < 2 || len(a.Ticks) > most {
				t.Errorf("%v to %v: %d ticks", low, high, len(a.Ticks))
			}
			for _, v := range odd {
				if at := a.at(v); !(at >= 0 && at <= 100) {
					t.Errorf("%v to %v: %v is at %v", low, high, v, at)
				}
			}
		}
	}
}

func TestNumber(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", 1: "1.00", 9.994: "9.99", 9.999: "10.0", 99.96: "100", 999.7: "1000", 1234.5: "1234", 0.0953: "0.0953", 0.09999: "0.100",
		-12.34: "-12.3", 12345678: "1.23e+07", 0.0001: "1.00e-04", math.Inf(1): "?",
	} {
		if got := number(v); got != want {
			t.Errorf("%v is shown as %s, want %s", v, got, want)
		}
	}
	for v, want := range map[float64]string{5.312: "5.3", 181.2: "180", 5533: "5500", 22.1: "22", 9.96: "10", 0.368: "0.368", 1: "1.0"} {
		if got := factor(v); got != want {
			t.Errorf("factor %v is shown as %s, want %s", v, got, want)
		}
	}
	if got := one(result.Nanoseconds, 5.1e9); got != "5.10\u00a0s" {
		t.Errorf("five seconds are %q", got)
	}
}
