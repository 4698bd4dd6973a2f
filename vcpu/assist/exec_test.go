package assist

import (
	"encoding/hex"
	"errors"
	"reflect"
	"strings"
	"testing"

	"terem/kvm"
	"terem/memory"
)

// TestFinish executes one instruction each. The state expected afterwards is the one before, with
// the changes that want makes; RIP is advanced unless an exception is raised.
func TestFinish(t *testing.T) {
	const ones = 0xffff_ffff_ffff_ffff
	for _, c := range []struct {
		name string // of the count; the assembly behind it
		code string
		in   func(f *fakeCPU)
		want func(f *fakeCPU)
	}{
		{"INT3", "cc", nil, func(f *fakeCPU) { f.events.E.Inject, f.events.E.Nr = 1, vectorBP }},
		{"FWAIT", "9b", nil, nil},
		{"FWAIT", "9b", func(f *fakeCPU) { f.sregs.CR0 |= cr0TS }, nil}, // MP clear: no #NM
		{"CLAC", "0f01ca", func(f *fakeCPU) { f.regs.RFLAGS |= flagAC }, func(f *fakeCPU) { f.regs.RFLAGS = 2 }},
		{"STAC", "0f01cb", nil, func(f *fakeCPU) { f.regs.RFLAGS = 2 | flagAC }},
		{"SERIALIZE", "0f01e8", nil, nil},
		{"PREFETCH prefetchw [rax]", "0f0d08", nil, nil},
		{"ENDBR64", "f30f1efa", nil, nil},
		{"NOP nop dword [rax+rax+0]", "0f1f8400 00000000", nil, nil},
		{"LFENCE", "0faee8", nil, nil},
		{"MFENCE", "0faef0", nil, nil},
		{"SFENCE", "0faef8", nil, nil},
		{"CLFLUSH [rip+0x2000]", "0fae3d 00200000", nil, nil},
		{"CLFLUSHOPT [rdi]", "660fae3f", nil, nil},
		{"CLWB [rdi]", "660fae37", nil, nil},
		{"XGETBV", "0f01d0", func(f *fakeCPU) { f.regs.RDX = ones }, func(f *fakeCPU) { f.regs.RAX, f.regs.RDX = 7, 0 }},
		{"XGETBV in use", "0f01d0", func(f *fakeCPU) { f.regs.RCX = 1; f.xsave.Region[xstateBV] = 5 },
			func(f *fakeCPU) { f.regs.RAX = 5 }},
		{"RDTSCP", "0f01f9", func(f *fakeCPU) {
			f.msrs = map[uint32]uint64{kvm.MSRTSC: 0x1_0000_0002, kvm.MSRTSCAux: 7}
		}, func(f *fakeCPU) { f.regs.RAX, f.regs.RDX, f.regs.RCX = 2, 1, 7 }},
		{"RDPID r9", "f3410fc7f9", func(f *fakeCPU) { f.msrs = map[uint32]uint64{kvm.MSRTSCAux: 7} },
			func(f *fakeCPU) { f.regs.R9 = 7 }},
		{"POPCNT eax, ecx", "f30fb8c1", func(f *fakeCPU) { f.regs.RAX, f.regs.RCX = ones, 0xf_0000_00ff; f.regs.RFLAGS |= flagCF },
			func(f *fakeCPU) { f.regs.RAX, f.regs.RFLAGS = 8, 2 }},
		{"POPCNT rax, rcx", "f3480fb8c1", func(f *fakeCPU) { f.regs.RCX = ones }, func(f *fakeCPU) { f.regs.RAX = 64 }},
		{"POPCNT ax, cx", "66f30fb8c1", func(f *fakeCPU) { f.regs.RAX = ones },
			func(f *fakeCPU) { f.regs.RAX = ones &^ 0xffff; f.regs.RFLAGS |= flagZF }},
		{"POPCNT r8, gs:[r12+r13*8+0x10]", "65f34f0fb844ec10", func(f *fakeCPU) {
			f.regs.R12, f.regs.R13 = fakeData-0x200-0x10-0x80, 0x10
		}, func(f *fakeCPU) { f.regs.R8 = 11 }},
		{"POPCNT eax, [0x12000]", "f30fb80425 00200100", nil, func(f *fakeCPU) { f.regs.RAX = 4 }},
		{"POPCNT eax, [eax]", "67f30fb800", func(f *fakeCPU) { f.regs.RAX = 0x5_0000_0000 | fakeData },
			func(f *fakeCPU) { f.regs.RAX = 4 }},
		{"RDFSBASE rax", "f3480faec0", nil, func(f *fakeCPU) { f.regs.RAX = 0x100 }},
		{"RDGSBASE r10", "f3490faeca", nil, func(f *fakeCPU) { f.regs.R10 = 0x200 }},
		{"WRFSBASE rcx", "f3480faed1", func(f *fakeCPU) { f.regs.RCX = 0x7fff_ffff_f000 },
			func(f *fakeCPU) { f.msrs = map[uint32]uint64{kvm.MSRFSBase: 0x7fff_ffff_f000} }},
		{"WRGSBASE ecx", "f30faed9", func(f *fakeCPU) { f.regs.RCX = ones },
			func(f *fakeCPU) { f.msrs = map[uint32]uint64{kvm.MSRGSBase: 0xffff_ffff} }},
		{"LDMXCSR [rdi+4]", "0fae5704", nil, func(f *fakeCPU) {
			f.xsave.Region[mxcsrOffset] = 0xa0
			f.xsave.Region[xstateBV] = componentSSE
		}},
		{"FNCLEX", "dbe2", func(f *fakeCPU) { f.xsave.Region[fswOffset], f.xsave.Region[fswOffset+1] = 0xff, 0xb9 },
			func(f *fakeCPU) {
				f.xsave.Region[fswOffset], f.xsave.Region[fswOffset+1] = 0, 0x39
				f.xsave.Region[xstateBV] = 3
			}},
		{"EMMS", "0f77", func(f *fakeCPU) { f.xsave.Region[ftwOffset] = 0x81 }, func(f *fakeCPU) {
			f.xsave.Region[ftwOffset] = 0
			f.xsave.Region[xstateBV] = 3
		}},
		{"INVPCID rax, [rdi]", "660f388207", nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			code := unhex(t, c.code)
			u, f, m := newFake(t, code...)
			check(t, m.Store32(fakeData, 0x0f))
			check(t, m.Store32(fakeData+4, 0x1fa0))
			f.regs.RDI = fakeData
			apply(c.in, f)
			want := *f
			apply(c.want, &want)
			want.regs.RIP += uint64(len(code))
			check(t, u.finish(f, kvm.InternalEmulation, nil))
			if !reflect.DeepEqual(*f, want) {
				t.Errorf("\n%v, want\n%v", f, &want)
			}
			if n := u.Counts(); len(n) != 1 || n[0].Name != strings.Fields(c.name)[0] || n[0].N != 1 {
				t.Errorf("counted %+v", n)
			}
		})
	}
}

// TestFaults executes instructions that hardware refuses: the exception waits, RIP stays.
func TestFaults(t *testing.T) {
	user := func(f *fakeCPU) { f.sregs.CS, f.sregs.SS = codeSegment(0x33, 3), dataSegment(0x2b, 3) }
	at := func(rax uint64) func(*fakeCPU) { return func(f *fakeCPU) { f.regs.RAX = rax } }
	for _, c := range []struct {
		name, code, want string
		in               func(f *fakeCPU)
		cr2              uint64
	}{
		{"popcnt, absent page", "f30fb800", "14(0x0)", at(pageAbsent), pageAbsent},
		{"popcnt into an absent page", "f3480fb800", "14(0x0)", at(pageAbsent - 4), pageAbsent},
		{"popcnt, not canonical", "f30fb800", "13(0x0)", at(1 << 47), 0},
		{"popcnt, nothing at that level", "f30fb800", "14(0x0)", at(1 << 40), 1 << 40},
		{"popcnt gs:[eax]: the base is not cut to 32 bits", "6567f30fb800", "14(0x0)", func(f *fakeCPU) {
			f.regs.RAX = 0x5_0000_0000 | fakeData
			f.sregs.GS.Base = 1 << 40
		}, 1<<40 | fakeData},
		{"stmxcsr, read-only page", "0fae18", "14(0x3)", at(pageReadRO), pageReadRO},
		{"popcnt, user page, SMAP", "f30fb800", "14(0x1)", func(f *fakeCPU) {
			f.regs.RAX = pageUser
			f.sregs.CR4 |= cr4SMAP
		}, pageUser},
		{"cmpxchg16b, odd address", "480fc708", "13(0x0)", at(fakeData + 8), 0},
		{"cmpxchg16b, read-only page", "480fc708", "14(0x3)", at(pageReadRO), pageReadRO},
		{"movdir64b, odd destination", "660f38f80f", "13(0x0)", func(f *fakeCPU) { f.regs.RCX = 8; f.regs.RDI = fakeData }, 0},
		{"ldmxcsr, reserved bit", "0fae10", "13(0x0)", at(fakeCode), 0},
		{"ldmxcsr without OSFXSR", "0fae10", "6", func(f *fakeCPU) { f.sregs.CR4 = 0x20 }, 0},
		{"ldmxcsr with TS", "0fae10", "7", func(f *fakeCPU) { f.sregs.CR0 |= cr0TS }, 0},
		{"stmxcsr with EM", "0fae18", "6", func(f *fakeCPU) { f.sregs.CR0 |= cr0EM }, 0},
		{"emms with EM", "0f77", "6", func(f *fakeCPU) { f.sregs.CR0 |= cr0EM | cr0TS }, 0},
		{"emms with TS", "0f77", "7", func(f *fakeCPU) { f.sregs.CR0 |= cr0TS }, 0},
		{"fxsave with EM", "0fae00", "6", func(f *fakeCPU) { f.sregs.CR0 |= cr0EM }, 0},
		{"fxrstor with EM", "0fae08", "6", func(f *fakeCPU) { f.sregs.CR0 |= cr0EM }, 0},
		{"fxrstor with TS", "0fae08", "7", func(f *fakeCPU) { f.sregs.CR0 |= cr0TS }, 0},
		{"fnclex with EM", "dbe2", "7", func(f *fakeCPU) { f.sregs.CR0 |= cr0EM }, 0},
		{"fild with TS", "db00", "7", func(f *fakeCPU) { f.sregs.CR0 |= cr0TS }, 0},
		{"fwait with MP and TS", "9b", "7", func(f *fakeCPU) { f.sregs.CR0 |= 1<<1 | cr0TS }, 0},
		{"rdpkru", "0f01ee", "6", nil, 0},
		{"xgetbv 2", "0f01d0", "13(0x0)", func(f *fakeCPU) { f.regs.RCX = 2 }, 0},
		{"xgetbv without OSXSAVE", "0f01d0", "6", func(f *fakeCPU) { f.sregs.CR4 &^= cr4XSave }, 0},
		{"rdfsbase without FSGSBASE", "f3480faec0", "6", func(f *fakeCPU) { f.sregs.CR4 &^= cr4FSGS }, 0},
		{"wrfsbase without FSGSBASE", "f3480faed0", "6", func(f *fakeCPU) { f.sregs.CR4 &^= cr4FSGS }, 0},
		{"wrgsbase, not canonical", "f3480faed8", "13(0x0)", at(1 << 63), 0},
		{"invpcid, type 4", "660f388207", "13(0x0)", at(4), 0},
		{"invpcid, absent page", "660f388207", "14(0x0)", func(f *fakeCPU) { f.regs.RDI = pageAbsent }, pageAbsent},
		{"xsave, odd address", "0fae20", "13(0x0)", at(fakeData + 8), 0},
		{"xsave, read-only page", "0fae20", "14(0x3)", func(f *fakeCPU) { f.regs.RAX, f.regs.RDX = pageReadRO, 0 }, pageReadRO},
		{"xsave, absent page", "0fae20", "14(0x2)", at(pageAbsent), pageAbsent},
		{"xsave with TS", "0fae20", "7", func(f *fakeCPU) { f.sregs.CR0 |= cr0TS }, 0},
		{"xrstor without OSXSAVE", "0fae28", "6", func(f *fakeCPU) { f.sregs.CR4 &^= cr4XSave }, 0},
		{"xrstors of a standard area", "0fc718", "13(0x0)", at(fakeData), 0},
		{"ud2", "0f0b", "6", nil, 0},
		{"ud1", "0fb9c0", "6", nil, 0},
		{"ud0", "0fffc0", "6", nil, 0},
		{"rorx, vvvv", "c4e363f0c120", "6", nil, 0},
		{"shlx, L", "c4e2e5f7c1", "6", nil, 0},
		{"shlx, absent page", "c4e2e1f700", "14(0x0)", at(pageAbsent), pageAbsent},
		{"lar, absent page", "0f0200", "14(0x0)", at(pageAbsent), pageAbsent},
		{"lar, absent table", "0f02c0", "14(0x0)", func(f *fakeCPU) {
			f.regs.RAX = 0x18
			f.sregs.GDT.Base, f.sregs.GDT.Limit = pageAbsent, 0x7f
		}, pageAbsent + 0x18},
		{"sgdt, read-only page", "0f0100", "14(0x3)", at(pageReadRO), pageReadRO},
		{"sldt at CPL 3, UMIP", "0f00c0", "13(0x0)", func(f *fakeCPU) { user(f); f.sregs.CR4 |= 1 << 11 }, 0},
		{"int 0x20 at CPL 3", "cd20", "13(0x102)", user, 0},
		{"clac at CPL 3", "0f01ca", "6", user, 0},
		{"xsaves at CPL 3", "0fc728", "13(0x0)", user, 0},
		{"xrstors at CPL 3", "0fc718", "13(0x0)", user, 0},
		{"popcnt at CPL 3, kernel page", "f30fb800", "14(0x5)", func(f *fakeCPU) { user(f); f.regs.RAX = fakeData }, fakeData},
	} {
		t.Run(c.name, func(t *testing.T) {
			code := unhex(t, c.code)
			u, f, _ := newFake(t, code...)
			apply(c.in, f)
			before := f.regs
			check(t, u.finish(f, kvm.InternalEmulation, code))
			if f.raised() != c.want || f.regs != before || f.sregs.CR2 != c.cr2 {
				t.Errorf("raised %q, CR2 %#x, want %q, %#x; registers %+v", f.raised(), f.sregs.CR2, c.want, c.cr2, f.regs)
			}
		})
	}
}

// TestUnfinished shows what ends in an error, and what the error says.
func TestUnfinished(t *testing.T) {
	for _, c := range []struct {
		name, code string
		in         func(f *fakeCPU)
		suberror   uint32
		want       error
		text       string
	}{
		{"movd", "660f6ec0", nil, 1, errUnknown, "movd"},
		{"cut off", "0f", func(f *fakeCPU) { f.regs.RIP = pageUser - 1 }, 1, errUnknown, "terem does not know"},
		{"cmpxchg8b", "0fc708", func(f *fakeCPU) { f.regs.RAX = fakeData }, 1, errUnknown, "cmpxchg8b"},
		{"no RAM", "f30fb800", func(f *fakeCPU) { f.regs.RAX = pageNoRAM }, 1, errNotRAM, "popcnt"},
		{"32-bit code", "9b", func(f *fakeCPU) { f.sregs.CS.L = 0 }, 1, errMode, "not in 64-bit mode"},
		{"absent code", "9b", func(f *fakeCPU) { f.regs.RIP = pageAbsent }, 1, errFetch, "cannot be read"},
		{"code not executable", "9b", func(f *fakeCPU) { f.regs.RIP = pageNoExec }, 1, errFetch, "0x24000"},
		{"no page tables", "9b", func(f *fakeCPU) { f.sregs.CR3 = 1 << 40 }, 1, errFetch, "CPL 0"},
		{"delivery", "9b", nil, 3, nil, "internal error 3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			u, f, _ := newFake(t, unhex(t, c.code)...)
			apply(c.in, f)
			before := *f
			err := u.finish(f, c.suberror, nil)
			var e *Unfinished
			if !errors.As(err, &e) || !errors.Is(err, c.want) && c.want != nil || !strings.Contains(err.Error(), c.text) {
				t.Fatalf("error %v, want one with %q that is %v", err, c.text, c.want)
			}
			if e.RIP != before.regs.RIP || e.Suberror != c.suberror || !reflect.DeepEqual(*f, before) {
				t.Errorf("error %+v, vCPU %+v", e, f)
			}
		})
	}
}

// TestFetchFallsBack uses the bytes that KVM reported where guest memory cannot give them.
func TestFetchFallsBack(t *testing.T) {
	u, f, _ := newFake(t)
	f.regs.RIP = pageAbsent
	check(t, u.finish(f, kvm.InternalEmulation, []byte{0x9b}))
	if f.regs.RIP != pageAbsent+1 {
		t.Errorf("RIP %#x", f.regs.RIP)
	}
}

func TestKVMErrorsPassThrough(t *testing.T) {
	u, f, _ := newFake(t, 0x9b)
	f.fail = refused()
	var e *kvm.Error
	if err := u.finish(f, kvm.InternalEmulation, nil); !errors.As(err, &e) {
		t.Errorf("error %v", err)
	}
}

func TestRandomNumbers(t *testing.T) {
	for _, code := range []string{"480fc7f0", "480fc7f8"} { // rdrand rax, rdseed rax
		u, f, _ := newFake(t, unhex(t, code)...)
		f.regs.RFLAGS |= flagZF
		check(t, u.finish(f, kvm.InternalEmulation, nil))
		if f.regs.RAX == 0 || f.regs.RFLAGS != 2|flagCF {
			t.Errorf("RAX %#x, RFLAGS %#x", f.regs.RAX, f.regs.RFLAGS)
		}
	}
}

func TestStores(t *testing.T) {
	u, f, m := newFake(t, unhex(t, "0fae18"+"480f38f90f"+"660f38f80f")...) // stmxcsr [rax]; movdiri [rdi], rcx; movdir64b rcx, [rdi]
	f.regs.RAX, f.regs.RDI, f.regs.RCX = pageReadRO-2, fakeData, fakeData+0x40
	f.regs.RAX = linearHuge + fakeData + 0xffe
	for range 3 {
		check(t, u.finish(f, kvm.InternalEmulation, nil))
	}
	if v, _ := m.Load32(fakeData + 0xffe); v != initialMXCSR {
		t.Errorf("stmxcsr across two pages stored %#x", v)
	}
	for _, a := range []memory.Addr{fakeData, fakeData + 0x40} {
		if v, _ := m.Load64(a); v != fakeData+0x40 {
			t.Errorf("stored %#x at %v", v, a)
		}
	}
	const pte = fakePT + fakeData/memory.PageSize*8
	if v, _ := m.Load64(pte); v&(pteA|pteD) != pteA|pteD {
		t.Errorf("page table entry %#x: not marked accessed and dirty", v)
	}
}

func TestCompareExchange(t *testing.T) {
	u, f, m := newFake(t, unhex(t, "480fc70f"+"480fc70f")...) // cmpxchg16b [rdi], twice
	check(t, errors.Join(m.Store64(fakeData, 1), m.Store64(fakeData+8, 2)))
	f.regs.RDI, f.regs.RAX, f.regs.RDX, f.regs.RBX, f.regs.RCX = fakeData, 1, 2, 3, 4
	check(t, u.finish(f, kvm.InternalEmulation, nil))
	lo, _ := m.Load64(fakeData)
	hi, _ := m.Load64(fakeData + 8)
	if lo != 3 || hi != 4 || f.regs.RFLAGS&flagZF == 0 || f.regs.RAX != 1 {
		t.Errorf("equal: memory %d %d, %+v", lo, hi, f.regs)
	}
	check(t, u.finish(f, kvm.InternalEmulation, nil))
	if f.regs.RAX != 3 || f.regs.RDX != 4 || f.regs.RFLAGS&flagZF != 0 {
		t.Errorf("unequal: %+v", f.regs)
	}
}

func apply(change func(*fakeCPU), f *fakeCPU) {
	if change != nil {
		change(f)
	}
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	check(t, err)
	return b
}
