package machine

import (
	"errors"
	"time"

	"terem/kvm"
	"terem/vcpu"
)

// How often watchHalt looks: soon at first, since a guest that halts does so at its
// end, then rarely, since each look takes the vCPUs out of the guest.
const (
	firstHaltCheck   = time.Second
	longestHaltCheck = 4 * time.Second
)

// watchHalt ends the machine when nothing can wake it: HLT does not leave the
// kernel, and a guest that has no better way to power off ends in it for good.
func (m *Machine) watchHalt() {
	for wait := firstHaltCheck; ; wait = min(2*wait, longestHaltCheck) {
		select {
		case <-m.done:
			return
		case <-m.ctx.Done():
			return
		case <-time.After(wait):
		}
		if m.halted() {
			m.over(Outcome{Kind: Halted})
			return
		}
	}
}

// halted looks at one vCPU after another, and stops at the first that lives. The
// state of a halted one cannot change behind it: only another vCPU could wake it. A
// machine that somebody paused is left alone, since a look ends with Resume.
func (m *Machine) halted() bool {
	m.state.Lock()
	defer m.state.Unlock()
	if !m.running {
		return false
	}
	for _, r := range m.cpus {
		if !haltedForGood(r) {
			return false
		}
	}
	return len(m.cpus) > 0
}

func haltedForGood(r *vcpu.Runner) bool {
	const interruptFlag = 1 << 9
	if r.Pause() != nil {
		return false
	}
	dead := false
	err := r.Do(func(c *kvm.VCPU) error {
		state, err := c.MPState()
		if err != nil {
			return err
		}
		regs, err := c.Regs()
		waiting := state == kvm.MPUninitialized || state == kvm.MPInitReceived
		dead = waiting || state == kvm.MPHalted && regs.RFLAGS&interruptFlag == 0
		return err
	})
	if err := r.Resume(); err != nil && !errors.Is(err, vcpu.ErrEnded) {
		return false
	}
	return dead && err == nil
}
