package assist

import (
	"encoding/binary"
	"errors"

	"terem/kvm"
)

// frame is what the CPU pushed for a page fault (SDM vol. 3, figure 6-9), lowest address first.
type frame struct {
	code, rip, cs, rflags, rsp, ss uint64
}

const frameSize = 6 * 8

func (u *Unit) frame(regs *kvm.Regs, sregs *kvm.Sregs) (frame, bool) {
	var b [frameSize]byte
	p := supervisor(u, sregs)
	if p.read(regs.RSP, b[:]) != nil {
		return frame{}, false
	}
	at := func(i int) uint64 { return binary.LittleEndian.Uint64(b[8*i:]) }
	return frame{at(0), at(1), at(2), at(3), at(4), at(5)}, true
}

const (
	flagFixed = 1 << 1 // always set
	flagIF    = 1 << 9
	flagDF    = 1 << 10
	flagIOPL  = 3 << 12

	// userFlags are the flags that user code changes at will: the status flags, TF, DF, NT, AC and ID.
	userFlags = statusFlags | 1<<8 | flagDF | 1<<14 | flagAC | 1<<21

	selectorRPL   = 3
	syscallLength = 2
)

// origin is where a page fault at the handler comes from.
type origin int

const (
	realFault    origin = iota
	fromSyscall         // the fetch at LSTAR after an unfinished SYSCALL
	fromLostPage        // the same, or a jump; the page of the SYSCALL is gone, and nobody can tell
)

// origin tells the fetch fault of an unfinished SYSCALL from a real fault.
func (u *Unit) origin(regs *kvm.Regs, sregs *kvm.Sregs, f *frame) origin {
	if sregs.CR2 != u.trap.lstar || f.rip != u.trap.lstar || f.cs&selectorRPL != selectorRPL {
		return realFault
	}
	return u.lookAt(regs.RCX-syscallLength, sregs)
}

// lookAt looks for the instruction that RCX claims to follow: a user program may as well have jumped to
// LSTAR, which must stay a fault. Another thread may have dropped the page since it was executed
// (MADV_DONTNEED, mprotect): then its bytes are not to be had as the program has them.
func (u *Unit) lookAt(linear uint64, sregs *kvm.Sregs) origin {
	p := supervisor(u, sregs)
	p.user = true
	for i, want := range [syscallLength]byte{0x0f, 0x05} {
		var b [1]byte
		if _, err := p.fetch(linear+uint64(i), b[:]); err != nil {
			return p.lost(linear+uint64(i), err)
		}
		if b[0] != want {
			return realFault
		}
	}
	return fromSyscall
}

// lost judges a fetch that failed: of a page that is not there, or that a program may read and not execute.
// What is the kernel's own was never executed by a program.
func (p *pager) lost(linear uint64, err error) origin {
	var f *fault
	if !errors.As(err, &f) || f.vector != vectorPF {
		return realFault
	}
	if f.code&codePresent != 0 {
		if _, err := p.translate(linear, accessRead); err != nil {
			return realFault
		}
	}
	return fromLostPage
}

// enter undoes the fault and does what SYSCALL does. With an interrupt that KVM has begun to
// deliver, the guest goes back to the SYSCALL instead, takes the interrupt there, and executes the
// SYSCALL again: an interrupt frame of a user belongs to a user's CS. And where the SYSCALL's page is lost it
// goes back as well: the true fault happens there, the guest's kernel brings the page, and the program
// executes what that holds. The result names what was done.
//
// RCX and R11 are what the SYSCALL left, or what a program put there that jumped to LSTAR. So R11 is
// cut down to flags that a program may change.
func (u *Unit) enter(c traced, regs *kvm.Regs, sregs *kvm.Sregs, f *frame, o origin) (string, error) {
	pending, err := u.settle(c, sregs)
	if err != nil {
		return "", err
	}
	if !u.trap.known { // Linux writes FMASK after LSTAR
		if err := u.learn(c); err != nil {
			return "", err
		}
	}
	flags := regs.R11&userFlags | f.rflags&flagIOPL | flagIF | flagFixed
	regs.RSP = f.rsp
	c.MarkShared(true)
	if pending || o == fromLostPage {
		regs.RIP, regs.RFLAGS = regs.RCX-syscallLength, flags
		sregs.CS, sregs.SS = codeSegment(uint16(f.cs), 3), dataSegment(uint16(f.ss), 3)
		if o == fromLostPage {
			return "SYSCALL whose page is gone", nil
		}
		return "rewound SYSCALL", nil
	}
	selector := uint16(u.trap.star>>32) &^ selectorRPL
	regs.R11 = flags
	regs.RIP, regs.RFLAGS = u.trap.lstar, flags&^u.trap.fmask|flagFixed
	sregs.CS, sregs.SS = codeSegment(selector, 0), dataSegment(selector+8, 0)
	return "SYSCALL", nil
}

// codeSegment is the flat 64-bit code segment that SYSCALL loads (SDM vol. 2, SYSCALL).
func codeSegment(selector uint16, dpl uint8) kvm.Segment {
	const executeReadAccessed = 11
	return kvm.Segment{
		Selector: selector, Limit: 0xffff_ffff, Typ: executeReadAccessed, DPL: dpl,
		Present: 1, S: 1, L: 1, G: 1,
	}
}

// dataSegment is the flat stack segment that goes with it.
func dataSegment(selector uint16, dpl uint8) kvm.Segment {
	const readWriteAccessed = 3
	return kvm.Segment{
		Selector: selector, Limit: 0xffff_ffff, Typ: readWriteAccessed, DPL: dpl,
		Present: 1, S: 1, DB: 1, G: 1,
	}
}
