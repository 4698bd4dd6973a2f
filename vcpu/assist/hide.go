package assist

import "terem/kvm"

// Interprets says whether this KVM interprets a guest's kernel, as far as that shows before any vCPU has run: what a
// probe finds comes too late for a vCPU's CPUID, which then stays as it is. It does where the host's CPU has
// neither VT-x nor AMD-V. (A guest's CPUID says nothing of that: with nested=0 it shows neither.) And it does where KVM
// has one of them in reach and makes no use of it: such a KVM knows no state of nested guests, which
// kvm_intel and kvm_amd have a size for whatever their parameters are (arch/x86/kvm/x86.c; before Linux 5.8
// kvm_amd had none: there a guest loses what Hide takes). check is [kvm.System.Check].
func Interprets(check func(kvm.Capability) (int, error)) bool {
	return interprets(virtualizes(), check)
}

func interprets(virtualizes bool, check func(kvm.Capability) (int, error)) bool {
	if !virtualizes {
		return true
	}
	size, err := check(kvm.CapNestedState)
	return err == nil && size == 0
}

// virtualizes says whether the host's CPU has VT-x or AMD-V.
func virtualizes() bool {
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
