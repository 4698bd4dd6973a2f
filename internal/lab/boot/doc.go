// Package boot makes a timeline of what happens between power-on and a program: the phases that terem's ledger has, and what the
// kernel said meanwhile.
package boot
