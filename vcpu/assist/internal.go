package assist

import (
	"errors"
	"fmt"
	"time"

	"terem/kvm"
)

// exec is one instruction on its way: what was read from the vCPU, and what will be written back.
type exec struct {
	pager
	u     *Unit
	c     cpu
	in    insn
	regs  kvm.Regs
	sregs kvm.Sregs
	trap  *fault // raised after the instruction, not instead of it
}

// Internal carries out the instruction at which KVM left with ExitInternalError. With nil the guest
// may run on: behind the instruction, or into the exception that hardware would raise. Otherwise
// the error is an *Unfinished, or that of a KVM call.
func (u *Unit) Internal(c *kvm.VCPU) error {
	x := c.Internal()
	if err := u.finish(c, x.Suberror, x.Insn); err != nil {
		return err
	}
	return u.Refresh(c)
}

func (u *Unit) finish(c cpu, suberror uint32, insn []byte) error {
	start := time.Now()
	x := &exec{u: u, c: c}
	var err error
	if x.regs, err = c.Regs(); err != nil {
		return err
	}
	if x.sregs, err = c.Sregs(); err != nil {
		return err
	}
	if suberror != kvm.InternalEmulation {
		return unfinished(&x.regs, &x.sregs, insn, suberror, nil)
	}
	x.pager = newPager(u.m, &x.regs, &x.sregs)
	var code [maxInsn]byte
	n, err := x.code(code[:], insn)
	if err != nil {
		return x.instead(insn, err)
	}
	f := x.find(code[:n])
	if f == nil {
		return x.instead(code[:n], errUnknown)
	}
	if err := x.run(f); err != nil {
		if isKVM(err) {
			return err
		}
		return x.instead(code[:n], err)
	}
	u.count(f.name, start)
	return nil
}

// code gets the instruction's bytes from guest memory, or else those that KVM fetched.
func (x *exec) code(dst, insn []byte) (int, error) {
	if !longMode(&x.sregs) {
		return 0, errMode
	}
	n, err := x.fetch(x.regs.RIP, dst)
	if err == nil {
		return n, nil
	}
	if len(insn) == 0 {
		return 0, fmt.Errorf("%w: %w", errFetch, err)
	}
	return copy(dst, insn), nil
}

func (x *exec) find(code []byte) *form {
	in, ok := decode(code)
	if !ok {
		return nil
	}
	x.in = in
	return match(&x.in)
}

// run executes the instruction and commits its result, or raises its fault with the registers as
// they were. The general registers are always written, see raise.
func (x *exec) run(f *form) error {
	before := x.regs
	err := f.exec(x)
	var raised *fault
	switch {
	case errors.As(err, &raised):
		x.regs = before
	case err != nil:
		x.regs = before
		return err
	default:
		x.regs.RIP += uint64(x.in.len)
		raised = x.trap
	}
	if err := x.c.SetRegs(x.regs); err != nil {
		return err
	}
	if raised == nil {
		return nil
	}
	return x.u.raise(x.c, &x.sregs, raised)
}

func isKVM(err error) bool {
	var e *kvm.Error
	return errors.As(err, &e)
}
