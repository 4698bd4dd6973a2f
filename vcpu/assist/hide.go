package assist

import "terem/kvm"

// Virtualizes says whether the host's CPU has VT-x or AMD-V. Without either, KVM can only interpret a
// guest's kernel. It is known before any vCPU has run, unlike what a probe finds, and after a vCPU has run
// its CPUID stays as it is.
func Virtualizes() bool {
	const (
		leaf, vmx    = 1, 1 << 5           // ECX
		leafAMD, svm = 0x8000_0001, 1 << 2 // ECX
	)
	_, _, intel, _ := cpuid(leaf, 0)
	_, _, amd, _ := cpuid(leafAMD, 0)
	return intel&vmx != 0 || amd&svm != 0
}

// hidden are features that kernel code finds by CPUID itself, so that clearcpuid= does not reach it: zstd
// picks BMI2, and LZCNT with it (lib/zstd/common/cpu.h). KVM's emulator executes LZCNT and TZCNT as BSR and
// BSF, whose results differ, without a word.
var hidden = [...]struct{ leaf, ebx, ecx uint32 }{
	{leaf: 7, ebx: 1<<3 | 1<<8 | 1<<19}, // BMI1, BMI2, ADX
	{leaf: 0x8000_0001, ecx: 1 << 5},    // LZCNT, which Intel calls by the same bit
}

// Hide takes from a guest's CPUID what its kernel must not find where KVM interprets it. Programs run on the
// CPU itself and see what that has.
func Hide(leaves []kvm.CPUIDEntry) {
	for i := range leaves {
		e := &leaves[i]
		for _, h := range hidden {
			if e.Function == h.leaf && e.Index == 0 {
				e.Ebx &^= h.ebx
				e.Ecx &^= h.ecx
			}
		}
	}
}
