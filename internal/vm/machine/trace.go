package machine

import (
	"terem/internal/fault"
	"terem/kvm"
	"terem/vcpu"
)

// newLedger is what counts and traces a vCPU's exits; nil: nobody wants to know.
func (m *Machine) newLedger(id int) (l *vcpu.Ledger) {
	switch {
	case m.conf.Trace != nil:
		l = vcpu.NewTrace(m.conf.Trace(id), m.marks.since, m.conf.CountExits)
	case m.conf.CountExits:
		l = vcpu.NewLedger()
	}
	if m.conf.CountExits {
		m.ledgers = append(m.ledgers, l)
	}
	return l
}

// checkTrace refuses a trace where an exit does not leave RIP: to ask for it each time would take longer than the exit.
func (m *Machine) checkTrace() error {
	if m.conf.Trace == nil {
		return nil
	}
	const generalRegisters = 1 // KVM_SYNC_X86_REGS
	if v, err := m.sys.Check(kvm.CapSyncRegs); err != nil || v&generalRegisters == 0 {
		return &fault.Error{Class: fault.Host, Thing: "KVM_CAP_SYNC_REGS", Err: err, Cause: "this host's KVM lacks it, and terem needs it for a trace", Mend: "use Linux 4.17 or newer"}
	}
	return nil
}

// Poke makes every vCPU that runs leave the guest for a moment; a tracer sees where it was.
func (m *Machine) Poke() error {
	return m.each((*vcpu.Runner).Poke)
}

// PlaceName is the name of the device at a port, or at a guest-physical address; "": there is none.
func (m *Machine) PlaceName(memory bool, addr uint64) string {
	if memory {
		return m.board.mem.Name(addr)
	}
	return m.board.ports.Name(addr)
}
