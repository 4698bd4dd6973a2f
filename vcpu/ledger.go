package vcpu

import (
	"time"

	"terem/kvm"
)

// Ledger counts a vCPU's exits and what they cost. It belongs to the vCPU's
// thread: read it when the Runner is paused, ended or stopped. A nil *Ledger
// counts nothing and costs a comparison.
type Ledger struct {
	Reasons [kvm.NumExitReasons]Tally
	Ports   map[uint16]*Tally // filled as ports are met; nil: they are not told apart
	Pages   map[uint64]*Tally // by guest-physical address >> 12
	Other   Tally             // ports and pages past the bound of the tables

	InGuest     time.Duration // within KVM_RUN: the guest runs or is halted
	Interrupted uint64        // KVM_RUN ended by a signal

	base    time.Time     // from which times count
	mark    time.Duration // when the vCPU last entered or left KVM_RUN
	last    kvm.ExitReason
	access  *Tally // of the exit being handled
	pending bool   // an exit is being handled

	tracer Tracer // nil: nobody wants to know of each exit
	cpu    *kvm.VCPU
	seen   Exit // the exit being handled, for the tracer
}

// Tally is a count of exits and the time until the guest ran again.
type Tally struct {
	Count  uint64
	Writes uint64
	Time   time.Duration
}

// maxPlaces bounds the ports and pages that a ledger tells apart: a guest chooses
// which it touches.
const maxPlaces = 512

// NewLedger makes an empty ledger.
func NewLedger() *Ledger {
	return &Ledger{Ports: make(map[uint16]*Tally), Pages: make(map[uint64]*Tally), base: time.Now()}
}

// enter is called before KVM_RUN.
func (l *Ledger) enter() {
	if l == nil {
		return
	}
	now := time.Since(l.base)
	l.answered(now)
	if l.tracer != nil {
		l.cpu.KeepRIP()
	}
	l.mark = now
}

// answered notes that the exit is, if there is one: the guest runs on.
func (l *Ledger) answered(now time.Duration) {
	if !l.pending {
		return
	}
	spent := now - l.mark
	l.Reasons[l.last].Time += spent
	if l.access != nil {
		l.access.Time += spent
	}
	if l.tracer != nil {
		l.report(spent)
	}
	l.pending, l.access = false, nil
}

// end is called when the vCPU has ended, with its last exit, which nothing comes after.
func (l *Ledger) end() {
	if l != nil {
		l.answered(time.Since(l.base))
	}
}

// exit is called after KVM_RUN; ok says that the guest made an exit.
func (l *Ledger) exit(reason kvm.ExitReason, ok bool) {
	if l == nil {
		return
	}
	now := time.Since(l.base)
	l.InGuest += now - l.mark
	l.mark = now
	if l.tracer != nil {
		l.seen.At, l.seen.RIP = now, l.cpu.RIP()
	}
	if !ok {
		l.Interrupted++
		if l.tracer != nil {
			l.tracer.Interrupted(&l.seen)
		}
		return
	}
	l.last, l.pending = min(reason, kvm.NumExitReasons-1), true
	l.Reasons[l.last].Count++
}

func (l *Ledger) port(port uint16, write bool) {
	if l == nil || l.Ports == nil {
		return
	}
	t := l.Ports[port]
	if t == nil {
		t = &l.Other
		if len(l.Ports) < maxPlaces {
			t = &Tally{}
			l.Ports[port] = t
		}
	}
	l.count(t, write)
}

func (l *Ledger) mmio(addr uint64, write bool) {
	if l == nil || l.Ports == nil {
		return
	}
	const pageShift = 12
	t := l.Pages[addr>>pageShift]
	if t == nil {
		t = &l.Other
		if len(l.Pages) < maxPlaces {
			t = &Tally{}
			l.Pages[addr>>pageShift] = t
		}
	}
	l.count(t, write)
}

func (l *Ledger) count(t *Tally, write bool) {
	t.Count++
	if write {
		t.Writes++
	}
	l.access = t
}
