package vcpu

import (
	"testing"

	"terem/kvm"
)

// TestLedgerIsBounded: a guest chooses which ports and pages it touches, and how many.
func TestLedgerIsBounded(t *testing.T) {
	const pages, ports = 2 * maxPlaces, 3 * maxPlaces
	l := NewLedger()
	for i := range uint64(pages) {
		l.mmio(i<<12, true)
	}
	if len(l.Pages) != maxPlaces || l.Other.Count != pages-maxPlaces || l.Other.Writes != l.Other.Count {
		t.Errorf("%d pages, others %+v", len(l.Pages), l.Other)
	}
	for i := range uint16(ports) {
		l.port(i, false)
	}
	if len(l.Ports) != maxPlaces || l.Other.Count != pages-maxPlaces+ports-maxPlaces {
		t.Errorf("%d ports, others %+v", len(l.Ports), l.Other)
	}
	l.mmio(0xfff, false) // of a page that is known
	if p := l.Pages[0]; p.Count != 2 || p.Writes != 1 {
		t.Errorf("page 0: %+v", p)
	}
}

// TestLedgerUnknownExit: a KVM may be newer than the list of reasons.
func TestLedgerUnknownExit(t *testing.T) {
	l := NewLedger()
	l.exit(kvm.NumExitReasons+1, true)
	l.enter()
	if n := l.Reasons[kvm.NumExitReasons-1].Count; n != 1 {
		t.Errorf("%d exits in the last row, want 1", n)
	}
}

// TestLedgerPlaceOfExit: a port pays for its own exits, and not for one of another kind that comes next.
func TestLedgerPlaceOfExit(t *testing.T) {
	l := NewLedger()
	l.exit(kvm.ExitIO, true)
	l.port(0x80, true)
	l.enter()
	paid := l.Ports[0x80].Time
	for range 1000 { // some of them take time, however coarse the clock
		l.exit(kvm.ExitDebug, true)
		l.enter()
	}
	if l.Ports[0x80].Time != paid || l.Reasons[kvm.ExitDebug].Time == 0 {
		t.Errorf("the port took %v, then %v; the others %v", paid, l.Ports[0x80].Time, l.Reasons[kvm.ExitDebug].Time)
	}
}
