package stats

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

func TestMedianAndPercentile(t *testing.T) {
	for _, tt := range []struct {
		samples     []float64
		median, p95 float64
	}{
		{[]float64{5}, 5, 5},
		{[]float64{3, 1}, 2, 3},
		{[]float64{9, 1, 5}, 5, 9},
		{[]float64{4, 1, 3, 2}, 2.5, 4},
		{ascending(100), 50.5, 95},
		{ascending(20), 10.5, 19},
	} {
		if m, p := Median(tt.samples), Percentile(tt.samples, 95); m != tt.median || p != tt.p95 {
			t.Errorf("%v: median %v, p95 %v; want %v, %v", tt.samples, m, p, tt.median, tt.p95)
		}
	}
	if m := Median(nil); !math.IsNaN(m) {
		t.Errorf("the median of nothing is %v", m)
	}
}

func ascending(n int) []float64 {
	s := make([]float64, n)
	for i := range s {
		s[i] = float64(i + 1)
	}
	return s
}

func TestSummarizeKeepsItsInput(t *testing.T) {
	in := []float64{3, 1, 2}
	s := Summarize(in)
	if in[0] != 3 || in[1] != 1 || in[2] != 2 {
		t.Errorf("the samples were reordered: %v", in)
	}
	if s.N != 3 || s.Min != 1 || s.Median != 2 || s.Max != 3 {
		t.Errorf("summary %+v", s)
	}
	if s.CI != (Interval{1, 3}) {
		t.Errorf("three samples have no interval but all of them: %+v", s.CI)
	}
	if z := Summarize(nil); z != (Summary{}) {
		t.Errorf("the summary of nothing is %+v", z)
	}
}

// TestCoverage draws from a distribution with a known median: an interval of 95 %
// holds it about that often.
func TestCoverage(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	const trials, want = 60, math.Ln2
	hits := 0
	for range trials {
		s := make([]float64, 30)
		for j := range s {
			s[j] = r.ExpFloat64()
		}
		if ci := Summarize(s).CI; ci.Low <= want && want <= ci.High {
			hits++
		}
	}
	if hits < trials*85/100 {
		t.Errorf("%d of %d intervals hold the true median", hits, trials)
	}
}

// TestRatioPairs has rounds that differ tenfold in speed and a ratio that is always
// two: the interval must not widen.
func TestRatioPairs(t *testing.T) {
	var a, b []float64
	for i := range 31 {
		v := float64(1 + i%10)
		a, b = append(a, 2*v), append(b, v)
	}
	ratio, ci := Ratio(a, b, 7)
	if ratio != 2 || ci != (Interval{2, 2}) {
		t.Errorf("ratio %v, interval %v", ratio, ci)
	}
	if r, _ := Ratio(nil, b, 7); !math.IsNaN(r) {
		t.Errorf("the ratio of nothing is %v", r)
	}
}

func ExampleSummarize() {
	s := Summarize([]float64{10, 12, 11, 40, 11})
	fmt.Printf("median %v, from %v to %v\n", s.Median, s.Min, s.Max)
	// Output: median 11, from 10 to 40
}

func TestDiffer(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	draw := func(n int, shift float64) []float64 {
		s := make([]float64, n)
		for i := range s {
			s[i] = shift + r.ExpFloat64()
		}
		return s
	}
	if p := DifferWithin(draw(30, 0), draw(30, 2), 1, Resamples); p > 0.01 {
		t.Errorf("medians two apart: p = %v", p)
	}
	alarms := 0
	for i := range 40 {
		if DifferWithin(draw(15, 0), draw(15, 0), uint64(i), Resamples) < 0.05 {
			alarms++
		}
	}
	if alarms > 7 {
		t.Errorf("%d of 40 pairs of the same distribution are said to differ", alarms)
	}
	if p := DifferWithin(nil, []float64{1}, 1, Resamples); p != 1 {
		t.Errorf("nothing differs with p = %v", p)
	}
}
