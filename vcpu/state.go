package vcpu

import (
	"fmt"
	"slices"

	"terem/kvm"
)

// State is all that a guest can change in a vCPU, as KVM gives it, between two instructions.
type State struct {
	MP     kvm.MPState
	Regs   kvm.Regs
	Sregs  kvm.Sregs // without an interrupt on its way, which Events has
	XSave  []byte    // of kvm.VM.XSaveSize bytes: x87, vectors, and what else XCR0 and IA32_XSS name
	XCRs   kvm.XCRs
	Debug  kvm.DebugRegs
	LAPIC  []byte
	MSRs   []MSR
	Events kvm.VCPUEvents
}

// MSR is a model-specific register and its value.
type MSR struct {
	Index uint32
	Data  uint64
}

// Layout is what has to be known of a VM to save its vCPUs.
type Layout struct {
	MSRs  []uint32 // kvm.System.SavedMSRs
	XSave int      // kvm.VM.XSaveSize
}

// memoryTypes are the MSRs of the memory type ranges, which KVM keeps and does not list (Intel SDM vol. 4, table 2-2).
var memoryTypes = []uint32{
	0x200, 0x201, 0x202, 0x203, 0x204, 0x205, 0x206, 0x207, 0x208, 0x209, 0x20a, 0x20b, 0x20c, 0x20d, 0x20e, 0x20f,
	0x250, 0x258, 0x259, 0x268, 0x269, 0x26a, 0x26b, 0x26c, 0x26d, 0x26e, 0x26f, 0x2ff,
}

// msrTSCDeadline is IA32_TSC_DEADLINE. A timer that is armed before the LAPIC is in the right mode is none.
const msrTSCDeadline = 0x6e0

// Save reads the state, on the vCPU's thread. KVM may bring it up to date when it is asked for the first, and has
// the events whole when it is asked for them last.
func Save(c *kvm.VCPU, l Layout) (s State, err error) {
	var apic kvm.LAPICState
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"MP state", func() (err error) { s.MP, err = c.MPState(); return err }},
		{"registers", func() (err error) { s.Regs, err = c.Regs(); return err }},
		{"system registers", func() (err error) { s.Sregs, err = c.Sregs(); return err }},
		{"extended registers", func() (err error) { s.XSave, err = c.XSaveArea(l.XSave); return err }},
		{"XCR", func() (err error) { s.XCRs, err = c.XCRs(); return err }},
		{"debug registers", func() (err error) { s.Debug, err = c.DebugRegs(); return err }},
		{"LAPIC", func() (err error) { apic, err = c.LAPIC(); return err }},
		{"MSRs", func() (err error) { s.MSRs, err = saveMSRs(c, l.MSRs); return err }},
		{"events", func() (err error) { s.Events, err = c.Events(); return err }},
	} {
		if err := step.do(); err != nil {
			return s, fmt.Errorf("save vCPU %d: %s: %w", c.ID(), step.name, err)
		}
	}
	s.LAPIC = apic.Regs[:]
	s.Sregs.InterruptBitmap = [len(s.Sregs.InterruptBitmap)]uint64{}
	return s, nil
}

// saveMSRs reads those of a list that there are: one that KVM refuses to read is one that the guest does not have.
func saveMSRs(c *kvm.VCPU, list []uint32) ([]MSR, error) {
	all := slices.Concat(list, memoryTypes)
	slices.Sort(all)
	var saved []MSR
	for _, index := range slices.Compact(all) {
		if v, err := c.ReadMSR(index); err == nil {
			saved = append(saved, MSR{index, v})
		}
	}
	if len(saved) == 0 {
		return nil, fmt.Errorf("none of %d can be read", len(all))
	}
	return saved, nil
}

// Restore gives a vCPU that has not run the state, on its thread. What KVM does not take is an error: there is no
// half of a vCPU. The vCPU has its CPUID leaves, and they are those with which it was saved.
func (s *State) Restore(c *kvm.VCPU, l Layout) error {
	var apic kvm.LAPICState
	if len(s.LAPIC) != len(apic.Regs) {
		return fmt.Errorf("restore vCPU %d: LAPIC: %d bytes: want %d", c.ID(), len(s.LAPIC), len(apic.Regs))
	}
	copy(apic.Regs[:], s.LAPIC)
	if len(s.XSave) < l.XSave {
		return fmt.Errorf("restore vCPU %d: extended registers: %d bytes: this KVM wants %d", c.ID(), len(s.XSave), l.XSave)
	}
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"MP state", func() error { return c.SetMPState(s.MP) }},
		{"registers", func() error { return c.SetRegs(s.Regs) }},
		{"system registers", func() error { return c.SetSregs(s.Sregs) }},
		{"extended registers", func() error { return c.SetXSaveArea(s.XSave) }},
		{"XCR", func() error { return c.SetXCRs(s.XCRs) }},
		{"debug registers", func() error { return c.SetDebugRegs(s.Debug) }},
		{"LAPIC", func() error { return c.SetLAPIC(apic) }},
		{"MSRs", func() error { return restoreMSRs(c, s.MSRs) }},
		{"events", func() error { return c.SetEvents(s.Events) }},
		{"clock", c.ClockCtrl},
	} {
		if err := step.do(); err != nil {
			return fmt.Errorf("restore vCPU %d: %s: %w", c.ID(), step.name, err)
		}
	}
	return nil
}

// restoreMSRs writes all of them, and the TSC's deadline last, since it counts from the TSC. KVM refuses to write some that only it
// changes; that is no fault if they are as they should be.
func restoreMSRs(c *kvm.VCPU, list []MSR) error {
	now, err := c.ReadMSR(kvm.MSRTSC)
	if err != nil {
		return err
	}
	var regs []kvm.MSR
	deadline, saved := MSR{}, uint64(0)
	for _, m := range list {
		switch m.Index {
		case msrTSCDeadline:
			deadline = m
			continue
		case kvm.MSRTSC:
			saved = m.Data
		}
		regs = append(regs, kvm.MSR{Index: m.Index, Data: m.Data})
	}
	if err := writeMSRs(c, regs); err != nil {
		return err
	}
	if deadline.Data == 0 {
		return nil
	}
	return c.WriteMSR(msrTSCDeadline, rebase(deadline.Data, saved, now, c))
}

// rebase is the deadline in the TSC that the guest has now. A KVM without VT-x and AMD-V takes a new TSC without a word,
// and leaves the host's.
func rebase(deadline, saved, before uint64, c *kvm.VCPU) uint64 {
	now, err := c.ReadMSR(kvm.MSRTSC)
	if err != nil || !moved(saved, before, now) {
		return max(1, deadline-saved+now)
	}
	return deadline
}

// moved says whether the TSC, which was before and is to be saved, has become that.
func moved(saved, before, now uint64) bool {
	away := func(a, b uint64) uint64 { return max(a, b) - min(a, b) }
	return away(now, saved) <= away(now, before)
}

// writeMSRs writes as many at a time as KVM takes.
func writeMSRs(c *kvm.VCPU, regs []kvm.MSR) error {
	err := c.SetMSRs(regs)
	if err == nil {
		return nil
	}
	for _, r := range regs {
		if err := c.SetMSRs([]kvm.MSR{r}); err != nil {
			if have, bad := c.ReadMSR(r.Index); bad != nil || have != r.Data {
				return err
			}
		}
	}
	return nil
}
