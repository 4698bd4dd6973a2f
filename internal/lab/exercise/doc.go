// Package exercise has the lab's exercises: what a student gets, and what the grader asks of what he has made of it.
//
//	_files/NN-name/start      the files that a student changes
//	_files/NN-name/given      files that he gets and the grader replaces by its own
//	_files/NN-name/harness    what answers the grader's questions by calling the student's functions
//	_files/kvm                a small package on KVM, which exercises after the first are given
//	_files/harness            what all harnesses share: it takes a question and sends an answer
//	_files/machine            what those share that have package kvm
//
// Solutions are in package attempt, and in no program.
//
// The statement of each is docs/lab/NN-name.md.
//
// A [Check] asks a [Subject], which is the student's program in a container, and decides by the answers. It runs outside of that
// container. The student's code shares a process with the harness, so it can make any answer; what it cannot do is know the right one
// without the work: the inputs are drawn when the question is asked. So a check never asks "are you right?", but "do this", and looks
// at what came of it: registers that the harness read, and memory that the grader gave and reads itself.
//
// What that code works with may be played by the grader, too: a [Server], such as the vCPU of exercise 7 (vcpu.go) or the kernel of
// exercise 10 (kernelmodel.go). Then each call comes here, and what came of it is known here.
//
// Read exercise.go first, then realmode.go, the checks of the first exercise.
package exercise
