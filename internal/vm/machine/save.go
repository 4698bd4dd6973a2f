package machine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"terem/kvm"
	"terem/memory"
	"terem/vcpu"
)

// Save stops the machine for as long as it takes to read its state and to have take copy its RAM, which nothing changes
// meanwhile. Then it goes on, unless it was paused before.
//
// take has a context that ends when the machine is closed, which waits for it.
func (m *Machine) Save(take func(context.Context, *memory.Guest) error) (s *State, err error) {
	m.state.Lock()
	defer m.state.Unlock()
	if m.shares > 0 {
		return nil, errShares
	}
	select {
	case <-m.done:
		return nil, ErrEnded
	default:
	}
	defer func() {
		if !m.running {
			return
		}
		if bad := m.goOn(); err == nil {
			err = bad
		}
	}()
	if err := m.each((*vcpu.Runner).Pause); err != nil {
		return nil, err
	}
	m.virtio.pause()
	defer m.virtio.resume()
	defer m.debugger.without()() // a clone has no debugger
	if s, err = m.read(); err != nil {
		return nil, err
	}
	return s, take(m.ctx, m.ram)
}

// ErrEnded is Save's error of a machine that has ended.
var ErrEnded = errors.New("the machine has ended")

// errShares is the error of a guest that has files of the host's open: which they are is nowhere but in the process that serves them.
var errShares = errors.New("the guest has a shared directory, and what it has open there is not in a snapshot")

// read reads the state. Nothing runs.
func (m *Machine) read() (*State, error) {
	s := &State{Interprets: m.interprets, Undone: m.soft, Listens: m.listening(), Taken: time.Now()}
	l, err := m.layout()
	if err != nil {
		return nil, err
	}
	for _, r := range m.cpus {
		c := CPUState{CPUID: r.CPUID()}
		err := r.Do(func(v *kvm.VCPU) (err error) {
			if s.TSCKHz, err = v.TSCKHz(); err != nil {
				return err
			}
			if c.State, err = vcpu.Save(v, l); err != nil {
				return err
			}
			return v.ClockCtrl()
		})
		if err != nil {
			return nil, err
		}
		if c.nests() {
			return nil, errNests
		}
		s.CPUs = append(s.CPUs, c)
	}
	if err := m.readChips(s); err != nil {
		return nil, err
	}
	s.Devices, err = saveParts(m.parts())
	return s, err
}

// errNests is the error of a guest that has guests, of which KVM keeps a state that is not saved here.
var errNests = errors.New("the guest has switched on VT-x or AMD-V for guests of its own, and those are not in a snapshot")

func (c *CPUState) nests() bool {
	const vmxe, svme = 1 << 13, 1 << 12 // of CR4, and of EFER
	return c.Sregs.CR4&vmxe != 0 || c.Sregs.EFER&svme != 0
}

// layout says what there is to save of a vCPU on this host.
func (m *Machine) layout() (l vcpu.Layout, err error) {
	if l.MSRs, err = m.sys.SavedMSRs(); err != nil {
		return l, err
	}
	l.XSave, err = m.vm.XSaveSize()
	return l, err
}

// readChips reads what else KVM holds.
func (m *Machine) readChips(s *State) error {
	for id, to := range []*[]byte{kvm.ChipPICMaster: &s.PIC[0], kvm.ChipPICSlave: &s.PIC[1], kvm.ChipIOAPIC: &s.IOAPIC} {
		c, err := m.vm.IRQChip(uint32(id))
		if err != nil {
			return fmt.Errorf("save interrupt chip %d: %w", id, err)
		}
		*to = c.Chip[:]
	}
	if m.board.timer.Load() {
		p, err := m.vm.PIT()
		if err != nil {
			return fmt.Errorf("save interval timer: %w", err)
		}
		s.PIT = &p
	}
	c, err := m.vm.Clock()
	s.Clock = c.Clock
	return err
}

// parts are the devices: those on the board, and then those on the virtio bus.
func (m *Machine) parts() []part {
	parts := m.board.parts
	for _, s := range m.virtio.slots {
		parts = append(parts, s.parts...)
	}
	return parts
}
