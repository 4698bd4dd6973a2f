package machine

import "terem/kvm"

// cpuidSource is what KVM says of the processors that it can make: a *kvm.System.
type cpuidSource interface {
	SupportedCPUID() ([]kvm.CPUIDEntry, error)
	Check(kvm.Capability) (int, error)
}

// offered lists the CPUID leaves that a guest can have: what KVM lists, and the mode of
// the local APIC's timer that it can do and, before Linux 6.14, does not list: whether
// that works is known only to who makes the interrupt controllers
// (api.rst, "Known KVM API problems", Local APIC features). terem always has KVM make
// them. The default guest has no other timer.
func offered(s cpuidSource) ([]kvm.CPUIDEntry, error) {
	leaves, err := s.SupportedCPUID()
	if err != nil {
		return nil, err
	}
	can, err := s.Check(kvm.CapTSCDeadlineTimer)
	if err != nil {
		return nil, err
	}
	if can > 0 {
		setBit(leaves, tscDeadline())
	}
	return leaves, nil
}
