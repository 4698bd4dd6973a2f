package host

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// Fingerprint describes a machine.
type Fingerprint struct {
	CPU    string `json:"cpu"`
	CPUs   int    `json:"cpus"`
	Memory string `json:"memory"`
	Kernel string `json:"kernel"`
	KVM    string `json:"kvm"`
	// Governor is who sets the CPUs' frequency (cpufreq); unknown where that is not up to
	// this kernel, as in most virtual machines.
	Governor string `json:"governor,omitempty"`

	Go   string `json:"go"`
	Load string `json:"load"` // 1, 5 and 15 minutes, as it began
}

// Read reads the fingerprint from a root's /proc and /sys; "/" but in tests. What
// cannot be read is "unknown".
func Read(root string) Fingerprint {
	return Fingerprint{
		CPU:    field(read(root, "proc/cpuinfo"), "model name"),
		CPUs:   runtime.NumCPU(),
		Memory: field(read(root, "proc/meminfo"), "MemTotal"),
		Kernel: orUnknown(strings.TrimSpace(read(root, "proc/sys/kernel/osrelease"))),
		KVM:    backend(root),

		Governor: governor(root),

		Go:   runtime.Version(),
		Load: orUnknown(strings.Join(first(strings.Fields(read(root, "proc/loadavg")), 3), " ")),
	}
}

func (f Fingerprint) String() string {
	return fmt.Sprintf("%s, %d CPUs, governor %s, %s; Linux %s; %s; %s; load %s", f.CPU, f.CPUs, orUnknown(f.Governor), f.Memory, f.Kernel, f.KVM, f.Go, f.Load)
}

// SoftwareKVM says whether KVM is known to run guests without VT-x and AMD-V: by a module
// that is neither kvm_intel nor kvm_amd.
func (f Fingerprint) SoftwareKVM() bool {
	return strings.HasPrefix(f.KVM, "kvm_") && !strings.Contains(f.KVM, "kvm_intel") && !strings.Contains(f.KVM, "kvm_amd")
}

// backend names the module that implements KVM: kvm_intel and kvm_amd use the
// processor's virtualization, anything else is software.
func backend(root string) string {
	paths, _ := filepath.Glob(filepath.Join(root, "sys/module/kvm_*")) // the pattern is well formed
	var names []string
	for _, p := range paths {
		names = append(names, filepath.Base(p))
	}
	return orUnknown(strings.Join(names, ", "))
}

// governor names the governors of all CPUs.
func governor(root string) string {
	paths, _ := filepath.Glob(filepath.Join(root, "sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_governor")) // well formed
	var names []string
	for _, p := range paths {
		if b, err := os.ReadFile(p); err == nil {
			names = append(names, strings.TrimSpace(string(b)))
		}
	}
	slices.Sort(names)
	return orUnknown(strings.Join(slices.Compact(names), ", "))
}

// field is the value of the first "name : value" line.
func field(text, name string) string {
	for line := range strings.Lines(text) {
		key, value, ok := strings.Cut(line, ":")
		if ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return orUnknown("")
}

func read(root, path string) string {
	b, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		return ""
	}
	return string(b)
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}

func first(s []string, n int) []string { return s[:min(n, len(s))] }
