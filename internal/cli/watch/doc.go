// Package watch has what looks at a machine while `terem run` runs it: gdb's server (--gdb), a trace of its exits (--trace), and samples
// of where it is (--profile). What becomes of a trace is in package report.
package watch
