package assist

import (
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"terem/kvm"
	"terem/memory"
)

// The guests of these tests run in the address space of fake_test.go, on the real /dev/kvm. Where
// KVM knows an instruction, it runs there; where it does not, Internal finishes it. The result must
// be the same.

// start puts a vCPU into 64-bit kernel mode, about to execute code.
func start(t testing.TB, c *kvm.VCPU, m *memory.Guest, code []byte) kvm.Sregs {
	t.Helper()
	mapFake(t, m)
	check(t, m.Write(fakeCode, code))
	s, err := c.Sregs()
	check(t, err)
	const cr0PE, cr4PAE, cr4OSFXSR = 1 << 0, 1 << 5, 1 << 9
	s.CR0, s.CR3, s.CR4 = cr0PE|cr0WP|cr0PG, fakePML4, cr4PAE|cr4OSFXSR|cr4XSave
	s.EFER = eferSCE | eferLME | eferLMA
	s.CS, s.SS = codeSegment(0x10, 0), dataSegment(0x18, 0)
	s.DS, s.ES, s.FS, s.GS = s.SS, s.SS, s.SS, s.SS
	s.IDT.Base, s.IDT.Limit = fakeIDT, 0xfff
	s.GDT.Base, s.GDT.Limit = fakeGDT, 0x3f
	check(t, c.SetSregs(s))
	check(t, c.SetRegs(kvm.Regs{RIP: fakeCode, RFLAGS: 2, RSP: fakeStack, RDI: fakeData, RCX: 0xff}))
	return s
}

const (
	fakeGDT = 0x6000
	fakeTSS = 0x7000
)

// run runs the guest to its OUT or another exit that ends a test, and gives the port's value.
func run(t testing.TB, c *kvm.VCPU, u *Unit) byte {
	t.Helper()
	for range 10_000 {
		reason, err := c.Run()
		switch {
		case errors.Is(err, kvm.ErrInterrupted):
			c.ClearKick()
		case err != nil:
			t.Fatal(err)
		case reason == kvm.ExitInternalError:
			check(t, u.Internal(c))
		case reason == kvm.ExitDebug:
			check(t, u.Debug(c))
		case reason == kvm.ExitWRMSR:
			check(t, u.WriteMSR(c))
		case reason == kvm.ExitIO:
			v := c.IO().Data[0]
			_, _, err := c.FinishIO()
			check(t, err)
			c.ClearKick()
			return v
		default:
			r, _ := c.Regs()
			t.Fatalf("%v at %#x", reason, r.RIP)
		}
	}
	t.Fatal("the guest does not come to its OUT")
	return 0
}

// TestInstructionsOnKVM runs each piece of code, which ends with a value in AL.
func TestInstructionsOnKVM(t *testing.T) {
	c, m := machine(t)
	out := []byte{0xe6, 0x80} // out 0x80, al
	for _, g := range []struct {
		name, code string
		want       byte
	}{
		{"fwait; mov al, 1", "9b b001", 1},
		{"endbr64; mov al, 2", "f30f1efa b002", 2},
		{"lfence; mfence; sfence; mov al, 3", "0faee8 0faef0 0faef8 b003", 3},
		{"popcnt eax, ecx", "f30fb8c1", 8},
		{"popcnt rax, [rdi]", "f3480fb807", 4},
		{"stmxcsr [rdi+8]; mov al, [rdi+9]", "0fae5f08 8a4709", initialMXCSR >> 8},
		{"mov word [rdi+8], 0x1fa0; ldmxcsr [rdi+8]; stmxcsr [rdi+12]; mov al, [rdi+12]",
			"66c74708a01f 0fae5708 0fae5f0c 8a470c", 0xa0},
		{"xor eax, eax; xor edx, edx; mov ebx, 5; xor ecx, ecx; lock cmpxchg16b [rdi+16]; mov al, [rdi+16]",
			"31c0 31d2 bb05000000 31c9 f0480fc74f10 8a4710", 5},
		{"lar eax, ss of the kernel; shr eax, 8", "b818000000 0f02c0 c1e808", 0x93},
		{"lsl eax, ss of the kernel", "b818000000 0f03c0", 0xff},
		{"mov eax, 0x10; verw ax; setz al", "b810000000 0f00e8 0f94c0", 0},
		{"mov eax, 0x18; verr ax; setz al", "b818000000 0f00e0 0f94c0", 1},
		{"sgdt [rdi]; mov al, [rdi]", "0f0107 8a07", 0x3f},
		{"str eax; sldt eax; smsw eax; and al, 1", "0f00c8 0f00c0 0f01e0 2401", 1},
		{"mov ebx, 4; shlx eax, ecx, ebx", "bb04000000 c4e261f7c1", 0xf0},
		{"rorx eax, ecx, 4", "c4e37bf0c104", 0x0f},
		{"mov edx, 0x10; mulx eax, ebx, ecx; mov al, bl", "ba10000000 c4e263f6c1 88d8", 0xf0},
		{"mov ebx, 0x3c; pext eax, ecx, ebx", "bb3c000000 c4e272f5c3", 0x0f},
		{"xor eax, eax; stc; adcx eax, ecx", "31c0 f9 660f38f6c1", 0},
		{"fnclex; emms; fild dword [rdi]; fxsave [rdi+0x40]; mov al, [rdi+0x44]: tags", "dbe2 0f77 db07 0fae4740 8a4744", 0x80},
		{"fxrstor of what fxsave stored; stmxcsr [rdi]; mov al, [rdi+1]", "0fae4740 0fae4f40 0fae1f 8a4701", initialMXCSR >> 8},
		{"int3, whose handler sets al", "cc", 0x33},
		{"xsave [rdi+0x40], x87 and SSE; mov al, [rdi+0x40+1]: FCW", "b803000000 31d2 0fae6740 8a4741", initialFCW >> 8},
	} {
		t.Run(g.name, func(t *testing.T) {
			const adx = 1 << 19
			if _, leaf7, _, _ := cpuid(7, 0); virtualizes() && leaf7&adx == 0 && strings.Contains(g.name, "adcx") {
				t.Skip("this processor has no ADX")
			}
			u := New(m)
			start(t, c, m, append(unhex(t, g.code), out...))
			putGDT(t, m)
			check(t, m.Write(fakeData, []byte{0x0f, 15: 0, 47: 0}))
			check(t, m.Write(fakeHandler, unhex(t, "b033 48cf"))) // mov al, 0x33; iretq
			const gate = fakeIDT + vectorBP*16
			check(t, m.Store64(gate, fakeHandler&0xffff|0x10<<16|0xee<<40|fakeHandler>>16<<48))
			if got := run(t, c, u); got != g.want {
				t.Errorf("AL %#x, want %#x; finished %+v", got, g.want, u.Counts())
			}
		})
	}
}

// putGDT writes 64-bit code and data for kernel (0x10, 0x18) and user (0x33, 0x2b), and the stack of
// the kernel into a task state segment.
func putGDT(t testing.TB, m *memory.Guest) {
	t.Helper()
	var g [0x40]byte
	for at, d := range map[int]uint64{
		0x10: 0x00af9b000000ffff, 0x18: 0x00cf93000000ffff,
		0x28: 0x00cff3000000ffff, 0x30: 0x00affb000000ffff,
	} {
		binary.LittleEndian.PutUint64(g[at:], d)
	}
	check(t, m.Write(fakeGDT, g[:]))
	check(t, m.Store64(fakeTSS+4, fakeStack))
}

// TestSyscallOnKVM goes from user mode into a kernel and back, several times:
//
//	user:   syscall; syscall; inc byte [pageUser+0xff0]; jmp absent   (a real fault ends it)
//	LSTAR:  inc bl; sysretq
//	fault:  endbr64; mov al, bl; out 0x80, al
func TestSyscallOnKVM(t *testing.T) {
	c, m := machine(t)
	undone, err := ProbeSyscall(c, m)
	check(t, err)
	u := New(m)
	s := start(t, c, m, nil)
	putGDT(t, m)
	check(t, m.Write(pageUser, unhex(t, "0f05 0f05 0f05 fe0425 f02f0200 ff2425 00000200")))
	check(t, m.Write(fakeLSTAR, unhex(t, "fec3 480f07")))
	check(t, m.Write(fakeHandler, unhex(t, "f30f1efa 88d8 e680")))
	check(t, c.SetMSRs([]kvm.MSR{
		{Index: kvm.MSRSTAR, Data: 0x23<<48 | 0x10<<32},
		{Index: kvm.MSRLSTAR, Data: fakeLSTAR},
		{Index: kvm.MSRFMASK, Data: flagIF},
	}))
	s.TR = kvm.Segment{Base: fakeTSS, Limit: 0x67, Selector: 0x38, Typ: 11, Present: 1}
	s.CS, s.SS = codeSegment(0x33, 3), dataSegment(0x2b, 3)
	check(t, c.SetSregs(s))
	check(t, c.SetRegs(kvm.Regs{RIP: pageUser, RFLAGS: 0x202, RSP: testUserRSP}))
	if undone {
		check(t, u.Arm(c))
	}
	if got := run(t, c, u); got != 3 {
		t.Errorf("%d system calls, want 3; %+v", got, u.Counts())
	}
	if n := counted(u, "SYSCALL"); undone && n != 3 || !undone && n != 0 {
		t.Errorf("%+v; SYSCALL undone: %v", u.Counts(), undone)
	}
	if v, _ := m.Load8(pageUser + 0xff0); v != 1 {
		t.Errorf("the user program counted %d", v)
	}
	t.Logf("SYSCALL undone: %v; %+v", undone, u.Counts())
}
