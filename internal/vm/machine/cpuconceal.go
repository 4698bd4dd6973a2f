package machine

import "terem/kvm"

const bitMonitor = 3 // leaf 1 ECX

// conceal takes out of a leaf what some KVMs list, or may come to list, and what is not true of a VM of terem's.
func conceal(e *kvm.CPUIDEntry) {
	switch e.Function {
	case leafFeatures:
		// KVM does MWAIT as NOP: a guest that idles by it would not idle.
		e.Ecx &^= 1 << bitMonitor
	case leafMonitor,
		// The host's crystal does not drive the local APIC's timer, which KVM counts at 1 GHz. Linux
		// believes this leaf, and its sleeps would be too short by their quotient (native_calibrate_tsc).
		leafCrystal, leafFrequency,
		// SEV is for a VM that is made encrypted. In any other, Linux reads the MSR which
		// this leaf announces, before it can take the #GP that comes of it (sme_enable).
		leafEncryption:
		e.Eax, e.Ebx, e.Ecx, e.Edx = 0, 0, 0, 0
	}
}

// kvmClock is the clock that KVM keeps for its guests, at the MSRs that it has now.
func kvmClock() cpuidBit { return cpuidBit{leafKVMFeatures, 0, eax, 3} }

func tscDeadline() cpuidBit { return cpuidBit{1, 0, ecx, 24} }

// tileState is the state of AMX. KVM has it for a process that has asked Linux for it
// (arch_prctl, ARCH_REQ_XCOMP_GUEST_PERM), and lists the instructions to any.
func tileState() cpuidBit { return cpuidBit{leafXState, 0, eax, 18} }

// Features that go where one of these is missing.
var (
	kvmClockParts = []cpuidBit{
		{leafKVMFeatures, 0, eax, 0},  // the clock at the MSRs that it had first
		{leafKVMFeatures, 0, eax, 24}, // it is the same on all vCPUs
	}
	tileParts = []cpuidBit{
		{leafExtended, 0, edx, 22}, // amx_bf16
		{leafExtended, 0, edx, 24}, // amx_tile
		{leafExtended, 0, edx, 25}, // amx_int8
		{leafExtended, 1, eax, 21}, // amx_fp16
		{leafExtended, 1, edx, 8},  // amx_complex
	}
)

// concealDependents takes away features that are of no use without another one.
func concealDependents(leaves []kvm.CPUIDEntry) {
	if !hasBit(leaves, kvmClock()) {
		for _, b := range kvmClockParts {
			clearBit(leaves, b)
		}
	}
	if hasBit(leaves, tileState()) {
		return
	}
	for _, b := range tileParts {
		clearBit(leaves, b)
	}
	for i := range leaves {
		if e := &leaves[i]; e.Function == leafTile || e.Function == leafTileMultiply {
			e.Eax, e.Ebx, e.Ecx, e.Edx = 0, 0, 0, 0
		}
	}
}
