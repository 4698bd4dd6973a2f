package machine

import (
	"fmt"

	"terem/vcpu"
)

// Kind is the way in which a machine ended.
type Kind int

const (
	Exited      Kind = iota // the guest's command ended, with Outcome.Status
	PoweredOff              // the guest switched itself off
	WasReset                // the guest asked for a reset
	Panicked                // the guest's kernel panicked
	TripleFault             // the guest's processor gave up
	Halted                  // every vCPU is halted with interrupts off: nothing can wake the guest
	Killed                  // Kill, from outside
	Broken                  // KVM or the host cannot go on: see Outcome.Err
)

// Outcome is how a machine ended.
type Outcome struct {
	Kind   Kind
	Status uint8 // for Exited
	Err    error // for Broken
}

// String is one line that says why the machine ended.
func (o Outcome) String() string {
	switch o.Kind {
	case Exited:
		return fmt.Sprintf("the guest's command exited with status %d", o.Status)
	case PoweredOff:
		return "the guest powered off"
	case WasReset:
		return "the guest reset itself"
	case Panicked:
		return "the guest's kernel panicked (its last words are above)"
	case TripleFault:
		return "the guest's processor took a triple fault"
	case Halted:
		return "the guest halted for good: every vCPU is in HLT with interrupts off"
	case Killed:
		return "the guest was stopped"
	}
	return fmt.Sprintf("the guest cannot go on: %v", o.Err)
}

// fromVCPU translates how one vCPU ended.
func fromVCPU(e vcpu.End) Outcome {
	switch e.Reason {
	case vcpu.Stopped:
		return Outcome{Kind: Killed}
	case vcpu.TripleFault:
		return Outcome{Kind: TripleFault}
	case vcpu.ShutDown:
		return Outcome{Kind: PoweredOff}
	case vcpu.Reset:
		return Outcome{Kind: WasReset}
	case vcpu.Crashed:
		return Outcome{Kind: Panicked}
	}
	return Outcome{Kind: Broken, Err: e.Err}
}
