// Package compare runs one program through every isolation technology that the host has,
// and measures what each costs. docs/method.md says how, and why so.
//
// Read first: compare.go, the order of things; then rounds.go, how runs are interleaved;
// start.go, the simplest measure. Packages beside this one: target knows how to run a
// program in each way, spawn starts it and keeps the time, result is what was found out.
package compare
