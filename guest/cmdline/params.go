package cmdline

// Kernel is what the default guest's kernel is told on every machine.
func Kernel(cpus int) string {
	words := "quiet " + EventPortWord()
	if cpus == 1 {
		words += " noreplace-smp" // do not patch locks out of a kernel that is slow to patch
	}
	return words
}

// Software is what the default guest's kernel is told besides, where KVM
// interprets its code. guest/README.md has the measurements.
const Software = "lpj=4000000 no_timer_check rodata=off mitigations=off no-kvmapf no-steal-acc clocksource=kvm-clock " +
	"tick_stride=25 " +
	"clearcpuid=" + slowFeatures

// slowFeatures are CPU features as numbers (word*32+bit), which the kernel finds
// sooner than names: smap, cx16, popcnt, erms, fsrm, fsgsbase, rdrand, rdseed, pcid,
// invpcid, fzrm, fsrs, fsrc, xsaves, pku, bmi1, bmi2, adx. XSAVE itself stays: programs see the CPU's
// own CPUID there, use AVX, and lose the upper halves of their registers at the next
// switch if the kernel does not know of them.
const slowFeatures = "308,141,151,297,580,288,158,306,145,298,394,395,396,323,515,291,296,307"
