package assist

// features are the CPU features that a Linux guest should not use where KVM emulates its kernel:
// what the emulator does not know (394 to 396 are FZRM, FSRS and FSRC, which have no name in Linux
// 6.12), and the string features, whose byte-wise copies are slow there. Masking them in CPUID is
// not enough: such a backend gives part of them back.
const features = "smap,cx16,popcnt,erms,fsrm,fsgsbase,rdrand,rdseed,pcid,invpcid,394,395,396"

// KernelParams is what a Linux guest's command line needs on a backend that emulates it. With smp
// false, for a guest of one vCPU, a kernel built for many is told not to patch its locks.
func KernelParams(smp bool) string {
	p := "noxsave clearcpuid=" + features
	if !smp {
		p += " noreplace-smp"
	}
	return p
}
