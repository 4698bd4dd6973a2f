package launch

import (
	"terem/internal/fault"
	"terem/internal/vm/machine"
)

// Exit statuses of terem, besides the guest command's own and those of package fault:
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
	StatusReset       = 80
	StatusTripleFault = 81
	StatusPanic       = 82
	StatusHalted      = 83
	StatusBroken      = fault.StatusGuest
	StatusTimeout     = 124 // as timeout(1)
	statusSignal      = 128 // plus the signal's number, as a shell has it
	StatusPipe        = statusSignal + 13
)

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
