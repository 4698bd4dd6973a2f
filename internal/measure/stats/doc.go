// Package stats sums up samples of times, without assuming how they are
// distributed: times on a busy machine have a long tail.
//
// The interval of a median is the binomial one (golang.org/x/perf/benchmath). That of
// a ratio is a percentile bootstrap (Efron and Tibshirani, An Introduction to the
// Bootstrap, chapter 13) from a given seed, so that the same samples give the same
// interval.
package stats
