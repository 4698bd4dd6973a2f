// Package grade lays out an exercise of the lab, and grades what a student has made of it.
//
//	start.go    the directory that a student begins with
//	take.go     a student's files, taken out of his directory: bounded, and nothing but files
//	plain.go    what is no plain Go
//	build.go    the program: his package, and the grader's harness that calls it
//	run.go      that program in a container; why it ended
//	session.go  questions to it and its answers
//	grade.go    the checks one by one; report.go: what came of them
//	class.go    the directories of a class; csv.go: as a table
//
// # Whom it trusts
//
// Nobody in the container. A student's code is in one process with the harness and may do what it likes there, so nothing that comes
// out of it is a verdict: it answers questions whose inputs were drawn when they were asked, and the checks (package exercise), which
// run out here, look at the answers and at the memory that the grader gave away. See docs/adr/0027.
//
// A build runs the compiler on a student's text. That is no code of his that runs, but it may be made to take much: so it has limits
// of time, memory and file size.
package grade
