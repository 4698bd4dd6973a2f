// Package result is what a comparison found out, as `terem compare --json` writes it
// and as tables and pages show it. It measures nothing.
//
// A [Result] holds a list of [Target], every one that terem knows, whether it could run
// or not, and a list of [Series]: all samples that one target gave for one measure, raw,
// and their summary. What a measure means is in its [Measure].
//
// # As JSON
//
// Durations are nanoseconds, sizes bytes. The names are stable; new ones may be added.
// A change of meaning raises "schema".
package result
