package kvm

// Bits of kvm_guest_debug.control (arch/x86/include/uapi/asm/kvm.h, KVM_GUESTDBG_*).
const (
	debugEnable   = 1 << 0
	debugStep     = 1 << 1
	debugSoftware = 1 << 16
	debugHardware = 1 << 17
	debugInjectDB = 1 << 18
	debugInjectBP = 1 << 19
	debugBlockIRQ = 1 << 20
)

// DebugSlots is how many hardware breakpoints a processor has: DR0 to DR3.
const DebugSlots = 4

// Access is what a hardware breakpoint waits for: R/Wn of DR7 (Intel SDM vol. 3, section 18.2.4).
type Access uint8

const (
	Executes Access = 0
	Writes   Access = 1
	Touches  Access = 3 // reads or writes; there is none for reads alone
)

// Watchpoint is a hardware breakpoint.
type Watchpoint struct {
	Addr   uint64 // linear
	Len    int    // bytes: 1, 2, 4 or 8; 1 for Executes; 0: no breakpoint
	Access Access
}

// Watched is what of the guest's doings ends Run with ExitDebug, besides BreakAt.
type Watched struct {
	Step     bool // the next instruction
	Quiet    bool // while it steps, no interrupt is delivered: where CapSetGuestDebug2 has BlocksIRQ
	Software bool // each INT3; one that the caller did not write there wants InjectBreakpoint
	Slots    [DebugSlots]Watchpoint
}

// BlocksIRQ is the bit of CapSetGuestDebug2's value that says that Watched.Quiet may be asked for.
const BlocksIRQ = debugBlockIRQ

// BreakAt arms hardware breakpoint 0 on the execution of a linear address, of
// which Run reports ExitDebug. Zero disarms it (KVM_SET_GUEST_DEBUG).
func (c *VCPU) BreakAt(linear uint64) error {
	c.breakAt = linear
	return c.setDebug(0)
}

// Watch says what ends Run with ExitDebug from now on, besides BreakAt, which takes slot 0 while it is armed.
// The guest's own hardware breakpoints have no effect while there is any of these.
func (c *VCPU) Watch(w Watched) error {
	c.watched = w
	return c.setDebug(0)
}

// InjectBreakpoint gives the guest the INT3 at which Run has reported ExitDebug.
func (c *VCPU) InjectBreakpoint() error { return c.setDebug(debugInjectBP) }

// InjectDebug gives the guest the debug exception of which Run has reported ExitDebug.
func (c *VCPU) InjectDebug(dr6 uint64) error {
	d, err := c.DebugRegs()
	if err != nil {
		return err
	}
	d.DR6 = dr6
	if err := c.SetDebugRegs(d); err != nil {
		return err
	}
	return c.setDebug(debugInjectDB)
}

func (c *VCPU) setDebug(more uint32) error {
	d := debugOf(c.breakAt, &c.watched, more)
	return ioctl(c.fd, "KVM_SET_GUEST_DEBUG", ioc(dirWrite, nrSetGuestDebug, sizeof[guestDebug]()), &d)
}

// debugOf puts together what KVM is told.
func debugOf(breakAt uint64, w *Watched, more uint32) (d guestDebug) {
	slots := w.Slots
	if breakAt != 0 {
		slots[0] = Watchpoint{Addr: breakAt, Len: 1}
	}
	for i, p := range slots {
		if p.Len == 0 {
			continue
		}
		d.control |= debugHardware
		d.debug[i] = p.Addr
		d.debug[7] |= dr7(i, p)
	}
	if w.Step {
		d.control |= debugStep
		if w.Quiet {
			d.control |= debugBlockIRQ
		}
	}
	if w.Software {
		d.control |= debugSoftware
	}
	if d.control |= more; d.control != 0 {
		d.control |= debugEnable
	}
	return d
}

// dr7 is a breakpoint's part of DR7:
//
//	2i+1 Gi, enabled   10 always 1   16+4i R/Wi   18+4i LENi: 0 is 1 byte, 1 is 2, 2 is 8, 3 is 4
func dr7(i int, p Watchpoint) uint64 {
	const fixed = 1 << 10
	size := map[int]uint64{2: 1, 8: 2, 4: 3}[p.Len]
	return 1<<(2*i+1) | fixed | (uint64(p.Access)|size<<2)<<(16+4*i)
}

// Translate finds the guest-physical address of a linear one, by the page tables that the vCPU has now; ok is false where they have
// none (KVM_TRANSLATE). It looks at no more tables than paging has levels. Bits that no address has are ignored.
func (c *VCPU) Translate(linear uint64) (physical uint64, ok bool, err error) {
	t := translation{linear: linear}
	err = ioctl(c.fd, "KVM_TRANSLATE", ioc(dirRead|dirWrite, nrTranslate, sizeof[translation]()), &t)
	return t.physical, t.valid != 0, err
}
