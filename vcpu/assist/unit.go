package assist

import (
	"time"

	"terem/kvm"
	"terem/memory"
)

// cpu is what carrying out an instruction needs of a *kvm.VCPU. It is wide because an instruction
// may touch any register; tests implement it with a plain struct.
type cpu interface {
	Regs() (kvm.Regs, error)
	SetRegs(kvm.Regs) error
	Sregs() (kvm.Sregs, error)
	SetSregs(kvm.Sregs) error
	Events() (kvm.VCPUEvents, error)
	SetEvents(kvm.VCPUEvents) error
	LAPIC() (kvm.LAPICState, error)
	XSave(*kvm.XSave) error
	SetXSave(*kvm.XSave) error
	XCRs() (kvm.XCRs, error)
	ReadMSR(uint32) (uint64, error)
	WriteMSR(uint32, uint64) error
}

// Count is how often one kind of help was given, and the time it took the VMM.
type Count struct {
	Name        string
	N           uint64
	Nanoseconds int64
}

// Unit helps one vCPU. All methods are for that vCPU's thread.
type Unit struct {
	m      *memory.Guest
	trap   trap
	layout *xlayout // the host's XSAVE layout; nil until an instruction asks for it
	counts []Count
	given  *Unfinished // the first for which the guest got an exception instead

	// Buffers for the XSAVE family: 8 KiB that should not be allocated for each instruction.
	saved kvm.XSave
	area  [maxArea]byte
}

// New makes the unit of one vCPU whose guest has the RAM m.
func New(m *memory.Guest) *Unit { return &Unit{m: m} }

// Counts lists what was finished, in the order of first appearance.
func (u *Unit) Counts() []Count { return append([]Count(nil), u.counts...) }

// count adds one help that began at start. A name is added once; from then on nothing is allocated.
func (u *Unit) count(name string, start time.Time) {
	took := time.Since(start).Nanoseconds()
	for i := range u.counts {
		if u.counts[i].Name == name {
			u.counts[i].N++
			u.counts[i].Nanoseconds += took
			return
		}
	}
	u.counts = append(u.counts, Count{Name: name, N: 1, Nanoseconds: took})
}
