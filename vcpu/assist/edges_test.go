package assist

import (
	"testing"

	"terem/kvm"
)

// TestNewLSTAR: a guest that moves its SYSCALL entry may have given itself other selectors and another mask
// before that. What was learnt of them for the old entry is forgotten.
func TestNewLSTAR(t *testing.T) {
	u, f, m := faulted(t)
	check(t, u.debug(f, 0))
	const lstar = fakeLSTAR + 0x100
	f.msrs[kvm.MSRSTAR], f.msrs[kvm.MSRFMASK] = 0x53_0040_0000_0000, 0x46
	check(t, u.writeMSR(f, kvm.MSRLSTAR, lstar))
	f.regs.RIP, f.regs.RSP, f.regs.R11 = fakeHandler, fakeStack, 0x247
	f.sregs.CR2 = lstar
	check(t, m.Store64(fakeStack+8, lstar))
	check(t, u.debug(f, 0))
	if f.regs.RIP != lstar || f.regs.RFLAGS != 0x203 || f.sregs.CS != codeSegment(0x40, 0) || f.sregs.SS != dataSegment(0x48, 0) {
		t.Errorf("%v, CS %#x, SS %#x", f, f.sregs.CS.Selector, f.sregs.SS.Selector)
	}
}

// TestGateAtTheLimit: an IDT may end behind the gate that is asked for. Its limit is its last byte.
func TestGateAtTheLimit(t *testing.T) {
	u, f, _ := newFake(t)
	const last = vectorPF*16 + 15
	for limit, want := range map[uint16]bool{last: true, last - 1: false} {
		f.sregs.IDT.Limit = limit
		if g, ok := u.gate(&f.sregs, vectorPF); ok != want || ok && g.offset != fakeHandler {
			t.Errorf("limit %#x: %v, gate %+v", limit, ok, g)
		}
	}
}

// flusher is a vCPU that notes what is written into CR4.
type flusher struct {
	*fakeCPU
	cr4 []uint64
}

func (f *flusher) SetSregs(s kvm.Sregs) error {
	f.cr4 = append(f.cr4, s.CR4)
	return f.fakeCPU.SetSregs(s)
}

// TestInvpcidFlushes: KVM drops a guest's translations when CR4.PGE changes, whichever way.
func TestInvpcidFlushes(t *testing.T) {
	u, f, _ := newFake(t, unhex(t, "660f388207")...)
	f.regs.RDI = fakeData
	before := f.sregs.CR4
	c := &flusher{fakeCPU: f}
	check(t, u.finish(c, kvm.InternalEmulation, nil))
	if len(c.cr4) != 2 || c.cr4[0] != before^cr4PGE || c.cr4[1] != before {
		t.Errorf("CR4 was %#x, and then %#x", before, c.cr4)
	}
}
