package machine

import (
	"fmt"

	"terem/kvm"
)

// leafKVMFeatures is where KVM says what it has for its guests (Documentation/virt/kvm/x86/cpuid.rst).
const leafKVMFeatures = 0x40000001

// Bits of EAX there.
const (
	bitOldKVMClock    = 0 // the clock at the MSRs that it had first
	bitKVMClock       = 3
	bitKVMClockStable = 24
)

// withoutClock takes away what is left of kvm-clock where its main feature is not there.
func withoutClock(leaves []kvm.CPUIDEntry) {
	for i := range leaves {
		if e := &leaves[i]; e.Function == leafKVMFeatures && e.Eax>>bitKVMClock&1 == 0 {
			e.Eax &^= 1<<bitOldKVMClock | 1<<bitKVMClockStable
		}
	}
}

// hasClock says whether a guest finds kvm-clock.
func hasClock(leaves []kvm.CPUIDEntry) bool {
	for _, e := range leaves {
		if e.Function == leafKVMFeatures {
			return e.Eax>>bitKVMClock&1 == 1
		}
	}
	return false
}

// tellTSC tells a Linux guest without kvm-clock how fast its TSC is. It would measure that by the
// interval timer, and give the TSC up where accesses to that are slow.
func (m *Machine) tellTSC(c *kvm.VCPU) error {
	if m.clock {
		return nil
	}
	khz, err := c.TSCKHz()
	if err != nil {
		return err
	}
	m.conf.CmdLine = join(fmt.Sprintf("tsc_early_khz=%d", khz), m.conf.CmdLine)
	return nil
}
