// Package experiment has what an attacker does and what a victim sees of it, as shell scripts for busybox. It knows nothing of
// containers or machines: where the two run is package place's.
//
// A victim makes itself ready, says so, and then looks each time that it is asked: before the attack and after it. What it
// answers decides, or that it does not answer any more. An attacker tries to learn a secret that only the victim was told, or
// to change what the victim sees.
//
// Read first: experiment.go; then the rows, in the order of all.go, and judge.go.
package experiment
