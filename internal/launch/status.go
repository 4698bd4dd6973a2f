package launch

import (
	"errors"

	"terem/internal/machine"
)

// Exit statuses of terem, besides the guest command's own:
//
//	  0  the guest powered off, or the user ended it
//	 64  usage: a flag, or a file that was named
//	 69  host: no KVM, no right to use it, not enough of something
//	 80  guest: it reset itself
//	 81  guest: triple fault
//	 82  guest: its kernel panicked
//	 83  guest: halted for good
//	 84  guest: KVM and terem cannot go on with it
//	124  --timeout ran out
//	130  interrupted (SIGINT), 143 terminated (SIGTERM), 129 hung up (SIGHUP)
//	141  nobody reads the output any more
const (
	StatusOK          = 0
	StatusUsage       = 64 // EX_USAGE of sysexits.h
	StatusHost        = 69 // EX_UNAVAILABLE
	StatusReset       = 80
	StatusTripleFault = 81
	StatusPanic       = 82
	StatusHalted      = 83
	StatusBroken      = 84
	StatusTimeout     = 124 // as timeout(1)
	statusSignal      = 128 // plus the signal's number, as a shell has it
	StatusPipe        = statusSignal + 13
)

// Status is the exit status for an error.
func Status(err error) int {
	var e *machine.Error
	if !errors.As(err, &e) {
		return StatusHost
	}
	switch e.Class {
	case machine.Usage:
		return StatusUsage
	case machine.Guest:
		return StatusBroken
	}
	return StatusHost
}

// outcomeStatus is the exit status for the way in which a machine ended.
func outcomeStatus(o machine.Outcome) int {
	switch o.Kind {
	case machine.Exited:
		return int(o.Status)
	case machine.PoweredOff, machine.Killed:
		return StatusOK
	case machine.WasReset:
		return StatusReset
	case machine.Panicked:
		return StatusPanic
	case machine.TripleFault:
		return StatusTripleFault
	case machine.Halted:
		return StatusHalted
	}
	return StatusBroken
}
