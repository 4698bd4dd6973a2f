package machine

import (
	"errors"
	"fmt"

	"terem/internal/fault"
	"terem/kvm"
	"terem/memory"
	"terem/vcpu"
)

// Restore builds a machine as New does, from the RAM and the state of another one. What c says of the kernel is not looked at: it
// runs. The vCPUs are paused, and nothing of the state has happened twice yet. The RAM is the machine's to close, also after an error; the caller owes a
// Close.
func Restore(c Config, s *State, ram *memory.Guest) (*Machine, error) {
	return build(c, func(m *Machine) []func() error {
		m.ram = ram
		return []func() error{
			func() error { return m.fits(s) }, m.makeVM,
			func() error { return m.makeCPUs(s.cpuid) },
			func() error { return m.write(s) },
		}
	})
}

// cpuid gives the leaves of a vCPU.
func (s *State) cpuid(id int) ([]kvm.CPUIDEntry, error) { return s.CPUs[id].CPUID, nil }

// fits compares what needs no host.
func (m *Machine) fits(s *State) error {
	switch {
	case len(s.CPUs) != m.conf.CPUs:
		return fmt.Errorf("the state has %d vCPUs, and the machine %d", len(s.CPUs), m.conf.CPUs)
	case s.Undone && (!s.Interprets || m.conf.NoAssist):
		return errors.New("the guest needs help with SYSCALL, and the machine is to give none")
	case m.ram.Size() != m.conf.Memory:
		return fmt.Errorf("the RAM has %d bytes, and the machine %d", m.ram.Size(), m.conf.Memory)
	}
	return m.conf.validate()
}

// write gives the machine the state: first what interrupts go to, then those who may raise them, and the clock last.
func (m *Machine) write(s *State) error {
	if err := m.sameHost(s); err != nil {
		return err
	}
	m.marks.restored.Store(true)
	m.marks.note(markMade)
	m.soft = s.Undone
	if s.Listens {
		m.heard()
	}
	m.virtio.pause()
	l := vcpu.Layout{}
	var err error
	if l.XSave, err = m.vm.XSaveSize(); err != nil {
		return err
	}
	if err := m.writeChips(s); err != nil {
		return err
	}
	for i, r := range m.cpus {
		if err := r.Do(func(v *kvm.VCPU) error { return m.writeCPU(v, i, s, l) }); err != nil {
			return err
		}
	}
	if err := loadParts(m.parts(), s.Devices); err != nil {
		return err
	}
	if m.soft {
		if err := m.rearm(); err != nil {
			return err
		}
	}
	return m.vm.SetClock(kvm.ClockData{Clock: s.Clock})
}

func (m *Machine) writeCPU(v *kvm.VCPU, i int, s *State, l vcpu.Layout) error {
	khz, err := v.TSCKHz()
	if err != nil {
		return err
	}
	if khz != s.TSCKHz {
		if err := v.SetTSCKHz(s.TSCKHz); err != nil {
			return &fault.Error{Class: fault.Host, Thing: "this host's CPU", Err: err,
				Cause: fmt.Sprintf("its time-stamp counter runs at %d kHz, the guest's at %d", khz, s.TSCKHz)}
		}
	}
	return s.CPUs[i].Restore(v, l)
}

// sameHost refuses a state of which this host's KVM cannot make the same machine.
func (m *Machine) sameHost(s *State) error {
	other := func(cause string) error {
		return &fault.Error{Class: fault.Host, Thing: "this host", Cause: cause, Mend: "restore it where it was taken, or on a host like that"}
	}
	if _, err := m.leaves(); err != nil { // which finds out what kind it is
		return err
	}
	if s.Interprets != m.interprets {
		return other("the snapshot is of a KVM " + kindOf(s.Interprets) + ", and here is one " + kindOf(m.interprets))
	}
	for id, c := range s.CPUs {
		have, err := m.modelled(id)
		if err != nil {
			return err
		}
		if lack := lacking(have, c.CPUID); lack != "" {
			return other("its CPU is another one: " + lack)
		}
	}
	return nil
}

func kindOf(interprets bool) string {
	if interprets {
		return "without VT-x and AMD-V"
	}
	return "with VT-x or AMD-V"
}

// writeChips gives KVM's devices their state.
func (m *Machine) writeChips(s *State) error {
	for id, from := range [][]byte{kvm.ChipPICMaster: s.PIC[0], kvm.ChipPICSlave: s.PIC[1], kvm.ChipIOAPIC: s.IOAPIC} {
		c := kvm.IRQChip{ChipID: uint32(id)}
		if len(from) != len(c.Chip) {
			return fmt.Errorf("restore interrupt chip %d: %d bytes: want %d", id, len(from), len(c.Chip))
		}
		copy(c.Chip[:], from)
		if err := m.vm.SetIRQChip(c); err != nil {
			return fmt.Errorf("restore interrupt chip %d: %w", id, err)
		}
	}
	if s.PIT == nil {
		return nil
	}
	if err := errors.Join(m.vm.CreatePIT(), m.vm.SetPIT(*s.PIT)); err != nil {
		return fmt.Errorf("restore interval timer: %w", err)
	}
	m.board.timer.Store(true)
	return nil
}

// rearm arms the repair of SYSCALL, for which a vCPU that has been restored has all that it takes.
func (m *Machine) rearm() error {
	r := &repair{vm: m.vm}
	for i, c := range m.cpus {
		u := m.helpers[i]
		prepare := r.prepare(u)
		done := false
		if err := c.Do(func(v *kvm.VCPU) (err error) { done, err = prepare(v); return err }); err != nil {
			return err
		}
		if done {
			continue
		}
		if err := c.Prepare(prepare); err != nil {
			return err
		}
	}
	return nil
}
