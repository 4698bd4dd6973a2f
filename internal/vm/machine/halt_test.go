package machine

import (
	"testing"

	"terem/kvm"
	"terem/memory"
)

// TestIdleIsLeftAlone: after one look, nobody takes an idle guest's vCPU out of the guest again until
// it has run and stands still once more.
func TestIdleIsLeftAlone(t *testing.T) {
	c := tinyConfig([]byte{0xfb, 0xf4, 0xeb, 0xfd}) // sti; 1: hlt; jmp 1b
	c.CPUs = 2
	m := newTiny(t, c)
	start(t, m)
	halts := func() bool {
		idle := false
		if err := m.Pause(); err != nil {
			t.Fatal(err)
		}
		err := m.cpus[0].Do(func(c *kvm.VCPU) error {
			state, err := c.MPState()
			idle = state == kvm.MPHalted
			return err
		})
		if err != nil || m.Resume() != nil {
			t.Fatal(err)
		}
		return idle
	}
	await(t, "the guest is idle", halts)
	var w stillness
	defer w.close()
	if !w.news() {
		t.Error("a machine that was never looked at is not worth a look")
	}
	if m.look(&w) {
		t.Fatal("a guest that waits for an interrupt is called halted")
	}
	if w.meters == nil {
		t.Skip("this KVM has no counters")
	}
	for range 10 {
		if w.news() {
			t.Fatal("an idle guest that was looked at is to be looked at again")
		}
	}
	wake(t, m)
	await(t, "it halts again", func() bool { n, _ := w.count(); return n != w.looked })
	await(t, "it stands still", halts)
	if w.news() {
		t.Error("a guest that has just run is to be looked at")
	}
	if !w.news() {
		t.Error("a guest that has run since, and stands still, is not to be looked at")
	}
	m.look(&w)
	if w.news() {
		t.Error("once more")
	}
}

// wake makes vCPU 0 execute its HLT anew.
func wake(t *testing.T, m *Machine) {
	t.Helper()
	if err := m.Pause(); err != nil {
		t.Fatal(err)
	}
	err := m.cpus[0].Do(func(c *kvm.VCPU) error {
		r, err := c.Regs()
		if err != nil {
			return err
		}
		r.RIP = codeAt + 1
		if err := c.SetRegs(r); err != nil {
			return err
		}
		return c.SetMPState(kvm.MPRunnable)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Resume(); err != nil {
		t.Fatal(err)
	}
}

// TestMakesNMI looks at every pin of the IOAPIC.
func TestMakesNMI(t *testing.T) {
	for pin := range memory.IOAPICPins {
		var chip kvm.IRQChip
		if makesNMI(&chip) {
			t.Fatal("none of its pins makes an NMI")
		}
		le.PutUint64(chip.Chip[24+8*pin:], 4<<8)
		if !makesNMI(&chip) {
			t.Errorf("pin %d makes an NMI", pin)
		}
	}
}

// TestNMIWakes: what interrupts off does not keep out may wake a vCPU yet.
func TestNMIWakes(t *testing.T) {
	m := newTiny(t, tinyConfig(codeHalt))
	start(t, m)
	await(t, "the guest halts", m.halted)
	if err := m.Pause(); err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	do := func(f func(*kvm.VCPU) error) { t.Helper(); must(m.cpus[0].Do(f)) }
	expect := func(what string, want bool) {
		t.Helper()
		if got := m.allHalted(); got != want {
			t.Errorf("%s: halted for good %t, want %t", what, got, want)
		}
	}
	expect("nothing", true)

	const lint0, nmiMode = 0x350, 4 << 8
	do(func(c *kvm.VCPU) error {
		l, err := c.LAPIC()
		must(err)
		old := l
		le.PutUint32(l.Regs[lint0:], nmiMode)
		must(c.SetLAPIC(l))
		defer func() { must(c.SetLAPIC(old)) }()
		dead, err := haltedForGood(c)
		if dead {
			t.Error("the PIT can make an NMI, and yet it is halted for good")
		}
		return err
	})
	chip, err := m.vm.IRQChip(kvm.ChipIOAPIC)
	must(err)
	with := chip
	le.PutUint64(with.Chip[24+8*5:], nmiMode)
	must(m.vm.SetIRQChip(with))
	expect("pin 5 makes an NMI", false)
	le.PutUint64(with.Chip[24+8*5:], nmiMode|1<<16)
	must(m.vm.SetIRQChip(with))
	expect("pin 5 is masked", true)

	do(func(c *kvm.VCPU) error {
		e, err := c.Events()
		must(err)
		const validNMIPending = 1 << 0
		e.N.Pending, e.Flags = 1, validNMIPending
		return c.SetEvents(e)
	})
	expect("an NMI is on its way", false)
}
