package assist

import (
	"testing"

	"terem/kvm"
	"terem/memory"
)

// The table of these tests has the entries of a 64-bit Linux, and the answers are those that an AMD EPYC
// gave there, at CPL 3.
var testGDT = map[int]uint64{
	0x10: 0x00af9b000000ffff, // kernel code
	0x18: 0x00cf93000000ffff, // kernel data
	0x28: 0x00cff3000000ffff, // user data
	0x30: 0x00affb000000ffff, // user code
	0x40: 0x00008b0000002087, // a busy TSS
	0x50: 0x00009f000000ffff, // conforming code of the kernel, readable
	0x58: 0x00008e0000100000, // an interrupt gate, which no GDT may have
	0x78: 0x0040f50000000001, // the number of the CPU: data, read only
}

func withTables(t *testing.T, f *fakeCPU, m *memory.Guest) {
	t.Helper()
	const ldt = fakeGDT + 0x800
	for at, d := range testGDT {
		check(t, m.Store64(memory.Addr(fakeGDT+at), d))
	}
	check(t, m.Store64(ldt+8, 0x00c0f2000000000f)) // entry 1: data, writable, 16 pages
	f.sregs.GDT = kvm.Descriptor{Base: fakeGDT, Limit: 0x7f}
	f.sregs.LDT = kvm.Segment{Base: ldt, Limit: 15, Selector: 0x48, Present: 1}
	f.sregs.TR.Selector = 0x40
}

func TestDescriptors(t *testing.T) {
	const no = 0xdead // the register is left
	for _, c := range []struct {
		selector   uint16
		cpl        uint8
		lar, lsl   uint64
		verr, verw bool
	}{
		{0x00, 0, no, no, false, false},
		{0x03, 3, no, no, false, false},
		{0x28, 3, 0xcff300, 0xffffffff, true, true},
		{0x2b, 3, 0xcff300, 0xffffffff, true, true},
		{0x30, 3, 0xaffb00, 0xffffffff, true, false},
		{0x7b, 3, 0x40f500, 1, true, false},
		{0x10, 3, no, no, false, false},
		{0x18, 0, 0xcf9300, 0xffffffff, true, true},
		{0x1b, 0, no, no, false, false}, // RPL 3 may not see it
		{0x40, 0, 0x8b00, 0x2087, false, false},
		{0x40, 3, no, no, false, false},
		{0x53, 3, 0x9f00, 0xffff, true, false}, // conforming: whatever the levels
		{0x58, 0, no, no, false, false},
		{0x80, 0, no, no, false, false}, // past the limit
		{0x0c, 3, 0xc0f200, 0xffff, true, true},
		{0x14, 3, no, no, false, false},
	} {
		for code, want := range map[string]struct {
			yes bool
			rax uint64
		}{
			"0f02c1": {c.lar != no, c.lar}, // lar eax, ecx
			"0f03c1": {c.lsl != no, c.lsl}, // lsl eax, ecx
			"0f00e1": {c.verr, no},         // verr cx
			"0f00e9": {c.verw, no},         // verw cx
			"0f02c0": {false, no},          // lar eax, eax: 0xdead names nothing
		} {
			u, f, m := newFake(t, unhex(t, code)...)
			withTables(t, f, m)
			if c.cpl == 3 {
				f.sregs.CS, f.sregs.SS = codeSegment(0x33, 3), dataSegment(0x2b, 3)
				check(t, m.Write(pageUser, unhex(t, code)))
				f.regs.RIP = pageUser
			}
			f.regs.RAX, f.regs.RCX, f.regs.RFLAGS = no, uint64(c.selector), 2|flagCF
			check(t, u.finish(f, kvm.InternalEmulation, nil))
			zf := f.regs.RFLAGS == 2|flagCF|flagZF
			if zf != want.yes || f.regs.RAX != want.rax || f.raised() != "" {
				t.Errorf("%s of %#x at CPL %d: %v %#x, want %v %#x; raised %q",
					code, c.selector, c.cpl, zf, f.regs.RAX, want.yes, want.rax, f.raised())
			}
		}
	}
}

func TestNoLocalTable(t *testing.T) {
	u, f, m := newFake(t, unhex(t, "0f02c1")...)
	withTables(t, f, m)
	f.sregs.LDT.Unusable = 1
	f.regs.RCX = 0x0c
	check(t, u.finish(f, kvm.InternalEmulation, nil))
	if f.regs.RFLAGS&flagZF != 0 {
		t.Error("LAR found an entry of no table")
	}
}

func TestTableRegisters(t *testing.T) {
	u, f, m := newFake(t, unhex(t, "0f0107"+"0f014f10"+"0f00c0"+"66 0f00cb"+"0f004f20"+"480f01e1")...)
	withTables(t, f, m)
	f.regs.RDI, f.regs.RAX, f.regs.RBX = fakeData, ^uint64(0), ^uint64(0)
	// sgdt [rdi]; sidt [rdi+16]; sldt eax; str bx; str [rdi+32]; smsw rcx
	for range 6 {
		check(t, u.finish(f, kvm.InternalEmulation, nil))
	}
	gdt, _ := m.Load64(fakeData + 2)
	limit, _ := m.Load16(fakeData)
	idt, _ := m.Load64(fakeData + 18)
	tr, _ := m.Load32(fakeData + 32)
	if gdt != fakeGDT || limit != 0x7f || idt != fakeIDT || tr != 0x40 {
		t.Errorf("stored %#x %#x %#x %#x", gdt, limit, idt, tr)
	}
	r := &f.regs
	if r.RAX != 0x48 || r.RBX != 0xffff_ffff_ffff_0040 || r.RCX != f.sregs.CR0 {
		t.Errorf("RAX %#x, RBX %#x, RCX %#x", r.RAX, r.RBX, r.RCX)
	}
}
