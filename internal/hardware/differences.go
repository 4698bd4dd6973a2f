package main

import "strings"

// difference is a test that fails on an emulator though it would pass on the processor, or on one outer kernel for a
// fault of that kernel. Each has its proof in docs/hardware.md.
type difference struct {
	backend string // empty: all
	kernel  string // "6.1": outer kernels of that version; empty: all
	pkg     string
	test    string // with its subtest
	why     string
	fatal   bool // the whole outer system hangs: such a test is not run
}

const (
	blsi = "TCG clears BLSI's carry flag for a source that is not 0"
	adcx = "TCG keeps the carry of the instruction before where ADCX or ADOX clears it"
)

func differences() []difference {
	return []difference{
		{backend: "vtx", pkg: "vcpu", test: "TestStopIsBounded/cli_jmp", fatal: true,
			why: "Bochs 2.7 leaves a guest for the host's interrupt only if the guest has interrupts on"},
		{backend: "amdv", pkg: "vcpu/assist", test: "TestBitsLikeTheCPU/BLSI_rbx,_rcx", why: blsi},
		{backend: "amdv", pkg: "vcpu/assist", test: "TestBitsLikeTheCPU/BLSI_ebx,_[rdi]", why: blsi},
		{backend: "amdv", pkg: "vcpu/assist", test: "TestBitsLikeTheCPU/ADCX_eax,_ecx", why: adcx},
		{backend: "amdv", pkg: "vcpu/assist", test: "TestBitsLikeTheCPU/ADOX_eax,_[rdi]", why: adcx},
		{backend: "amdv", pkg: "internal/cli/launch", test: "TestBootKeepsVectorRegisters",
			why: "KVM seems not to learn of the guest's XSETBV under this QEMU, and the guest kernel gives XSAVE up; not on VT-x"},
		{backend: "amdv", pkg: "kvm", test: "TestBreakAt", why: "QEMU before 9.1 loads DR7 at VMRUN without arming its breakpoints"},
	}
}

// knownOf are the differences of one package on one outer system.
func knownOf(all []difference, backend, release, pkg string) []difference {
	var some []difference
	for _, d := range all {
		if (d.backend == "" || d.backend == backend) && (d.kernel == "" || strings.HasPrefix(release, d.kernel+".")) && d.pkg == pkg {
			some = append(some, d)
		}
	}
	return some
}

func find(list []difference, test string) (difference, bool) {
	for _, d := range list {
		if d.test == test {
			return d, true
		}
	}
	return difference{}, false
}
