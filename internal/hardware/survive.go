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

const (
	worksTests  = "^Test(Boot|Sleep|TwoCPUs)$"
	refusesTest = "^TestRefuses$"
)

func lacks() []lack {
	return []lack{
		{name: "no KVM modules", bare: true, line: "x"},
		{name: "nested=0", params: map[string]string{"kvm_amd": "nested=0", "kvm_intel": "nested=0"}},
		{name: "npt=0", backends: []string{"amdv"}, params: map[string]string{"kvm_amd": "npt=0"}},
		{name: "ept=0", backends: []string{"vtx"}, params: map[string]string{"kvm_intel": "ept=0"}},
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
