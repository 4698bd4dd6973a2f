// Command selftests runs the kernel's own selftests as processes of the host and in a guest beside it, and compares
// the two. `make test-selftests` calls it through run.sh.
//
//	programs.txt      what is run, as whom, for how long (table.go)
//	build.sh          makes the programs of Debian's kernel source, statically, into the cache
//	differences.txt   where the guest is known to differ, and why (differences.go)
//
// A program on the host is in namespaces of its own, without the rights to set clocks or load modules, and sees
// /sys and /proc/sys read-only (sandbox.go). The guest runs the same binary, which arranges the same there
// (inside.go, runner.go), and writes what happened as lines (stream.go). The host reads the lines, starts a new
// machine where one has ended under a program (guest.go), takes the programs' output apart (outcome.go) and holds
// it against the host's (compare.go). A difference that is not listed fails, and so does a listed one that has gone,
// unless it goes: such a program runs up to twice more, on both sides, and what goes is said to vary (trial.go).
package main
