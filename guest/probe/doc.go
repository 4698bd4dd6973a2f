// Package probe holds the source of the measured program: a small static C program that is the same file, doing
// the same work, as a process, in a container and in a virtual machine.
//
//	probe start                     its first instructions: "start TSC NS"
//	probe idle                      the same, "idle TSC NS", then it waits for a signal
//	probe compute MS                rounds of an integer loop: "compute OPS NS"
//	probe syscall MS                getppid(2)
//	probe fault MS                  pages touched for the first time
//	probe fork MS                   children made, ended and waited for
//	probe sleep MS                  nanosleep(2) of a millisecond
//	probe read FILE SIZE MS [direct] [random]
//	probe write FILE SIZE MS [direct] [random]
//	probe mark TEXT ...             its arguments as one line
//
// TSC is the processor's time-stamp counter, NS for these two modes is CLOCK_MONOTONIC, in nanoseconds. The others do
// OPS operations, one at least, in about MS milliseconds of that clock, NS nanoseconds in truth. Each mode prints
// one line and ends with status 0. What it does not understand is status 64 and a line on descriptor 2, an
// operation that fails is status 1 and a line there.
//
// Read src/probe.c first; src/loops.c and src/file.c have the work.
package probe
