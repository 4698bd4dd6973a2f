package machine

import (
	"terem/kvm"
	"terem/vcpu"
)

// freeze takes every vCPU out of the guest until thaw, whatever Resume says. A guest with kvm-clock is told, or it would take the time
// for a hang of its own. The debugger's traps are out of RAM then, also if that fails.
func (m *Machine) freeze() error {
	m.state.Lock()
	defer m.state.Unlock()
	for i := range m.stays {
		m.stays[i] = true
	}
	err := m.each((*vcpu.Runner).Pause)
	m.debugger.disarm()
	if err != nil {
		return err
	}
	return m.each(func(r *vcpu.Runner) error { return r.Do((*kvm.VCPU).ClockCtrl) })
}

// thaw lets vCPUs go on once they are ready, but for some; and none while the machine is paused.
func (m *Machine) thaw(ready func() error, stays func(cpu int) bool) error {
	m.state.Lock()
	defer m.state.Unlock()
	if err := ready(); err != nil {
		return err
	}
	for i := range m.stays {
		m.stays[i] = stays(i)
	}
	if !m.running {
		return nil
	}
	return m.goOn()
}
