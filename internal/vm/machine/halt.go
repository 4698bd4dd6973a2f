package machine

import (
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"terem/kvm"
	"terem/vcpu"
)

// How often watchHalt looks: soon at first, since a guest that halts does so at its
// end, then rarely.
const (
	firstHaltCheck   = time.Second
	longestHaltCheck = 4 * time.Second
)

// watchHalt ends the machine when nothing can wake it: HLT does not leave the
// kernel, and a guest that has no better way to power off ends in it for good.
func (m *Machine) watchHalt() {
	var w stillness
	defer w.close()
	for wait := firstHaltCheck; ; wait = min(2*wait, longestHaltCheck) {
		select {
		case <-m.done:
			return
		case <-m.ctx.Done():
			return
		case <-time.After(wait):
		}
		if w.news() && m.look(&w) {
			m.over(Outcome{Kind: Halted})
			return
		}
	}
}

// stillness knows without disturbing a guest whether a look at it can be worth while: a look takes
// every vCPU out of the guest, where an idle one should be left alone. KVM counts what a vCPU
// executes. While that goes on, the guest lives; when it has stopped, one look says whether for good,
// and nothing changes that until the count does.
type stillness struct {
	meters []*kvm.Meter
	before uint64 // the count at the last question
	looked uint64 // the count at the last look
}

// news says whether the guest stands still, and did not yet when it was last looked at. Where KVM does
// not count, each question is worth a look.
func (w *stillness) news() bool {
	now, ok := w.count()
	if !ok {
		return true
	}
	stands := now == w.before
	w.before = now
	return stands && now != w.looked
}

// count is the sum over all vCPUs.
func (w *stillness) count() (sum uint64, ok bool) {
	for _, m := range w.meters {
		n, err := m.Sum()
		if err != nil {
			return 0, false
		}
		sum += n
	}
	return sum, len(w.meters) > 0
}

// note is called while the guest is paused.
func (w *stillness) note(m *Machine) {
	if w.meters == nil {
		w.open(m)
	}
	w.looked, _ = w.count()
	w.before = w.looked
}

// open opens the counters, of all vCPUs or of none.
func (w *stillness) open(m *Machine) {
	for _, r := range m.cpus {
		err := r.Do(func(c *kvm.VCPU) error {
			meter, err := c.Meter("exits", "halt_exits", "insn_emulation")
			if err == nil {
				w.meters = append(w.meters, meter)
			}
			return err
		})
		if err != nil { // KVM_CAP_BINARY_STATS_FD came with Linux 5.14
			w.close()
			return
		}
	}
}

func (w *stillness) close() {
	for _, m := range w.meters {
		_ = m.Close() // it was only read
	}
	w.meters = nil
}

// halted says whether nothing can wake the guest.
func (m *Machine) halted() bool {
	var w stillness
	defer w.close()
	return m.look(&w)
}

// look looks at all vCPUs while all of them stand still: one that was looked at could otherwise be
// woken by another, which halts before its turn. A machine that somebody has paused is left alone,
// since a look ends with Resume, and so is one of which a debugger holds a part.
func (m *Machine) look(w *stillness) (halted bool) {
	m.state.Lock()
	defer m.state.Unlock()
	if !m.running || len(m.cpus) == 0 || slices.Contains(m.stays, true) {
		return false
	}
	err := m.each((*vcpu.Runner).Pause)
	if err == nil {
		halted = m.allHalted()
		w.note(m)
	}
	return errors.Join(err, m.goOn()) == nil && halted
}

// allHalted asks every vCPU, and the IOAPIC whether one of its pins makes an NMI, which wakes a vCPU
// that is deaf to all else. All stand still.
func (m *Machine) allHalted() bool {
	for _, r := range m.cpus {
		dead := false
		err := r.Do(func(c *kvm.VCPU) (err error) {
			dead, err = haltedForGood(c)
			return err
		})
		if err != nil || !dead {
			return false
		}
	}
	chip, err := m.vm.IRQChip(kvm.ChipIOAPIC)
	return err == nil && !makesNMI(&chip)
}

// haltedForGood says whether no interrupt of a device can wake a vCPU: it waits to be started, or is
// in HLT with interrupts off, and nothing is on its way to it that this does not keep out.
func haltedForGood(c *kvm.VCPU) (bool, error) {
	const interruptFlag = 1 << 9
	state, err := c.MPState()
	switch {
	case err != nil || state == kvm.MPUninitialized || state == kvm.MPInitReceived:
		return err == nil, err
	case state != kvm.MPHalted:
		return false, nil
	}
	regs, err := c.Regs()
	if err != nil || regs.RFLAGS&interruptFlag != 0 {
		return false, err
	}
	events, err := c.Events()
	if err != nil || events.N.Pending != 0 || events.S.Pening != 0 || events.S.LatchedInit != 0 {
		return false, err
	}
	apic, err := c.LAPIC()
	const lint0 = 0x350 // the PIT reaches it, and no other line does
	return err == nil && !nmi(binary.LittleEndian.Uint32(apic.Regs[lint0:])), err
}

// nmi says whether an entry of a local vector table or of an IOAPIC is not masked and has NMI as its
// delivery mode (Intel SDM vol. 3, figure 11-8).
func nmi(entry uint32) bool {
	const masked, mode, modeNMI = 1 << 16, 7 << 8, 4 << 8
	return entry&(masked|mode) == modeNMI
}

// makesNMI says whether any pin of the IOAPIC makes an NMI.
func makesNMI(chip *kvm.IRQChip) bool {
	const first, size, pins = 24, 8, 24 // struct kvm_ioapic_state: redirtbl
	for i := range pins {
		if nmi(binary.LittleEndian.Uint32(chip.Chip[first+i*size:])) {
			return true
		}
	}
	return false
}
