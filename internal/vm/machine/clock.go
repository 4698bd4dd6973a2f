package machine

import (
	"fmt"

	"terem/kvm"
)

// leafKVMFeatures is where KVM says what it has for its guests (Documentation/virt/kvm/x86/cpuid.rst).
const leafKVMFeatures = 0x40000001

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
