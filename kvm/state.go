package kvm

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// State of a vCPU. Every method is for the vCPU's own thread.

// Regs reads the general registers.
func (c *VCPU) Regs() (Regs, error) {
	var r Regs
	err := getRegs(c.fd, &r)
	return r, err
}

// SetRegs writes the general registers.
func (c *VCPU) SetRegs(r Regs) error { return setRegs(c.fd, &r) }

// Sregs reads the segment and control registers.
func (c *VCPU) Sregs() (Sregs, error) {
	var s Sregs
	err := getSregs(c.fd, &s)
	return s, err
}

// SetSregs writes the segment and control registers.
func (c *VCPU) SetSregs(s Sregs) error { return setSregs(c.fd, &s) }

// SetCPUID gives the guest its CPUID leaves. Call it before the first Run.
func (c *VCPU) SetCPUID(leaves []CPUIDEntry) error {
	t := &cpuidTable{}
	t.n = uint32(copy(t.entries[:], leaves))
	return ioctl(c.fd, "KVM_SET_CPUID2", ioc(dirWrite, nrSetCPUID2, 8), t)
}

// MPState reads whether the vCPU runs, is halted, or waits for its start signal.
func (c *VCPU) MPState() (MPState, error) { return getMPState(c.fd) }

// SetMPState sets it.
func (c *VCPU) SetMPState(s MPState) error { return setMPState(c.fd, s) }

// Events reads the pending exceptions, interrupts and NMIs.
func (c *VCPU) Events() (VCPUEvents, error) {
	var e VCPUEvents
	err := getVCPUEvents(c.fd, &e)
	return e, err
}

// SetEvents writes them.
func (c *VCPU) SetEvents(e VCPUEvents) error { return setVCPUEvents(c.fd, &e) }

// DebugRegs reads DR0 to DR7.
func (c *VCPU) DebugRegs() (DebugRegs, error) {
	var d DebugRegs
	err := getDebugRegs(c.fd, &d)
	return d, err
}

// SetDebugRegs writes DR0 to DR7.
func (c *VCPU) SetDebugRegs(d DebugRegs) error { return setDebugRegs(c.fd, &d) }

// LAPIC reads the local APIC's register page.
func (c *VCPU) LAPIC() (LAPICState, error) {
	var l LAPICState
	err := getLAPIC(c.fd, &l)
	return l, err
}

// SetLAPIC writes it.
func (c *VCPU) SetLAPIC(l LAPICState) error { return setLAPIC(c.fd, &l) }

// XCRs reads the extended control registers (XCR0).
func (c *VCPU) XCRs() (XCRs, error) {
	var x XCRs
	err := getXCRs(c.fd, &x)
	return x, err
}

// SetXCRs writes them.
func (c *VCPU) SetXCRs(x XCRs) error { return setXCRs(c.fd, &x) }

// XSave reads the x87, vector and other extended registers into x.
func (c *VCPU) XSave(x *XSave) error {
	return ioctl(c.fd, "KVM_GET_XSAVE", ioc(dirRead, nrGetXSave, sizeof[XSave]()), x)
}

// SetXSave writes them.
func (c *VCPU) SetXSave(x *XSave) error {
	return ioctl(c.fd, "KVM_SET_XSAVE", ioc(dirWrite, nrSetXSave, sizeof[XSave]()), x)
}

// XSaveArea reads the same registers, of which there are size bytes ([VM.XSaveSize]).
func (c *VCPU) XSaveArea(size int) ([]byte, error) {
	area := make([]byte, max(size, int(sizeof[XSave]())))
	if size <= int(sizeof[XSave]()) { // any kernel has this one
		return area, ioctl(c.fd, "KVM_GET_XSAVE", ioc(dirRead, nrGetXSave, sizeof[XSave]()), &area[0])
	}
	return area, ioctl(c.fd, "KVM_GET_XSAVE2", ioc(dirRead, nrGetXSave2, sizeof[XSave]()), &area[0])
}

// SetXSaveArea writes an area as XSaveArea gives it: KVM reads as many bytes of it as its guest has.
func (c *VCPU) SetXSaveArea(area []byte) error {
	if len(area) < int(sizeof[XSave]()) {
		return &Error{Op: "KVM_SET_XSAVE", Err: fmt.Errorf("%d bytes: want %d at least", len(area), sizeof[XSave]())}
	}
	return ioctl(c.fd, "KVM_SET_XSAVE", ioc(dirWrite, nrSetXSave, sizeof[XSave]()), &area[0])
}

// ClockCtrl tells a guest with kvm-clock that it was stopped, so that its watchdog does not take the time for a hang. A guest
// without kvm-clock, or one that has not set it up yet, is told nothing (KVM_KVMCLOCK_CTRL, api.rst section 4.70).
func (c *VCPU) ClockCtrl() error {
	_, err := ioctlInt(c.fd, "KVM_KVMCLOCK_CTRL", ioc(dirNone, nrClockCtrl, 0), 0)
	if errors.Is(err, unix.EINVAL) {
		return nil
	}
	return err
}

// TSCKHz is the frequency of the guest's time-stamp counter, in kHz.
func (c *VCPU) TSCKHz() (int, error) { return tscKHz(c.fd) }

// SetTSCKHz sets the frequency, where the processor can scale it; see [VCPU.TSCKHz].
func (c *VCPU) SetTSCKHz(khz int) error {
	_, err := ioctlInt(c.fd, "KVM_SET_TSC_KHZ", ioc(dirNone, nrSetTSCKHz, 0), uintptr(khz))
	return err
}

// ShareRegs says whether the exits from now on leave the registers in the shared
// page, where Shared finds them without a system call. KVM does so at every exit,
// and a port access gets 3 % slower by it.
func (c *VCPU) ShareRegs(on bool) {
	c.run.validRegs = 0
	if on {
		c.run.validRegs = syncRegs | syncSregs
	}
}

// Shared gives the registers in the shared page, as of the last exit. It fetches
// them where that exit did not leave them there. Changes take effect at the next
// Run after MarkShared.
func (c *VCPU) Shared() (*Regs, *Sregs, error) {
	if c.run.validRegs&syncSregs != 0 {
		return &c.run.regs, &c.run.sregs, nil
	}
	var err error
	if c.run.regs, err = c.Regs(); err != nil {
		return nil, nil, err
	}
	if c.run.sregs, err = c.Sregs(); err != nil {
		return nil, nil, err
	}
	return &c.run.regs, &c.run.sregs, nil
}

// KeepRIP has the next exit leave the general registers in the shared page, for RIP.
func (c *VCPU) KeepRIP() { c.run.validRegs |= syncRegs }

// RIP is where the guest was at the last exit or interruption, before which KeepRIP was called.
func (c *VCPU) RIP() uint64 { return c.run.regs.RIP }

// MarkShared says that the registers in the shared page were changed: the general
// ones and, if sregs is true, the segment and control registers.
func (c *VCPU) MarkShared(sregs bool) {
	c.run.dirtyRegs |= syncRegs
	if sregs {
		c.run.dirtyRegs |= syncSregs
	}
}
