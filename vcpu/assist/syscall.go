package assist

import (
	"errors"
	"fmt"
	"time"

	"terem/kvm"
)

// Entry after SYSCALL.
//
// A software backend may carry out SYSCALL at CPL 3 in part: RIP is LSTAR, RCX and R11 are set, but
// CS, SS and CPL remain the user's. The fetch at LSTAR then faults, and the guest's kernel would
// kill the process. Nothing stops the guest before that, so it is stopped one step later: a hardware
// breakpoint stands on its page-fault handler. There a fault of that kind is undone and the entry
// made as the manual says (SDM vol. 2, SYSCALL); any other fault goes on.

// trap is the state of that repair, for one vCPU. All of it can be found again from the vCPU's own
// registers (Arm), so a snapshot need not hold it.
type trap struct {
	armed   bool   // SYSCALL needs repair here
	lstar   uint64 // where the guest wants SYSCALL to go; 0: not yet said
	star    uint64
	fmask   uint64
	known   bool   // star and fmask are those of this lstar
	handler uint64 // of page faults, as the IDT says
	at      uint64 // where the breakpoint stands: the handler, or the instruction after it
}

// traced is a vCPU under repair.
type traced interface {
	cpu
	Shared() (*kvm.Regs, *kvm.Sregs, error)
	MarkShared(sregs bool)
	BreakAt(linear uint64) error
	DebugRegs() (kvm.DebugRegs, error)
	SetDebugRegs(kvm.DebugRegs) error
}

// Arm begins the repair. The VM must send writes of LSTAR here (kvm.VM.ExitOnMSRWrite, WriteMSR). A
// vCPU whose state was restored from a snapshot has an LSTAR already, and is ready at once.
func (u *Unit) Arm(c *kvm.VCPU) error { return u.arm(c) }

func (u *Unit) arm(c traced) error {
	u.trap = trap{armed: true}
	var err error
	if u.trap.lstar, err = c.ReadMSR(kvm.MSRLSTAR); err != nil {
		return fmt.Errorf("repair SYSCALL: %w", err)
	}
	s, err := c.Sregs()
	if err != nil {
		return fmt.Errorf("repair SYSCALL: %w", err)
	}
	return u.refresh(c, &s)
}

// learn reads the other registers that shape the entry.
func (u *Unit) learn(c traced) (err error) {
	if u.trap.star, err = c.ReadMSR(kvm.MSRSTAR); err != nil {
		return err
	}
	u.trap.fmask, err = c.ReadMSR(kvm.MSRFMASK)
	u.trap.known = err == nil
	return err
}

// WriteMSR forwards a write that ended with ExitWRMSR. If KVM refuses it, the guest takes #GP.
func (u *Unit) WriteMSR(c *kvm.VCPU) error {
	x := c.MSR()
	err := u.writeMSR(c, x.Index(), x.Data())
	if err != nil && !isKVM(err) {
		return err
	}
	x.Done(err == nil)
	return nil
}

func (u *Unit) writeMSR(c traced, index uint32, v uint64) error {
	if err := c.WriteMSR(index, v); err != nil {
		return err
	}
	if index != kvm.MSRLSTAR || !u.trap.armed {
		return nil
	}
	u.trap.lstar, u.trap.known = v, false
	s, err := c.Sregs()
	if err != nil {
		return err
	}
	return u.refresh(c, &s)
}

// Refresh finds the page-fault handler again and moves the breakpoint to it, if the guest gave
// itself another one. A runner may call it after any exit: it costs a few memory accesses.
func (u *Unit) Refresh(c *kvm.VCPU) error {
	if !u.trap.armed || u.trap.lstar == 0 {
		return nil
	}
	s, err := c.Sregs()
	if err != nil {
		return err
	}
	return u.refresh(c, &s)
}

func (u *Unit) refresh(c traced, s *kvm.Sregs) error {
	if u.trap.lstar == 0 {
		return nil
	}
	h, ok := u.pageFaultHandler(s)
	if !ok || h == u.trap.handler {
		return nil // an IDT that cannot be read now is looked at again later
	}
	u.trap.handler = h
	return u.breakAt(c, h)
}

func (u *Unit) breakAt(c traced, linear uint64) error {
	if err := c.BreakAt(linear); err != nil {
		return fmt.Errorf("break at the guest's page-fault handler %#x: %w", linear, err)
	}
	u.trap.at = linear
	return nil
}

// pageFaultHandler is where gate 14 of the IDT leads.
func (u *Unit) pageFaultHandler(s *kvm.Sregs) (uint64, bool) {
	g, ok := u.gate(s, vectorPF)
	return g.offset, ok && g.offset != 0
}

// supervisor is a pager for the CPU's own accesses to its tables and stacks, which are the
// kernel's whatever CPL is, and no subject of SMAP here.
func supervisor(u *Unit, s *kvm.Sregs) pager {
	p := newPager(u.m, &kvm.Regs{RFLAGS: flagAC}, s)
	p.user = false
	return p
}

// Debug goes on after ExitDebug: it makes the entry that SYSCALL should have made, or lets a real
// page fault take its course. A debug exception of the guest's own is given to the guest.
func (u *Unit) Debug(c *kvm.VCPU) error {
	x := c.Debug()
	return u.debug(c, x.DR6)
}

func (u *Unit) debug(c traced, dr6 uint64) error {
	start := time.Now()
	regs, sregs, err := c.Shared()
	if err != nil {
		return err
	}
	switch {
	case u.trap.at == 0 || regs.RIP != u.trap.at:
		return u.guestDebug(c, regs, sregs, dr6)
	case cpl(sregs) != 0:
		return u.jumped(c, regs, sregs)
	case u.trap.at != u.trap.handler:
		return u.breakAt(c, u.trap.handler) // the handler's first instruction is done
	}
	if f, ok := u.frame(regs, sregs); ok {
		if o := u.origin(regs, sregs, &f); o != realFault {
			did, err := u.enter(c, regs, sregs, &f, o)
			if err == nil {
				u.count(did, start)
			}
			return err
		}
	}
	if err := u.stepOver(c, regs, sregs); err != nil {
		return err
	}
	u.count("page fault stepped", start)
	return u.refresh(c, sregs)
}

// jumped is for a program at the handler's own address. KVM stops it there where it interprets user code, as
// it does with a stack pointer that is not canonical: a program can bring that about by sigreturn. Nothing was
// pushed then: RSP is the program's, and so is what it points at. Hardware cannot fetch the instruction and
// raises a page fault; a kernel that lets its programs execute the handler is none that this can help.
func (u *Unit) jumped(c traced, regs *kvm.Regs, sregs *kvm.Sregs) error {
	start := time.Now()
	p := newPager(u.m, regs, sregs)
	_, err := p.translate(regs.RIP, accessFetch)
	f := &fault{vector: vectorUD}
	errors.As(err, &f)
	if err := c.SetRegs(*regs); err != nil {
		return err
	}
	if err := u.raise(c, sregs, f); err != nil {
		return err
	}
	u.count("jump to the page-fault handler", start)
	return nil
}

// guestDebug raises the #DB that KVM reported instead of delivering, because breakpoints are armed.
func (u *Unit) guestDebug(c traced, regs *kvm.Regs, sregs *kvm.Sregs, dr6 uint64) error {
	d, err := c.DebugRegs()
	if err != nil {
		return err
	}
	d.DR6 = dr6
	if err := c.SetDebugRegs(d); err != nil {
		return err
	}
	if err := c.SetRegs(*regs); err != nil {
		return err
	}
	return u.raise(c, sregs, &fault{vector: vectorDB})
}
