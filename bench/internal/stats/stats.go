package stats

import (
	"math"
	"math/rand/v2"
	"slices"
)

// Resamples is how often a bootstrap draws.
const Resamples = 2000

// Summary describes samples in their own unit.
type Summary struct {
	N      int      `json:"n"`
	Min    float64  `json:"min"`
	Median float64  `json:"median"`
	P95    float64  `json:"p95"`
	Max    float64  `json:"max"`
	CI     Interval `json:"median_ci95"`
}

// Interval is a 95 % confidence interval.
type Interval struct {
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// Summarize describes samples. Without any it returns the zero Summary.
func Summarize(samples []float64, seed uint64) Summary {
	if len(samples) == 0 {
		return Summary{}
	}
	s := slices.Sorted(slices.Values(samples))
	return Summary{
		N: len(s), Min: s[0], Median: Median(s), P95: Percentile(s, 95), Max: s[len(s)-1],
		CI: bootstrap(len(s), seed, func(pick []int) float64 { return Median(at(s, pick)) }),
	}
}

// Median is the middle sample, or the mean of the middle two.
func Median(samples []float64) float64 {
	s := slices.Sorted(slices.Values(samples))
	if len(s) == 0 {
		return math.NaN()
	}
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

// Percentile is the smallest sample that at least p percent do not exceed (nearest
// rank).
func Percentile(samples []float64, p float64) float64 {
	s := slices.Sorted(slices.Values(samples))
	if len(s) == 0 {
		return math.NaN()
	}
	rank := int(math.Ceil(p / 100 * float64(len(s))))
	return s[min(max(rank, 1), len(s))-1]
}

// Ratio is median(a)/median(b) with its interval. Sample i of a and of b come from
// the same round: rounds are drawn, not samples, since a busy moment slows both.
func Ratio(a, b []float64, seed uint64) (float64, Interval) {
	n := min(len(a), len(b))
	if n == 0 {
		return math.NaN(), Interval{math.NaN(), math.NaN()}
	}
	a, b = a[:n], b[:n]
	ci := bootstrap(n, seed, func(pick []int) float64 { return Median(at(a, pick)) / Median(at(b, pick)) })
	return Median(a) / Median(b), ci
}

// bootstrap gives the interval of a statistic over n things drawn with repetition.
func bootstrap(n int, seed uint64, statistic func(pick []int) float64) Interval {
	r := rand.New(rand.NewPCG(seed, uint64(n)))
	values := make([]float64, Resamples)
	pick := make([]int, n)
	for i := range values {
		for j := range pick {
			pick[j] = r.IntN(n)
		}
		values[i] = statistic(pick)
	}
	return Interval{Percentile(values, 2.5), Percentile(values, 97.5)}
}

func at(s []float64, pick []int) []float64 {
	out := make([]float64, len(pick))
	for i, p := range pick {
		out[i] = s[p]
	}
	return out
}
