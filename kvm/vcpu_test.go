package kvm_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"terem/kvm"
)

func TestRegisters(t *testing.T) {
	g := newGuest(t)
	r, err := g.cpu.Regs()
	check(t, err)
	if r.RIP != entry || r.RSP != 0x8000 {
		t.Errorf("RIP %#x, RSP %#x", r.RIP, r.RSP)
	}
	r.RAX, r.R15 = 0x1122334455667788, 1<<63
	check(t, g.cpu.SetRegs(r))
	if got, err := g.cpu.Regs(); got != r || err != nil {
		t.Errorf("registers %+v, want %+v; %v", got, r, err)
	}
	s, err := g.cpu.Sregs()
	check(t, err)
	s.CR0 |= 1 << 31 // PG without PE: no processor is in that state
	s.CR0 &^= 1
	var e *kvm.Error
	if err := g.cpu.SetSregs(s); !errors.As(err, &e) || e.Op != "KVM_SET_SREGS" {
		t.Errorf("paging without protection: %v, want a *kvm.Error of KVM_SET_SREGS", err)
	}
}

func TestMSRs(t *testing.T) {
	g := newGuest(t)
	leaves, err := g.sys.SupportedCPUID()
	check(t, err)
	check(t, g.cpu.SetCPUID(leaves))
	const star = 0x0023001000000000
	check(t, g.cpu.WriteMSR(kvm.MSRSTAR, star))
	if v, err := g.cpu.ReadMSR(kvm.MSRSTAR); v != star || err != nil {
		t.Errorf("STAR is %#x, %v; want %#x", v, err, uint64(star))
	}
	const nobody = 0x4fffffff // between the architectural MSRs and those of hypervisors
	_, err = g.cpu.ReadMSR(nobody)
	var e *kvm.Error
	if !errors.As(err, &e) || !strings.Contains(err.Error(), "0x4fffffff") {
		t.Errorf("read of an MSR that does not exist: %v, want its number", err)
	}
	err = g.cpu.SetMSRs([]kvm.MSR{{Index: kvm.MSRSTAR, Data: 1}, {Index: nobody}, {Index: kvm.MSRFMASK, Data: 2}})
	if err == nil || !strings.Contains(err.Error(), "0x4fffffff") {
		t.Errorf("the second of three MSRs does not exist: %v, want its number", err)
	}
	if v, err := g.cpu.ReadMSR(kvm.MSRSTAR); v != 1 || err != nil {
		t.Errorf("the MSR before the refused one is %#x, %v; want 1", v, err)
	}
}

// TestManyMSRs moves more registers than one table of the ioctl holds.
func TestManyMSRs(t *testing.T) {
	g := newGuest(t)
	many := make([]kvm.MSR, 600)
	for i := range many {
		many[i].Index = kvm.MSRSTAR
		many[i].Data = uint64(i)
	}
	check(t, g.cpu.SetMSRs(many))
	check(t, g.cpu.MSRs(many))
	for i, m := range many {
		if m.Data != 599 {
			t.Fatalf("MSR %d reads %d, want what the last of 600 writes left", i, m.Data)
		}
	}
	check(t, g.cpu.MSRs(nil))
}

func TestCPUID(t *testing.T) {
	// mov eax, 0x40001234; cpuid; mov [0x2000], ebx; out 0x80, al
	g := newGuest(t, 0x66, 0xb8, 0x34, 0x12, 0x00, 0x40, 0x0f, 0xa2, 0x66, 0x89, 0x1e, 0x00, 0x20, 0xe6, 0x80)
	leaves, err := g.sys.SupportedCPUID()
	check(t, err)
	check(t, g.cpu.SetCPUID(append(leaves, kvm.CPUIDEntry{Function: 0x40001234, Ebx: 0x6d726574})))
	g.run(t, kvm.ExitIO)
	if got := g.ram[0x2000:0x2004]; string(got) != "term" {
		t.Errorf("the guest's CPUID says %q", got)
	}
}

func TestStats(t *testing.T) {
	g := newGuest(t, 0xe6, 0x80, 0xeb, 0xfc) // 1: out 0x80, al; jmp 1b
	for range 10 {
		g.run(t, kvm.ExitIO)
	}
	s, err := g.cpu.Stats()
	if v, _ := g.sys.Check(kvm.CapBinaryStats); v == 0 {
		t.Skip("this kernel has no KVM_CAP_BINARY_STATS_FD")
	}
	check(t, err)
	if n, ok := s["exits"]; !ok || n < 10 {
		t.Errorf("exits: %d, %v; want 10 or more", n, ok)
	}
}

func TestXSave(t *testing.T) {
	g := newGuest(t)
	x := &kvm.XSave{}
	check(t, g.cpu.XSave(x))
	const xmm0, xstateBV = 160, 512 // SDM vol. 1, table 10-2 and section 13.4.2
	copy(x.Region[xmm0+5*16:], "sixteen bytes...")
	x.Region[xstateBV] |= 3 // x87 and SSE are in use
	check(t, g.cpu.SetXSave(x))
	y := &kvm.XSave{}
	check(t, g.cpu.XSave(y))
	if !bytes.Equal(x.Region[xmm0:416], y.Region[xmm0:416]) {
		t.Error("XSAVE does not give back what was set")
	}
}

func TestOtherState(t *testing.T) {
	g := newGuest(t)
	state, err := g.cpu.MPState()
	if state != kvm.MPRunnable || err != nil {
		t.Errorf("vCPU 0 is %d, %v; want runnable", state, err)
	}
	check(t, g.cpu.SetMPState(kvm.MPHalted))
	if state, err := g.cpu.MPState(); state != kvm.MPHalted || err != nil {
		t.Errorf("after SetMPState: %d, %v", state, err)
	}
	events, err := g.cpu.Events()
	check(t, err)
	check(t, g.cpu.SetEvents(events))
	debug, err := g.cpu.DebugRegs()
	check(t, err)
	debug.DB[0] = 0x1234
	check(t, g.cpu.SetDebugRegs(debug))
	if got, err := g.cpu.DebugRegs(); got.DB[0] != 0x1234 || err != nil {
		t.Errorf("DR0 is %#x, %v", got.DB[0], err)
	}
	apic, err := g.cpu.LAPIC()
	check(t, err)
	check(t, g.cpu.SetLAPIC(apic))
	xcrs, err := g.cpu.XCRs()
	check(t, err)
	check(t, g.cpu.SetXCRs(xcrs))
	if khz, err := g.cpu.TSCKHz(); khz <= 0 || err != nil {
		t.Errorf("TSC of %d kHz, %v", khz, err)
	}
	if g.cpu.ID() != 0 {
		t.Errorf("vCPU %d, want 0", g.cpu.ID())
	}
}

func TestExitOnMSRWrite(t *testing.T) {
	// mov ecx, 0xc0000082; mov eax, 0x1234; xor edx, edx; wrmsr; out 0x80, al
	g := newGuest(t, 0x66, 0xb9, 0x82, 0x00, 0x00, 0xc0, 0x66, 0xb8, 0x34, 0x12, 0, 0, 0x66, 0x31, 0xd2, 0x0f, 0x30, 0xe6, 0x80)
	if v, _ := g.sys.Check(kvm.CapMSRFilter); v == 0 {
		t.Skip("this kernel has no KVM_CAP_X86_MSR_FILTER")
	}
	check(t, g.vm.ExitOnMSRWrite(kvm.MSRLSTAR))
	g.run(t, kvm.ExitWRMSR)
	m := g.cpu.MSR()
	if m.Index() != kvm.MSRLSTAR || m.Data() != 0x1234 {
		t.Errorf("a write of %#x to MSR %#x", m.Data(), m.Index())
	}
	m.Done(true)
	g.run(t, kvm.ExitIO)
	if v, err := g.cpu.ReadMSR(kvm.MSRLSTAR); v != 0 || err != nil {
		t.Errorf("LSTAR is %#x, %v: the guest's write was not withheld", v, err)
	}
}

func TestSharedRegisters(t *testing.T) {
	g := newGuest(t, 0xb0, 0x5a, 0xe6, 0x80, 0xe6, 0x81) // mov al, 0x5a; out 0x80, al; out 0x81, al
	if v, _ := g.sys.Check(kvm.CapSyncRegs); v == 0 {
		t.Skip("this kernel has no KVM_CAP_SYNC_REGS")
	}
	for _, on := range []bool{true, false} { // left in the page by the exit, or fetched
		g.enter(t)
		g.cpu.ShareRegs(on)
		g.run(t, kvm.ExitIO)
		r, s, err := g.cpu.Shared()
		check(t, err)
		if r.RAX&0xff != 0x5a || s.CS.Base != 0 {
			t.Errorf("shared %v: RAX %#x, CS at %#x", on, r.RAX, s.CS.Base)
		}
		r.RAX = 0x77
		g.cpu.MarkShared(false)
		g.run(t, kvm.ExitIO)
		if x := g.cpu.IO(); x.Port != 0x81 || x.Data[0] != 0x77 {
			t.Errorf("shared %v: the guest saw none of the change: %+v", on, x)
		}
		g.finish(t)
		g.cpu.ClearKick()
	}
}

func TestBreakAt(t *testing.T) {
	g := newGuest(t, 0x90, 0x90, 0xe6, 0x80) // nop; nop; out 0x80, al
	check(t, g.cpu.BreakAt(entry+1))
	g.run(t, kvm.ExitDebug)
	if d := g.cpu.Debug(); d.PC != entry+1 || d.Exception != 1 {
		t.Errorf("stopped at %#x by exception %d, want %#x by 1", d.PC, d.Exception, entry+1)
	}
	check(t, g.cpu.BreakAt(0))
	g.run(t, kvm.ExitIO)
}

// TestKickBeforeRun kicks a vCPU that is not in the guest yet: the next Run does
// not enter it.
func TestKickBeforeRun(t *testing.T) {
	g := newGuest(t, 0xe6, 0x80) // out 0x80, al
	check(t, g.cpu.Kick())
	for range 3 {
		if _, err := g.cpu.Run(); !errors.Is(err, kvm.ErrInterrupted) {
			t.Fatalf("Run after Kick: %v, want ErrInterrupted", err)
		}
	}
	g.cpu.ClearKick()
	g.run(t, kvm.ExitIO)
}

// TestKickDuringRun kicks a vCPU out of an endless loop and out of HLT.
func TestKickDuringRun(t *testing.T) {
	for name, code := range map[string][]byte{"sti; jmp": {0xfb, 0xeb, 0xfe}, "cli; hlt": {0xfa, 0xf4}} {
		t.Run(name, func(t *testing.T) {
			g := newGuest(t, code...)
			done := make(chan error, 1)
			go func() {
				time.Sleep(20 * time.Millisecond)
				done <- g.cpu.Kick()
			}()
			for {
				if _, err := g.cpu.Run(); !errors.Is(err, kvm.ErrInterrupted) {
					t.Fatalf("Run: %v, want ErrInterrupted", err)
				}
				select {
				case err := <-done:
					check(t, err)
					return
				default: // Go's own preemption
				}
			}
		})
	}
}

// TestFinishIOInParts: each element that a string instruction reads from a device is
// an access of its own.
func TestFinishIOInParts(t *testing.T) {
	g := newGuest(t,
		0xb8, 0x00, 0xa0, // mov ax, 0xa000
		0x8e, 0xd8, // mov ds, ax
		0xb9, 0x03, 0x00, // mov cx, 3
		0xf3, 0xac, // rep lodsb
	)
	g.run(t, kvm.ExitMMIO)
	for answer := byte(1); ; answer++ {
		g.cpu.MMIO().Data[0] = answer
		reason, more, err := g.cpu.FinishIO()
		check(t, err)
		if more != (answer < 3) || more && reason != kvm.ExitMMIO {
			t.Fatalf("after %d accesses: exit %v, more %v", answer, reason, more)
		}
		if !more {
			break
		}
	}
	r, err := g.cpu.Regs()
	check(t, err)
	if r.RAX&0xff != 3 || r.RCX != 0 {
		t.Errorf("RAX %#x, RCX %d; want the third answer and no element left", r.RAX, r.RCX)
	}
}

func TestFinishIO(t *testing.T) {
	g := newGuest(t, 0xe4, 0x80, 0xe6, 0x81) // in al, 0x80; out 0x81, al
	g.run(t, kvm.ExitIO)
	x := g.cpu.IO()
	if x.Out || x.Port != 0x80 || x.Size != 1 || x.Count != 1 {
		t.Fatalf("exit %+v, want an IN from 0x80", x)
	}
	x.Data[0] = 0x42
	g.finish(t)
	r, err := g.cpu.Regs()
	check(t, err)
	if r.RAX&0xff != 0x42 || r.RIP != entry+2 {
		t.Errorf("RAX %#x, RIP %#x; want 0x42 after the IN", r.RAX, r.RIP)
	}
	g.cpu.ClearKick()
	g.run(t, kvm.ExitIO)
	if x := g.cpu.IO(); !x.Out || x.Data[0] != 0x42 {
		t.Errorf("then %+v, want the OUT of 0x42", x)
	}
}
