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

func differences() []difference {
	return []difference{
		{backend: "vtx", pkg: "vcpu", test: "TestStopIsBounded/cli_jmp", fatal: true,
			why: "Bochs 2.7 leaves a guest for the host's interrupt only if the guest has interrupts on"},
		{backend: "amdv", pkg: "internal/vm/machine", test: "TestDebuggerINT3",
			why: "QEMU's TCG does not leave a guest for its INT3, of which KVM intercepts the exception"},
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
