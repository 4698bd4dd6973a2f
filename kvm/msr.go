package kvm

import "fmt"

// MSRs reads the model-specific registers whose Index fields are set. It fails if
// KVM refuses one, and names it.
func (c *VCPU) MSRs(regs []MSR) error {
	return c.eachMSRTable(regs, "KVM_GET_MSRS", ioc(dirRead|dirWrite, nrGetMSRs, 8))
}

// SetMSRs writes model-specific registers. It fails if KVM refuses one, and names
// it; those before it are written.
func (c *VCPU) SetMSRs(regs []MSR) error {
	return c.eachMSRTable(regs, "KVM_SET_MSRS", ioc(dirWrite, nrSetMSRs, 8))
}

// ReadMSR reads one model-specific register.
func (c *VCPU) ReadMSR(index uint32) (uint64, error) {
	r := []MSR{{Index: index}}
	err := c.MSRs(r)
	return r[0].Data, err
}

// WriteMSR writes one model-specific register.
func (c *VCPU) WriteMSR(index uint32, v uint64) error {
	return c.SetMSRs([]MSR{{Index: index, Data: v}})
}

// eachMSRTable moves regs in tables of maxMSRs. The kernel stops at the first
// register that it refuses and returns how many came before it.
func (c *VCPU) eachMSRTable(regs []MSR, op string, req uintptr) error {
	t := &msrTable{}
	for len(regs) > 0 {
		want := copy(t.entries[:], regs)
		t.n = uint32(want)
		n, err := ioctlCount(c.fd, op, req, t)
		if err != nil {
			return err
		}
		copy(regs, t.entries[:n])
		if n < want {
			return &Error{Op: op, Err: fmt.Errorf("MSR %#x refused", regs[n].Index)}
		}
		regs = regs[want:]
	}
	return nil
}
