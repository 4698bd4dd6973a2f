package assist

import (
	"testing"

	"terem/kvm"
	"terem/memory"
)

// putGate gives the guest a handler for a vector.
func putGate(t testing.TB, m *memory.Guest, vector int, dpl uint64) {
	t.Helper()
	at := memory.Addr(fakeIDT + vector*16)
	check(t, m.Store64(at, fakeHandler&0xffff|0x10<<16|(0x8e|dpl<<5)<<40|fakeHandler>>16<<48))
	check(t, m.Store64(at+8, 0))
}

// TestInstead gives the guest instructions that nobody knows: they end a program, or what a kernel does for
// one, and not the machine.
func TestInstead(t *testing.T) {
	user := func(f *fakeCPU) {
		f.sregs.CS, f.sregs.SS = codeSegment(0x33, 3), dataSegment(0x2b, 3)
		f.regs.RIP = pageUser
	}
	for _, c := range []struct {
		name, code, want string
		in               func(f *fakeCPU)
	}{
		{"kernel: movd xmm0, eax", "660f6ec0", "6", nil},
		{"kernel: vpxor", "c5f5efd0", "6", nil},
		{"kernel: lock popcnt", "f0f30fb8c1", "6", nil},
		{"kernel: 66 shlx", "66c4e2e1f7c1", "6", nil},
		{"kernel: absent code", "9b", "14(0x10)", func(f *fakeCPU) { f.regs.RIP = pageAbsent }},
		{"user: movd xmm0, eax", "660f6ec0", "6", user},
		{"user: absent code", "9b", "14(0x14)", func(f *fakeCPU) { user(f); f.regs.RIP = pageAbsent }},
		{"user: 32-bit code", "0fa2", "6", func(f *fakeCPU) { user(f); f.sregs.CS.L = 0 }},
		{"user: memory that is none", "f30fb800", "13(0x0)", func(f *fakeCPU) {
			user(f)
			f.regs.RAX = pageUserNoRAM
		}},
		{"user: int 0x80, which has a gate", "cd80", "6", user},
		{"user: int 0x21", "cd21", "13(0x10a)", user},
		{"user: int 0x7, whose gate is the kernel's", "cd07", "13(0x3a)", user},
	} {
		t.Run(c.name, func(t *testing.T) {
			u, f, m := newFake(t, unhex(t, c.code)...)
			check(t, m.Write(pageUser, unhex(t, c.code)))
			putGate(t, m, vectorUD, 0)
			putGate(t, m, 7, 0)
			putGate(t, m, 0x80, 3)
			apply(c.in, f)
			before := f.regs
			check(t, u.finish(f, kvm.InternalEmulation, nil))
			if f.raised() != c.want || f.regs != before {
				t.Errorf("raised %q, want %q; %v", f.raised(), c.want, f)
			}
		})
	}
}

// TestInterruptInstructions: a program that asks for a vector comes through a gate that is open to it, or is refused.
func TestInterruptInstructions(t *testing.T) {
	const open, closed = 3, 0
	for _, c := range []struct {
		name, code, want string
		dpl              uint64
		clear            uint64 // bits of the gate's first half
		kernel           bool
	}{
		{name: "int3", code: "cc", dpl: open, want: "3"},
		{name: "int 3", code: "cd03", dpl: open, want: "3"},
		{name: "int 4", code: "cd04", dpl: open, want: "4"},
		{name: "int3, closed", code: "cc", dpl: closed, want: "13(0x1a)"},
		{name: "int 4, closed", code: "cd04", dpl: closed, want: "13(0x22)"},
		{name: "int 0x80, closed", code: "cd80", dpl: closed, want: "13(0x402)"},
		{name: "int 4, not present", code: "cd04", dpl: open, clear: 1 << 47, want: "11(0x22)"},
		{name: "int 0x80, closed and not present", code: "cd80", dpl: closed, clear: 1 << 47, want: "13(0x402)"},
		{name: "int 4, no gate", code: "cd04", dpl: open, clear: 1 << 43, want: "13(0x22)"},
		{name: "int 4 of the kernel", code: "cd04", dpl: closed, kernel: true, want: "4"},
	} {
		t.Run(c.name, func(t *testing.T) {
			u, f, m := newFake(t)
			code := unhex(t, c.code)
			check(t, m.Write(pageUser, code))
			f.regs.RIP = pageUser
			if !c.kernel {
				f.sregs.CS, f.sregs.SS = codeSegment(0x33, 3), dataSegment(0x2b, 3)
			}
			vector := vectorBP
			if len(code) == 2 {
				vector = int(code[1])
			}
			putGate(t, m, vector, c.dpl)
			at := memory.Addr(fakeIDT + vector*16)
			low, err := m.Load64(at)
			check(t, err)
			check(t, m.Store64(at, low&^c.clear))
			want := f.regs
			if len(c.want) == 1 { // a trap
				want.RIP += uint64(len(code))
			}
			check(t, u.finish(f, kvm.InternalEmulation, nil))
			if f.raised() != c.want || f.regs != want {
				t.Errorf("raised %q, want %q; %v", f.raised(), c.want, f)
			}
		})
	}
}

// TestInsteadIsTold: the first such instruction can be named afterwards.
func TestInsteadIsTold(t *testing.T) {
	u, f, m := newFake(t, unhex(t, "660f6ec0")...)
	putGate(t, m, vectorUD, 0)
	if u.Given() != nil {
		t.Fatal("told before it happened")
	}
	check(t, u.finish(f, kvm.InternalEmulation, nil))
	f.regs.RIP += 4
	check(t, u.finish(f, kvm.InternalEmulation, nil))
	if e := u.Given(); e == nil || e.RIP != fakeCode || counted(u, countInstead) != 2 {
		t.Errorf("told of %v; counted %+v", e, u.Counts())
	}
}
