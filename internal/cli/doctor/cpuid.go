package doctor

// cpuid executes CPUID (Intel SDM vol. 2, CPUID).
//
//go:noescape
func cpuid(leaf, subleaf uint32) (eax, ebx, ecx, edx uint32)

func cpuidLeaf(leaf, subleaf uint32) [4]uint32 {
	a, b, c, d := cpuid(leaf, subleaf)
	return [4]uint32{a, b, c, d}
}
