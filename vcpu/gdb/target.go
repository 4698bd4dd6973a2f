package gdb

import "terem/kvm"

// Target is a machine as gdb sees it. It is stopped but between Resume and the next Halt; Halt, Wake and Done alone are used while it
// runs. Methods are called from one goroutine at a time.
type Target interface {
	CPUs() int
	// About is a line about a vCPU.
	About(cpu int) string
	Registers(cpu int) (Registers, error)
	// SetRegisters takes what [Registers.Put] can change.
	SetRegisters(cpu int, r *Registers) error
	// Read reads guest-virtual memory by a vCPU's page tables, up to the first byte that is not there. Write writes all or nothing.
	Read(cpu int, addr uint64, p []byte) (int, error)
	Write(cpu int, addr uint64, p []byte) error
	// SetBreakpoints takes the place of all that were there. cpu is the one by whose page tables addresses are looked up.
	SetBreakpoints(cpu int, list []Breakpoint) error
	// Resume lets vCPUs run: what[i] is for vCPU i.
	Resume(what []Action) error
	// Waiting are the breakpoints that the last Resume could not set yet. Each Resume tries again.
	Waiting() []Breakpoint
	// Wake has something in it once a vCPU has come to a breakpoint or has done its step.
	Wake() <-chan struct{}
	// Halt stops all vCPUs and says why the machine stands.
	Halt() (Stop, error)
	// Done is closed when the machine has ended; Status is its exit status then.
	Done() <-chan struct{}
	Status() uint8
	Kill()
}

// Registers are those of a vCPU, as KVM has them.
type Registers struct {
	kvm.Regs
	kvm.Sregs
	FX [fxSize]byte // x87 and SSE, as FXSAVE stores them (Intel SDM vol. 1, table 10-2)
}

const fxSize = 512

// Action is what a vCPU does when the machine runs.
type Action int

const (
	Stay Action = iota
	Go
	Step // one instruction
)

// Kind is the kind of a breakpoint: the number in a Z packet.
type Kind int

const (
	Software Kind = 0 // gdb's "break"
	Hardware Kind = 1 // "hbreak"
	Write    Kind = 2 // "watch"
	Read     Kind = 3 // "rwatch", which no x86 processor has
	Access   Kind = 4 // "awatch"
)

// Breakpoint is a place at which a vCPU is to stop.
type Breakpoint struct {
	Kind Kind
	Addr uint64 // virtual
	Len  int    // bytes that are watched
}

// Why says why the machine stopped.
type Why int

const (
	Interrupted Why = iota // gdb wanted it, or nobody knows
	Stepped
	Hit // a breakpoint
)

// Stop is why and where the machine stopped.
type Stop struct {
	Why Why
	CPU int
	At  Breakpoint // for Hit
}
