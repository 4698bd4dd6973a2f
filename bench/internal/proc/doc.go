// Package proc starts a program, watches its output, and takes the time.
//
// All times count from just before fork, on the monotonic clock. A watched program
// gets a pipe for its standard output and for its standard error, never a terminal.
package proc
