package stats

import (
	"math"
	"math/rand/v2"
	"slices"

	"golang.org/x/perf/benchmath"
)

// Resamples is how often a bootstrap draws, and a permutation test shuffles.
const Resamples = 2000

const confidence = 0.95

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

// Summarize describes samples. Without any it returns the zero Summary. The median's
// interval is the binomial one; below six samples there is none of 95 %, and it spans all.
func Summarize(samples []float64) Summary {
	if len(samples) == 0 {
		return Summary{}
	}
	s := slices.Sorted(slices.Values(samples))
	return Summary{
		N: len(s), Min: s[0], Median: Median(s), P95: Percentile(s, 95), Max: s[len(s)-1],
		CI: medianInterval(s),
	}
}

// medianInterval takes sorted samples.
func medianInterval(s []float64) Interval {
	m := benchmath.AssumeNothing.Summary(benchmath.NewSample(slices.Clone(s), &benchmath.DefaultThresholds), confidence)
	return Interval{Low: max(m.Lo, s[0]), High: min(m.Hi, s[len(s)-1])}
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

// DifferWithin is the probability that samples of one distribution have medians as far apart
// as those of a and b, or further: a permutation test (Efron and Tibshirani, chapter 15). It
// is 1 if either is empty. The least that it can give otherwise is 1/(shuffles+1), so a test
// among many needs many. It ends sooner once enough shuffles
// lie as far apart for the answer to be clear (Besag and Clifford, Sequential Monte Carlo
// p-values, 1991).
func DifferWithin(a, b []float64, seed uint64, shuffles int) float64 {
	const clear = 100
	if len(a) == 0 || len(b) == 0 {
		return 1
	}
	all, buffer := slices.Concat(a, b), make([]float64, max(len(a), len(b)))
	median := func(s []float64) float64 { // Median without its allocation
		sorted := buffer[:copy(buffer, s)]
		slices.Sort(sorted)
		return (sorted[(len(s)-1)/2] + sorted[len(s)/2]) / 2
	}
	apart := func() float64 { return math.Abs(median(all[:len(a)]) - median(all[len(a):])) }
	seen, as := apart(), 0
	r := rand.New(rand.NewPCG(seed, uint64(len(all))))
	for i := range shuffles {
		r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		if apart() >= seen {
			as++
		}
		if as == clear {
			return clear / float64(i+1)
		}
	}
	return float64(as+1) / float64(shuffles+1) // the order that was seen is one of the permutations
}
