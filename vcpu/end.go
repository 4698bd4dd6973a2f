package vcpu

import (
	"fmt"

	"terem/kvm"
)

// Reason says how a vCPU ended.
type Reason int

const (
	Stopped     Reason = iota // by Stop
	TripleFault               // KVM_EXIT_SHUTDOWN: a fault within a double fault
	ShutDown                  // KVM_SYSTEM_EVENT_SHUTDOWN
	Reset                     // KVM_SYSTEM_EVENT_RESET
	Crashed                   // KVM_SYSTEM_EVENT_CRASH
	Failed                    // KVM or the host could not go on: see End.Err
)

func (r Reason) String() string {
	return [...]string{"stopped", "triple fault", "shut down", "reset", "crashed", "failed"}[r]
}

// End is how a vCPU ended.
type End struct {
	Reason Reason
	Err    error // for Failed
}

// ExitError is an exit that nobody knows how to answer.
type ExitError struct {
	Reason kvm.ExitReason
	RIP    uint64
	Detail string
}

func (e *ExitError) Error() string {
	s := fmt.Sprintf("KVM stopped the guest at RIP %#x: %s", e.RIP, e.Reason)
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	return s
}
