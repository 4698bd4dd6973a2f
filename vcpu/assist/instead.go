package assist

import (
	"errors"
	"time"

	"terem/kvm"
)

// instead gives the guest an exception for an instruction that neither KVM nor this package carries out,
// where that is sound (ADR 0016): what a program does may end that program, and never the machine.
//
//	CPL 3    always: the guest's kernel turns it into a signal
//	CPL 0    where the IDT has a gate for #UD: a kernel that executes, for a program, what this host cannot
//	         finish ends that program ("invalid opcode") and goes on
//
// Else the result is an *Unfinished, which ends the machine: early in a boot, in a kernel that is not in
// 64-bit mode, and for an access of the kernel to memory that is not RAM.
func (x *exec) instead(code []byte, why error) error {
	start := time.Now()
	f := x.exception(why)
	if f == nil {
		return unfinished(&x.regs, &x.sregs, code, kvm.InternalEmulation, why)
	}
	if x.u.given == nil {
		x.u.given = unfinished(&x.regs, &x.sregs, code, kvm.InternalEmulation, why)
	}
	if err := x.c.SetRegs(x.regs); err != nil {
		return err
	}
	if err := x.u.raise(x.c, &x.sregs, f); err != nil {
		return err
	}
	x.u.count(countInstead, start)
	return nil
}

const countInstead = "exception instead"

// exception is what the guest takes, or nil.
func (x *exec) exception(why error) *fault {
	user := cpl(&x.sregs) == 3
	if !user {
		if !longMode(&x.sregs) || errors.Is(why, errNotRAM) {
			return nil
		}
		if _, ok := x.u.gate(&x.sregs, vectorUD); !ok {
			return nil
		}
	}
	var fetch *fault
	switch {
	case errors.As(why, &fetch):
		return fetch
	case errors.Is(why, errNotRAM):
		return &fault{vector: vectorGP, hasCode: true}
	}
	return &fault{vector: vectorUD}
}

// Given is the first instruction for which the guest got an exception instead, or nil.
func (u *Unit) Given() *Unfinished { return u.given }
