package doctor

import "fmt"

// Type is the kind of a hypervisor: 1 has the bare machine, 2 is a program of a
// general operating system.
type Type string

// The types of hypervisors.
const (
	Type1   Type = "1"
	Type2   Type = "2"
	Hybrid  Type = "hybrid"  // a part of a general kernel, on the bare machine
	Unknown Type = "unknown" // cannot be told from inside
)

type hypervisor struct {
	signature string // CPUID 0x40000000, EBX ECX EDX
	name      string
	kind      Type
	note      string
}

const (
	noteHybrid = "a module of the Linux kernel: on the bare machine like type 1, beside ordinary programs like type 2"
	noteVMware = "cannot tell: ESXi (type 1) and Workstation (type 2) look the same from inside"
)

// hypervisors lists the signatures, the ones that imitate another first: several
// hypervisors offer Hyper-V's interface besides their own.
func hypervisors() []hypervisor {
	return []hypervisor{
		{"KVMKVMKVM", "KVM", Hybrid, noteHybrid},
		{"XenVMMXenVMM", "Xen", Type1, ""},
		{"VMwareVMware", "VMware", Unknown, noteVMware},
		{"VBoxVBoxVBox", "VirtualBox", Type2, ""},
		{"TCGTCGTCGTCG", "QEMU without KVM (TCG)", Type2, "an ordinary process that translates instructions"},
		{" lrpepyh  vr", "Parallels", Type2, ""},
		{" prl hyperv ", "Parallels", Type2, ""},
		{"bhyve bhyve ", "bhyve", Hybrid, "a module of the FreeBSD kernel"},
		{"ACRNACRNACRN", "ACRN", Type1, ""},
		{"Jailhouse", "Jailhouse", Type1, ""},
		{"Microsoft Hv", "Hyper-V", Type1, "Windows itself runs on top of it"},
	}
}

// identify picks the hypervisor of the list that one of the signatures names.
func identify(signatures []string) hypervisor {
	for _, h := range hypervisors() {
		for _, s := range signatures {
			if s == h.signature {
				return h
			}
		}
	}
	if len(signatures) == 0 {
		return hypervisor{"", "one that does not give its name", Unknown, "cannot tell: CPUID has no signature"}
	}
	s := signatures[0]
	return hypervisor{s, fmt.Sprintf("%q", s), Unknown, "cannot tell: the signature is not one that terem knows"}
}
