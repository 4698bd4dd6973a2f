package vcpu

import (
	"time"

	"terem/kvm"
)

// Tracer is told of each exit once it is answered, on the vCPU's thread. It must not keep what it is given, nor take long: no
// allocation, no lock that others hold for long.
type Tracer interface {
	Exit(*Exit)
	// Interrupted is for a vCPU that left the guest without an exit: only At and RIP are valid.
	Interrupted(*Exit)
}

// Exit is one exit.
type Exit struct {
	At     time.Duration // since the trace began
	Took   time.Duration // until the guest was entered again
	RIP    uint64        // of the instruction, or after it: KVM completes some accesses only later
	Reason kvm.ExitReason
	Write  bool
	Addr   uint64  // port, guest-physical address, or number of an MSR
	Size   uint8   // bytes of an access
	Count  uint32  // accesses of a string instruction; else 1
	Kept   uint8   // bytes in Data
	Data   [8]byte // the first bytes that were written, or that the guest has read
}

// NewTrace makes a ledger that tells a tracer of each exit. Times count from base. Count says whether it counts exits, too.
func NewTrace(t Tracer, base time.Time, count bool) *Ledger {
	l := &Ledger{}
	if count {
		l = NewLedger()
	}
	l.tracer, l.base = t, base
	return l
}

// report completes the exit that has been answered, while the shared page still has it, and hands it on.
func (l *Ledger) report(spent time.Duration) {
	e := &l.seen
	e.Took, e.Reason = spent, l.last
	e.Write, e.Addr, e.Size, e.Count, e.Kept = false, 0, 0, 0, 0
	switch l.last {
	case kvm.ExitIO:
		x := l.cpu.IO()
		e.Write, e.Addr, e.Size, e.Count = x.Out, uint64(x.Port), uint8(x.Size), uint32(x.Count)
		e.Kept = uint8(copy(e.Data[:], x.Data))
	case kvm.ExitMMIO:
		x := l.cpu.MMIO()
		e.Write, e.Addr, e.Size, e.Count = x.Write, x.Addr, uint8(len(x.Data)), 1
		e.Kept = uint8(copy(e.Data[:], x.Data))
	case kvm.ExitWRMSR:
		x := l.cpu.MSR()
		e.Write, e.Addr, e.Size, e.Count = true, uint64(x.Index()), 8, 1
		e.keep(x.Data())
	case kvm.ExitRDMSR:
		e.Addr, e.Size, e.Count = uint64(l.cpu.MSR().Index()), 8, 1
	}
	l.tracer.Exit(e)
}

func (e *Exit) keep(v uint64) {
	for i := range e.Data {
		e.Data[i] = byte(v >> (8 * i))
	}
	e.Kept = uint8(len(e.Data))
}
