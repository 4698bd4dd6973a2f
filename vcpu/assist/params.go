package assist

// features are the CPU features that a Linux guest should not use where KVM emulates its kernel: what the
// emulator does not know, and the string features, whose byte-wise copies are slow there. Masking them in
// CPUID is not enough: such a backend gives part of them back.
//
// They are written as Linux's own numbers, 32 * word + bit (arch/x86/include/asm/cpufeatures.h): names
// came with 5.18, some features have none in 6.12, and the kernel reads no more than 127 characters.
//
//	129 pclmulqdq  137 ssse3     141 cx16      145 pcid      147 sse4_1  148 sse4_2  151 popcnt
//	153 aes        158 rdrand    197 abm       288 fsgsbase  291 bmi1    296 bmi2    297 erms
//	298 invpcid    306 rdseed    307 adx       308 smap      317 sha_ni  323 xsaves  394 fzrm
//	395 fsrs       396 fsrc      515 pku       520 gfni      580 fsrm
//
// XSAVE and AVX stay, although each switch between processes costs two exits by it: programs run on the CPU
// itself, see its own CPUID and its own XCR0 whatever the guest's kernel chose, and use AVX. A kernel without
// XSAVE (noxsave), or with fewer components of it, would mix up the upper halves of their registers. The price:
// a kernel module that computes with AVX itself is more than the emulator knows, and ends what asked for it.
// Without xsaves there are no components for the kernel alone, nor those that need XFD (AMX).
const features = "129,137,141,145,147,148,151,153,158,197,288,291,296,297,298,306,307,308,317,323,394,395,396,515,520,580"

// KernelParams is what a Linux guest's command line needs on a backend that emulates it. The kernel is told not
// to test its ciphers and not to take slowness for a lock-up: either would cost many minutes there. With
// smp false, for a guest of one vCPU, a kernel built for many is told not to patch its locks.
func KernelParams(smp bool) string {
	p := "clearcpuid=" + features + " cryptomgr.notests nowatchdog"
	if !smp {
		p += " noreplace-smp"
	}
	return p
}
