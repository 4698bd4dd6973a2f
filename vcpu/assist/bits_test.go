package assist

import (
	"math/rand/v2"
	"testing"

	"terem/kvm"
)

// TestBitsLikeTheCPU executes each instruction many times on the host's CPU and by this package. Those that
// the CPU does not have are left out.
func TestBitsLikeTheCPU(t *testing.T) {
	const (
		all   = flagCF | flagZF | flagSF | flagOF // what the manual defines for most
		noSF  = flagCF | flagZF | flagOF
		count = flagCF | flagZF
	)
	n := newNative(t)
	_, leaf7, _, _ := cpuid(7, 0)
	_, _, leaf1, _ := cpuid(1, 0)
	_, _, amd, _ := cpuid(0x80000001, 0)
	bmi1, bmi2, adx := leaf7>>3&1 != 0, leaf7>>8&1 != 0, leaf7>>19&1 != 0
	for _, c := range []struct {
		name, code string
		flags      uint64
		has        bool
	}{
		{"ANDN rax, rbx, rcx", "c4e2e0f2c1", all, bmi1},
		{"ANDN eax, ebx, [rdi]", "c4e260f207", all, bmi1},
		{"BEXTR rax, rcx, rbx", "c4e2e0f7c1", noSF, bmi1},
		{"BEXTR eax, ecx, ebx", "c4e260f7c1", noSF, bmi1},
		{"BLSR rbx, rcx", "c4e2e0f3c9", all, bmi1},
		{"BLSR ebx, ecx", "c4e260f3c9", all, bmi1},
		{"BLSMSK rbx, rcx", "c4e2e0f3d1", all, bmi1},
		{"BLSMSK ebx, ecx", "c4e260f3d1", all, bmi1},
		{"BLSI rbx, rcx", "c4e2e0f3d9", all, bmi1},
		{"BLSI ebx, [rdi]", "c4e260f31f", all, bmi1},
		{"BZHI rax, rcx, rbx", "c4e2e0f5c1", all, bmi2},
		{"BZHI eax, ecx, ebx", "c4e260f5c1", all, bmi2},
		{"PDEP rax, rbx, rcx", "c4e2e3f5c1", 0, bmi2},
		{"PDEP eax, ebx, ecx", "c4e263f5c1", 0, bmi2},
		{"PEXT rax, rbx, rcx", "c4e2e2f5c1", 0, bmi2},
		{"PEXT eax, ebx, [rdi]", "c4e262f507", 0, bmi2},
		{"MULX rax, rbx, rcx", "c4e2e3f6c1", all, bmi2},
		{"MULX eax, ebx, ecx", "c4e263f6c1", all, bmi2},
		{"MULX rbx, rbx, rcx", "c4e2e3f6d9", all, bmi2},
		{"SHLX rax, rcx, rbx", "c4e2e1f7c1", all, bmi2},
		{"SHLX eax, ecx, ebx", "c4e261f7c1", all, bmi2},
		{"SHRX rax, [rdi], rbx", "c4e2e3f707", all, bmi2},
		{"SHRX eax, ecx, ebx", "c4e263f7c1", all, bmi2},
		{"SARX rax, rcx, rbx", "c4e2e2f7c1", all, bmi2},
		{"SARX eax, ecx, ebx", "c4e262f7c1", all, bmi2},
		{"RORX rax, rcx, 13", "c4e3fbf0c10d", all, bmi2},
		{"RORX eax, ecx, 32", "c4e37bf0c120", all, bmi2},
		{"RORX eax, [rdi], 5", "c4e37bf00705", all, bmi2},
		{"ADCX rax, rcx", "66480f38f6c1", all, adx},
		{"ADCX eax, ecx", "660f38f6c1", all, adx},
		{"ADOX rax, rcx", "f3480f38f6c1", all, adx},
		{"ADOX eax, [rdi]", "f30f38f607", all, adx},
		{"TZCNT rax, rcx", "f3480fbcc1", count, bmi1},
		{"TZCNT ax, cx", "66f30fbcc1", count, bmi1},
		{"LZCNT rax, rcx", "f3480fbdc1", count, amd>>5&1 != 0},
		{"LZCNT eax, ecx", "f30fbdc1", count, amd>>5&1 != 0},
		{"LZCNT ax, cx", "66f30fbdc1", count, amd>>5&1 != 0},
		{"POPCNT rax, rcx", "f3480fb8c1", all, leaf1>>23&1 != 0},
		{"CRC32 eax, cl", "f20f38f0c1", all, leaf1>>20&1 != 0},
		{"CRC32 eax, ch", "f20f38f0c5", all, leaf1>>20&1 != 0},
		{"CRC32 eax, cx", "66f20f38f1c1", all, leaf1>>20&1 != 0},
		{"CRC32 rax, rcx", "f2480f38f1c1", all, leaf1>>20&1 != 0},
		{"CRC32 eax, byte [rdi]", "f20f38f007", all, leaf1>>20&1 != 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			if !c.has {
				t.Skip("this CPU does not have it")
			}
			code := unhex(t, c.code)
			u, f, m := newFake(t, code...)
			for range 2000 {
				in := registers{interesting(), interesting(), interesting(), interesting(),
					rand.Uint64()&statusFlags | flagFixed | flagIF, interesting()}
				want := n.run(code, in)
				f.regs = kvm.Regs{RIP: fakeCode, RAX: in.rax, RBX: in.rbx, RCX: in.rcx, RDX: in.rdx,
					RDI: fakeData, RFLAGS: in.flags}
				check(t, m.Store64(fakeData, in.memory))
				check(t, u.finish(f, kvm.InternalEmulation, nil))
				r := &f.regs
				got := registers{r.RAX, r.RBX, r.RCX, r.RDX, r.RFLAGS & c.flags, in.memory}
				want.flags &= c.flags
				if got != want || f.raised() != "" || r.RIP != fakeCode+uint64(len(code)) {
					t.Fatalf("from %x\ngot  %x\nwant %x; raised %q", in, got, want, f.raised())
				}
			}
		})
	}
}

// interesting is any number, with small ones and those of few bits more often than chance has them.
func interesting() uint64 {
	v := rand.Uint64()
	switch rand.IntN(6) {
	case 0:
		return v & 0xff
	case 1:
		return 0
	case 2:
		return v & rand.Uint64() & rand.Uint64()
	case 3:
		return -(v & 0xff)
	case 4:
		return v << 32
	}
	return v
}
