// Package lab runs the matrix of `terem lab isolation`: each experiment in each place, with a victim and an attacker that
// really run, and a verdict from what the victim saw. docs/lab/isolation.md has it for those who use it.
//
// Packages below: experiment knows what is done and seen, place where programs can be put, and neither knows the other;
// mechanism has what is expected and why, result what was found out, show how that looks.
//
// Read first: matrix.go, the order of things; then cell.go, one experiment in one place.
package lab
