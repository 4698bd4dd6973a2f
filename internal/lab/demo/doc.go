// Package demo shows one idea at a time, in two shells: one outside, one inside of a namespace or a control group. Each step is
// a command that a student can type as well, with what it said; a demonstration knows what it wants to show, and says when that
// did not come.
//
// Read first: demo.go; then namespaces.go.
package demo
