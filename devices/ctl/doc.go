// Package ctl is terem's own device: two ports by which what runs in the guest
// tells terem what hardware of a PC has no word for, above all the exit status of
// the program that the guest was started for.
//
// # Registers
//
//	off  R/W  what
//	---  ---  ---------------------------------------------------------------
//	 0   W    exit status: the guest is done, with this status
//	 0   R    Version
//	 1   W    event: 1 power off, 2 kernel panic, 3 listening, 4 init began,
//	          5 executing; others are counted
//	 1   R    0xff
//
// A guest that is not sure to run under terem reads offset 0 first: 0xff means
// that nobody is there.
package ctl
