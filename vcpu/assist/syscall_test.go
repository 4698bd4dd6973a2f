package assist

import (
	"errors"
	"strings"
	"testing"

	"terem/kvm"
	"terem/memory"
)

const (
	testUserRIP = pageUser + 0x102 // behind the SYSCALL
	testUserRSP = 0x7ffe_0000
)

// faulted is a vCPU at the page-fault handler, after the fetch fault of a SYSCALL in user code.
func faulted(t testing.TB, handler ...byte) (*Unit, *fakeCPU, *memory.Guest) {
	t.Helper()
	u, f, m := newFake(t)
	check(t, m.Write(fakeHandler, handler))
	check(t, m.Write(testUserRIP-2, []byte{0x0f, 0x05}))
	f.msrs = map[uint32]uint64{kvm.MSRLSTAR: fakeLSTAR, kvm.MSRSTAR: 0x23_0010_0000_0000, kvm.MSRFMASK: 0x700}
	check(t, u.arm(f))
	if f.breakpoint != fakeHandler {
		t.Fatalf("breakpoint at %#x", f.breakpoint)
	}
	f.regs.RIP, f.regs.RSP = fakeHandler, fakeStack
	f.regs.RCX, f.regs.R11 = testUserRIP, 0x247
	f.sregs.CR2 = fakeLSTAR
	for i, v := range []uint64{0x14, fakeLSTAR, 0x33, 0x202, testUserRSP, 0x2b} {
		check(t, m.Store64(fakeStack+memory.Addr(8*i), v))
	}
	return u, f, m
}

func counted(u *Unit, name string) uint64 {
	for _, c := range u.Counts() {
		if c.Name == name {
			return c.N
		}
	}
	return 0
}

func TestSyscallEnters(t *testing.T) {
	u, f, _ := faulted(t)
	check(t, u.debug(f, 0))
	r, s := &f.regs, &f.sregs
	if r.RIP != fakeLSTAR || r.RSP != testUserRSP || r.RFLAGS != 0x47 || r.R11 != 0x247 || r.RCX != testUserRIP {
		t.Errorf("registers %v", f)
	}
	if s.CS != codeSegment(0x10, 0) || s.SS != dataSegment(0x18, 0) || !f.dirtySregs {
		t.Errorf("CS %+v, SS %+v", s.CS, s.SS)
	}
	if counted(u, "SYSCALL") != 1 {
		t.Errorf("counted %+v", u.Counts())
	}
}

// TestSyscallFlags gives R11 bits that no user program has in its flags: it could have jumped to
// LSTAR behind a SYSCALL of its choice.
func TestSyscallFlags(t *testing.T) {
	u, f, _ := faulted(t)
	f.regs.R11 = 0x3202 | 1<<17 | 1<<16 // IOPL 3, VM, RF
	check(t, u.debug(f, 0))
	if f.regs.R11 != 0x202 || f.regs.RFLAGS != 2 {
		t.Errorf("R11 %#x, RFLAGS %#x", f.regs.R11, f.regs.RFLAGS)
	}
}

// TestRealFault gives faults that are no SYSCALL's: the handler runs, from its second instruction.
func TestRealFault(t *testing.T) {
	for name, change := range map[string]func(*fakeCPU, *memory.Guest){
		"another address":   func(f *fakeCPU, _ *memory.Guest) { f.sregs.CR2 = 0x1234 },
		"another RIP":       func(_ *fakeCPU, m *memory.Guest) { _ = m.Store64(fakeStack+8, 0x1234) },
		"from the kernel":   func(_ *fakeCPU, m *memory.Guest) { _ = m.Store64(fakeStack+16, 0x10) },
		"a jump to LSTAR":   func(_ *fakeCPU, m *memory.Guest) { _ = m.Store16(testUserRIP-2, 0) },
		"RCX in the kernel": func(f *fakeCPU, m *memory.Guest) { f.regs.RCX = fakeCode + 2; _ = m.Store16(fakeCode, 0x050f) },
		"stack not mapped":  func(f *fakeCPU, _ *memory.Guest) { f.regs.RSP = pageAbsent },
	} {
		t.Run(name, func(t *testing.T) {
			u, f, m := faulted(t, 0xf3, 0x0f, 0x1e, 0xfa)
			change(f, m)
			sregs := f.sregs
			check(t, u.debug(f, 0))
			if f.regs.RIP != fakeHandler+4 || f.sregs != sregs || !f.dirty || f.dirtySregs {
				t.Errorf("%v", f)
			}
			if counted(u, "page fault stepped") != 1 {
				t.Errorf("counted %+v", u.Counts())
			}
		})
	}
}

// TestSyscallFromLostPage: another thread dropped the page of the SYSCALL, or forbade to execute it. The
// program goes back to it and takes the true fault there.
func TestSyscallFromLostPage(t *testing.T) {
	for name, rcx := range map[string]uint64{
		"absent":                  pageAbsent + 0x102,
		"absent from a page on":   pageAbsent + 1, // its first byte is on the page before
		"not executable any more": pageUserNX + 2,
	} {
		t.Run(name, func(t *testing.T) {
			u, f, m := faulted(t, 0xf3, 0x0f, 0x1e, 0xfa)
			check(t, m.Store64(fakePT+(pageAbsent/memory.PageSize-1)*8, pageAbsent-memory.PageSize|pteP|pteUS))
			check(t, m.Write(pageAbsent-1, []byte{0x0f}))
			f.regs.RCX = rcx
			check(t, u.debug(f, 0))
			if f.regs.RIP != rcx-2 || f.regs.RSP != testUserRSP || f.regs.RFLAGS != 0x247 {
				t.Errorf("%v", f)
			}
			if f.sregs.CS != codeSegment(0x33, 3) || f.sregs.SS != dataSegment(0x2b, 3) || !f.dirtySregs {
				t.Errorf("CS %+v, SS %+v", f.sregs.CS, f.sregs.SS)
			}
			if counted(u, "SYSCALL whose page is gone") != 1 {
				t.Errorf("counted %+v", u.Counts())
			}
		})
	}
}

// TestUserAtTheHandler: a program at the address of the page-fault handler, with a frame of its own making
// on its stack, that says it came by SYSCALL with IOPL 3. It takes the page fault that hardware raises.
func TestUserAtTheHandler(t *testing.T) {
	for _, sameBreakpoint := range []bool{true, false} {
		u, f, m := faulted(t, 0x6a, 0xff) // push -1
		if !sameBreakpoint {              // it has moved behind the PUSH
			f.sregs.CR2 = 0x1234
			check(t, u.debug(f, 0))
			f.regs.RIP, f.sregs.CR2 = f.breakpoint, fakeLSTAR
		}
		f.sregs.CS, f.sregs.SS = codeSegment(0x33, 3), dataSegment(0x2b, 3)
		f.regs.RSP = pageUser
		for i, v := range []uint64{0x14, fakeLSTAR, 0x33, 0x3202, testUserRSP, 0x2b} {
			check(t, m.Store64(pageUser+memory.Addr(8*i), v))
		}
		before, cs, at := f.regs, f.sregs.CS, f.breakpoint
		check(t, u.debug(f, 0))
		if f.raised() != "14(0x15)" || f.sregs.CR2 != before.RIP || f.regs != before || f.sregs.CS != cs {
			t.Errorf("raised %q, CR2 %#x, %v", f.raised(), f.sregs.CR2, f)
		}
		if f.breakpoint != at || counted(u, "SYSCALL") != 0 {
			t.Errorf("breakpoint %#x, counted %+v", f.breakpoint, u.Counts())
		}
	}
}

func TestFirstInstructions(t *testing.T) {
	for code, want := range map[string]uint64{
		"f30f1efa": 4, "0f1f00": 3, "0f01ca": 3, "6690": 2, "90": 1, "fc": 1, "fa": 1,
		"": 0, "f30f1e": 0, "50": 0, "0f1f40": 0,
	} {
		r := kvm.Regs{RFLAGS: ^uint64(0)}
		if got := firstInstruction(unhex(t, code), &r); got != want {
			t.Errorf("%q: %d bytes, want %d", code, got, want)
		}
		changed := map[string]uint64{"0f01ca": flagAC, "fc": flagDF, "fa": flagIF}[code]
		if r.RFLAGS != ^changed {
			t.Errorf("%q: cleared flags %#x, want %#x", code, ^r.RFLAGS, changed)
		}
	}
}

// TestStepByBreakpoint has a handler that begins with a PUSH: the breakpoint goes behind it and
// comes back.
func TestStepByBreakpoint(t *testing.T) {
	u, f, _ := faulted(t, 0x6a, 0xff) // push -1
	f.sregs.CR2 = 0x1234
	check(t, u.debug(f, 0))
	if f.breakpoint != fakeHandler+2 || f.regs.RIP != fakeHandler {
		t.Fatalf("breakpoint %#x, RIP %#x", f.breakpoint, f.regs.RIP)
	}
	f.regs.RIP = fakeHandler + 2
	check(t, u.debug(f, 0))
	if f.breakpoint != fakeHandler || f.regs.RIP != fakeHandler+2 || f.raised() != "" {
		t.Errorf("breakpoint %#x, RIP %#x, raised %q", f.breakpoint, f.regs.RIP, f.raised())
	}
}

func TestHandlerThatJumps(t *testing.T) {
	u, f, _ := faulted(t, 0xeb, 0xfe)
	f.sregs.CR2 = 0x1234
	var e *Unfinished
	if err := u.debug(f, 0); !errors.As(err, &e) || e.RIP != fakeHandler {
		t.Errorf("error %v", err)
	}
}

// held makes KVM hold vector 0x41 for delivery; the local APIC says whether that is true.
func held(f *fakeCPU, inService bool) {
	const vector = 0x41
	f.sregs.InterruptBitmap[vector/64] = 1 << (vector % 64)
	f.events.I.Inject, f.events.I.Nr = 1, vector
	if inService {
		f.lapic.Regs[apicISR+vector/32*16] = 1 << (vector % 32)
	}
}

func TestStaleInterrupt(t *testing.T) {
	u, f, _ := faulted(t)
	held(f, false)
	check(t, u.debug(f, 0))
	if f.regs.RIP != fakeLSTAR || f.events.I.Inject != 0 || f.sregs.InterruptBitmap != [4]uint64{} {
		t.Errorf("%v, bitmap %x", f, f.sregs.InterruptBitmap)
	}
	if counted(u, "stale interrupt") != 1 {
		t.Errorf("counted %+v", u.Counts())
	}
}

func TestPendingInterruptRewinds(t *testing.T) {
	u, f, _ := faulted(t)
	held(f, true)
	check(t, u.debug(f, 0))
	if f.regs.RIP != testUserRIP-2 || f.regs.RSP != testUserRSP || f.regs.RFLAGS != 0x247 || f.events.I.Inject != 1 {
		t.Errorf("%v", f)
	}
	if f.sregs.CS != codeSegment(0x33, 3) || f.sregs.SS != dataSegment(0x2b, 3) || !f.dirtySregs {
		t.Errorf("CS %+v, SS %+v", f.sregs.CS, f.sregs.SS)
	}
	if counted(u, "rewound SYSCALL") != 1 || counted(u, "SYSCALL") != 0 {
		t.Errorf("counted %+v", u.Counts())
	}
}

// TestLSTARWrite arms a fresh vCPU, as Linux sets itself up: the gate first, then LSTAR, then FMASK.
func TestLSTARWrite(t *testing.T) {
	u, f, m := newFake(t)
	check(t, u.arm(f))
	if f.breakpoint != 0 {
		t.Fatalf("breakpoint %#x before LSTAR is known", f.breakpoint)
	}
	check(t, u.writeMSR(f, kvm.MSRLSTAR, fakeLSTAR))
	if f.breakpoint != fakeHandler || f.msrs[kvm.MSRLSTAR] != fakeLSTAR {
		t.Errorf("breakpoint %#x, MSRs %#x", f.breakpoint, f.msrs)
	}
	check(t, m.Store16(fakeIDT+vectorPF*16, fakeHandler&0xffff+0x40)) // the guest gives itself another handler
	s := &f.sregs
	check(t, u.refresh(f, s))
	if f.breakpoint != fakeHandler+0x40 {
		t.Errorf("breakpoint %#x after the gate changed", f.breakpoint)
	}
	f.sregs.IDT.Base = pageAbsent
	check(t, u.refresh(f, s))
	if f.breakpoint != fakeHandler+0x40 {
		t.Errorf("breakpoint %#x while the IDT cannot be read", f.breakpoint)
	}
}

// TestGuestDebug gives the guest the debug exceptions that are not ours.
func TestGuestDebug(t *testing.T) {
	u, f, _ := faulted(t)
	f.regs.RIP = pageUser
	const bs = 1 << 14 // DR6.BS: a single step
	check(t, u.debug(f, bs))
	if f.raised() != "1" || f.dr.DR6 != bs || f.regs.RIP != pageUser {
		t.Errorf("raised %q, DR6 %#x", f.raised(), f.dr.DR6)
	}
}

// TestSyscallAllocatesNothing: it is on the path of every system call of the guest.
func TestSyscallAllocatesNothing(t *testing.T) {
	u, f, _ := faulted(t)
	check(t, u.debug(f, 0))
	regs, sregs := f.regs, f.sregs
	regs.RIP, regs.RSP, regs.R11 = fakeHandler, fakeStack, 0x247
	sregs.CR2 = fakeLSTAR
	if n := testing.AllocsPerRun(100, func() {
		f.regs, f.sregs = regs, sregs
		check(t, u.debug(f, 0))
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if counted(u, "SYSCALL") < 100 {
		t.Errorf("counted %+v", u.Counts())
	}
}

func TestKernelParams(t *testing.T) {
	one, many := KernelParams(false), KernelParams(true)
	if one != many+" noreplace-smp" {
		t.Errorf("one vCPU %q, several %q", one, many)
	}
	// XSAVE and AVX must stay: see features.
	for _, word := range []string{"noxsave", ",154", ",156"} {
		if strings.Contains(many, word) {
			t.Errorf("%q has %q", many, word)
		}
	}
}
