package main

import "slices"

// stockKernel is where the outer system has its own kernel, as one for guests.
const stockKernel = "/stock/vmlinuz"

// lack is an outer system that lacks something, and what must hold there: the tests pass, or, if a line is given, terem
// refuses to run with this line and nothing else.
type lack struct {
	name     string
	backends []string // none: all
	words    string
	params   map[string]string
	bare     bool
	cpus     int
	cpu      string
	tests    string
	line     string // a regular expression
}

// worksTests are enough to see a guest boot, from long mode and from protected mode, sleep, and use two processors.
const (
	worksTests  = "^Test(Boot|PVH|Sleep|TwoCPUs)$"
	refusesTest = "^TestRefuses$"
)

// lacks are the outer systems that need a boot of their own. What a test can take away by itself is in atwork:
// capabilities, features of the guest's processor.
func lacks() []lack {
	amdv, vtx := []string{"amdv"}, []string{"vtx"}
	return []lack{
		{name: "no KVM modules", bare: true, tests: refusesTest,
			line: `^terem: /dev/kvm: there is no such device: the CPU has .*; .modprobe kvm_`},
		{name: "nested=0", params: map[string]string{"kvm_amd": "nested=0", "kvm_intel": "nested=0"}, tests: worksTests},
		{name: "npt=0", backends: amdv, params: map[string]string{"kvm_amd": "npt=0"}, tests: worksTests},
		{name: "ept=0", backends: vtx, params: map[string]string{"kvm_intel": "ept=0"}, tests: worksTests},
		{name: "unrestricted_guest=0", backends: vtx, params: map[string]string{"kvm_intel": "unrestricted_guest=0"}, tests: worksTests},
		{name: "no x2APIC", backends: vtx, words: "nox2apic", tests: worksTests}, // QEMU 7.2's TCG never has one
		{name: "one CPU", backends: amdv, cpus: 1, tests: worksTests},
	}
}

func (l lack) on(backend string) bool {
	return len(l.backends) == 0 || slices.Contains(l.backends, backend)
}

func (l lack) env() []string {
	if l.line == "" {
		return nil
	}
	return []string{"TEREM_REFUSES=" + l.line}
}
