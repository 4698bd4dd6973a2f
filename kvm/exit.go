package kvm

import "fmt"

// ExitReason says why Run came back (KVM_EXIT_*).
type ExitReason uint32

const (
	ExitUnknown       ExitReason = 0
	ExitException     ExitReason = 1
	ExitIO            ExitReason = 2
	ExitHypercall     ExitReason = 3
	ExitDebug         ExitReason = 4
	ExitHLT           ExitReason = 5
	ExitMMIO          ExitReason = 6
	ExitIRQWindow     ExitReason = 7
	ExitShutdown      ExitReason = 8
	ExitFailEntry     ExitReason = 9
	ExitIntr          ExitReason = 10
	ExitInternalError ExitReason = 17
	ExitSystemEvent   ExitReason = 24
	ExitRDMSR         ExitReason = 29
	ExitWRMSR         ExitReason = 30

	// NumExitReasons is past every reason that a table of counters must hold.
	NumExitReasons = 64
)

func (r ExitReason) String() string {
	switch r {
	case ExitUnknown:
		return "unknown"
	case ExitException:
		return "exception"
	case ExitIO:
		return "io"
	case ExitHypercall:
		return "hypercall"
	case ExitDebug:
		return "debug"
	case ExitHLT:
		return "hlt"
	case ExitMMIO:
		return "mmio"
	case ExitIRQWindow:
		return "irq-window"
	case ExitShutdown:
		return "shutdown"
	case ExitFailEntry:
		return "fail-entry"
	case ExitIntr:
		return "intr"
	case ExitInternalError:
		return "internal-error"
	case ExitSystemEvent:
		return "system-event"
	case ExitRDMSR:
		return "rdmsr"
	case ExitWRMSR:
		return "wrmsr"
	}
	return fmt.Sprintf("exit-%d", uint32(r))
}

// IOExit is a port access: Count accesses of Size bytes each, one after another.
// For an IN, fill Data before the next Run; for an OUT, read it.
type IOExit struct {
	Out   bool
	Port  uint16
	Size  int
	Count int
	Data  []byte // Size*Count bytes of the kvm_run page
}

// IO is the view of an ExitIO.
func (c *VCPU) IO() IOExit {
	x := viewAt[exitIO](&c.run.exit)
	size, count := int(x.size), int(x.count)
	return IOExit{
		Out:   x.direction == 1, // KVM_EXIT_IO_OUT
		Port:  x.port,
		Size:  size,
		Count: count,
		Data:  c.page[x.dataOffset:][:size*count],
	}
}

// MMIOExit is an access to guest-physical memory that no slot maps. For a read,
// fill Data before the next Run; for a write, read it.
type MMIOExit struct {
	Addr  uint64
	Write bool
	Data  []byte // 1 to 8 bytes of the kvm_run page
}

// MMIO is the view of an ExitMMIO.
func (c *VCPU) MMIO() MMIOExit {
	x := viewAt[exitMMIO](&c.run.exit)
	return MMIOExit{Addr: x.addr, Write: x.isWrite != 0, Data: x.data[:min(x.len, 8)]}
}

// MSRExit is a filtered access to a model-specific register.
type MSRExit struct{ x *exitMSR }

// MSR is the view of an ExitRDMSR or ExitWRMSR.
func (c *VCPU) MSR() MSRExit { return MSRExit{viewAt[exitMSR](&c.run.exit)} }

// Index is the register's number.
func (m MSRExit) Index() uint32 { return m.x.index }

// Data is the value that the guest writes.
func (m MSRExit) Data() uint64 { return m.x.data }

// Done ends the access; with ok false the guest takes #GP.
func (m MSRExit) Done(ok bool) {
	m.x.err = 0
	if !ok {
		m.x.err = 1
	}
}

// DebugExit is a breakpoint or a single step.
type DebugExit struct {
	Exception uint32
	PC        uint64
	DR6, DR7  uint64
}

// Debug is the view of an ExitDebug.
func (c *VCPU) Debug() DebugExit {
	x := viewAt[exitDebug](&c.run.exit)
	return DebugExit{Exception: x.exception, PC: x.pc, DR6: x.dr6, DR7: x.dr7}
}

// InternalEmulation is the suberror of an ExitInternalError that says that KVM's emulator does not know
// the instruction.
const InternalEmulation = 1

// InternalError is a state from which KVM cannot go on by itself.
type InternalError struct {
	Suberror uint32
	Insn     []byte // the instruction's bytes for InternalEmulation, where KVM has them
}

// Internal is the view of an ExitInternalError.
func (c *VCPU) Internal() InternalError {
	const insnBytes = 1 << 0 // KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES
	x := viewAt[exitInternal](&c.run.exit)
	e := InternalError{Suberror: x.suberror}
	if x.suberror == InternalEmulation && x.ndata >= 4 && x.flags&insnBytes != 0 {
		e.Insn = x.insn[:min(x.insnSize, 15)]
	}
	return e
}

// FailEntry is the hardware's reason for refusing to enter the guest
// (ExitFailEntry).
func (c *VCPU) FailEntry() uint64 { return viewAt[exitFailEntry](&c.run.exit).reason }

// Kinds of ExitSystemEvent.
const (
	SystemShutdown = 1
	SystemReset    = 2
)

// SystemEvent is the kind of an ExitSystemEvent.
func (c *VCPU) SystemEvent() uint32 { return viewAt[exitSystemEvent](&c.run.exit).typ }
