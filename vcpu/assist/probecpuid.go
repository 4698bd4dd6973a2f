package assist

import (
	"fmt"

	"terem/kvm"
	"terem/memory"
)

// CPUIDResult is what CPUID gave: EAX, EBX, ECX, EDX.
type CPUIDResult [4]uint32

// ProbeCPUID executes CPUID in the guest, in its kernel mode and in its user mode. Where KVM runs
// user code without hardware help, the processor itself may answer there, whatever SetCPUID said.
func ProbeCPUID(c *kvm.VCPU, m *memory.Guest, leaf, index uint32) (kernel, user CPUIDResult, err error) {
	err = withProbe(c, m, func(p *probe) (err error) {
		if kernel, err = p.cpuid(0, leaf, index); err != nil {
			return err
		}
		user, err = p.cpuid(3, leaf, index)
		return err
	})
	return kernel, user, err
}

func (p *probe) cpuid(dpl uint8, leaf, index uint32) (CPUIDResult, error) {
	reason, err := p.after(probeCPUID, dpl, kvm.Regs{RAX: uint64(leaf), RCX: uint64(index)})
	if err != nil {
		return CPUIDResult{}, err
	}
	if reason != kvm.ExitIO {
		return CPUIDResult{}, fmt.Errorf("CPUID at privilege level %d ended with %v", dpl, reason)
	}
	r, err := p.c.Regs()
	if err != nil {
		return CPUIDResult{}, err
	}
	return CPUIDResult{uint32(r.RAX), uint32(r.RBX), uint32(r.RCX), uint32(r.RDX)}, p.finishIO()
}
