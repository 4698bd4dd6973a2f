// Package report shows what a trace or a profile (package trace) has: as tables, line by line, as one page with a timeline, as JSON, and what is
// different in another one.
package report
