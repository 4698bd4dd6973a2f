// Package attempt has solutions of the lab's exercises, for tests and lecturers: nothing of it is in a program.
//
//	_solutions/NN-name/solution        the reference solution: the files that a student changes
//	_solutions/NN-name/wrong/X.edit    a wrong one: which check of the grader must refuse it, with which words as the
//	                                   cause, and one edit of the solution
//
// An edit is a few lines of "check:", "cause:" and maybe "kvm: yes" (without KVM the mistake does not show), a line "---", what is in
// the solution, a line "+++", and what is there instead.
package attempt
