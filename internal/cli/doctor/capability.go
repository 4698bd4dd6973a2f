package doctor

import (
	"strings"

	"terem/kvm"
)

// examineCapabilities asks for each capability that terem uses.
func examineCapabilities(o Options, sys System) []Capability {
	var all []Capability
	for _, n := range kvm.Needs() {
		c := Capability{Check: Check{Name: n.Name, State: OK, Required: n.Required, Detail: n.For}, Cap: int(n.Cap)}
		v, err := sys.Check(n.Cap)
		switch {
		case err != nil:
			c.State, c.Detail = Missing, err.Error()
		case v == 0 && n.Required:
			c.State, c.Detail = Missing, "this KVM lacks it; terem needs it for "+n.For
		case v == 0:
			c.State, c.Detail = Warn, "this KVM lacks it; terem goes without "+n.For
		}
		if c.State != OK {
			c.Mend = o.install("linux-image-amd64") // any kernel since 5.14 has all of them
		}
		c.Value = v
		all = append(all, c)
	}
	return all
}

// A feature is a bit of CPUID that a guest may care for.
type feature struct {
	name string
	leaf uint32
	sub  uint32
	reg  byte // 'a' to 'd'
	bit  uint
}

// features are bits of Intel SDM vol. 2 (CPUID), of AMD APM vol. 3 appendix E and,
// from 0x40000000 on, of the kernel's Documentation/virt/kvm/x86/cpuid.rst.
func features() []feature {
	return []feature{
		{"kvm-clock", 0x4000_0001, 0, 'a', 3},
		{"stable-clock", 0x4000_0001, 0, 'a', 24},
		{"steal-time", 0x4000_0001, 0, 'a', 5},
		{"x2apic", 1, 0, 'c', 21},
		{deadlineFeature, 1, 0, 'c', 24},
		{"invariant-tsc", 0x8000_0007, 0, 'd', 8},
		{"nx", 0x8000_0001, 0, 'd', 20},
		{"1g-pages", 0x8000_0001, 0, 'd', 26},
		{"pcid", 1, 0, 'c', 17},
		{"smep", 7, 0, 'b', 7},
		{"smap", 7, 0, 'b', 20},
		{"fsgsbase", 7, 0, 'b', 0},
		{"la57", 7, 0, 'c', 16},
		{"aes", 1, 0, 'c', 25},
		{"sha", 7, 0, 'b', 29},
		{"rdrand", 1, 0, 'c', 30},
		{"avx", 1, 0, 'c', 28},
		{"avx2", 7, 0, 'b', 5},
		{"avx512", 7, 0, 'b', 16},
		{"amx", 7, 0, 'd', 24},
		{"vmx", 1, 0, 'c', 5},
		{"svm", 0x8000_0001, 0, 'c', 2},
	}
}

// deadlineFeature is one that KVM lists since Linux 6.14, and has had long before: then it is
// a capability alone (api.rst, "Known KVM API problems").
const deadlineFeature = "tsc-deadline"

// guestFeatures names the features that KVM offers to a guest.
func guestFeatures(leaves []kvm.CPUIDEntry, deadline bool) []string {
	var names []string
	for _, f := range features() {
		if f.name == deadlineFeature && deadline {
			names = append(names, f.name)
			continue
		}
		for _, l := range leaves {
			r := [...]uint32{l.Eax, l.Ebx, l.Ecx, l.Edx}
			if l.Function == f.leaf && l.Index == f.sub && r[f.reg-'a']>>f.bit&1 != 0 {
				names = append(names, f.name)
			}
		}
	}
	return names
}

// hardwareFeatures names what the CPU does by itself for guests: the flags of
// proc_cpuinfo(5) that are worth knowing.
func hardwareFeatures(o Options) []string {
	var names []string
	wanted := []string{"ept", "vpid", "unrestricted_guest", "ept_ad", "vnmi", "apicv", "posted_intr", "ept_violation_ve",
		"npt", "nrip_save", "vmcb_clean", "flushbyasid", "decodeassists", "avic", "x2avic", "vgif", "v_vmsave_vmload"}
	flags, vmx := cpuFlags(o, "flags"), cpuFlags(o, "vmx flags")
	for _, w := range wanted {
		if flags[w] || vmx[w] {
			names = append(names, strings.ReplaceAll(w, "_", "-"))
		}
	}
	return names
}
