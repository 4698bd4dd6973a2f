// Package spawn starts a program and notes, as the program's parent sees it, when it
// first writes and when it is gone.
//
// All programs are started from one OS thread, the [Host]'s, which may have a mount
// namespace of its own: what is unmounted there is unmounted for the programs alone, and
// comes back when the thread ends. A run is watched from that thread by one poll(2) over
// its pipes and its pidfd, with no goroutine to be woken in between, so that what is
// measured is the program and not Go's scheduler.
//
// Times are CLOCK_MONOTONIC in nanoseconds, the clock that a program in another namespace
// reads too: a program may report its own.
package spawn
