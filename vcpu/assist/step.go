package assist

import (
	"fmt"

	"golang.org/x/arch/x86/x86asm"

	"terem/kvm"
)

// stepOver gets the guest past the breakpoint at its page-fault handler. A host breakpoint has no
// resume flag, so the first instruction is carried out here if it is one of those with which
// handlers begin. For any other, the breakpoint is moved to the instruction after it for a moment.
func (u *Unit) stepOver(c traced, regs *kvm.Regs, sregs *kvm.Sregs) error {
	var code [maxInsn]byte
	p := newPager(u.m, regs, sregs)
	n, err := p.fetch(regs.RIP, code[:])
	if err != nil {
		return unfinished(regs, sregs, nil, 0, err)
	}
	if length := firstInstruction(code[:n], regs); length != 0 {
		regs.RIP += length
		c.MarkShared(false)
		return nil
	}
	in, err := x86asm.Decode(code[:n], 64)
	if err != nil || branches(in.Op) {
		return unfinished(regs, sregs, code[:n], 0, fmt.Errorf("first of a page-fault handler: %w", errUnknown))
	}
	return u.breakAt(c, regs.RIP+uint64(in.Len))
}

// firstInstruction carries out an instruction without operands and gives its length, or 0.
//
//	f3 0f 1e fa  endbr64      90, 66 90, 0f 1f 00  nop
//	0f 01 ca     clac         fc  cld              fa  cli
func firstInstruction(code []byte, regs *kvm.Regs) uint64 {
	starts := func(b ...byte) bool { return len(code) >= len(b) && string(code[:len(b)]) == string(b) }
	switch {
	case starts(0xf3, 0x0f, 0x1e, 0xfa):
		return 4
	case starts(0x0f, 0x1f, 0x00):
		return 3
	case starts(0x0f, 0x01, 0xca):
		regs.RFLAGS &^= flagAC
		return 3
	case starts(0x66, 0x90):
		return 2
	case starts(0x90):
		return 1
	case starts(0xfc):
		regs.RFLAGS &^= flagDF
		return 1
	case starts(0xfa):
		regs.RFLAGS &^= flagIF
		return 1
	}
	return 0
}

// branches says whether an instruction may continue elsewhere than behind itself.
func branches(op x86asm.Op) bool {
	switch op {
	case x86asm.JMP, x86asm.LJMP, x86asm.CALL, x86asm.LCALL, x86asm.RET, x86asm.LRET,
		x86asm.IRET, x86asm.IRETD, x86asm.IRETQ, x86asm.SYSCALL, x86asm.SYSRET,
		x86asm.SYSENTER, x86asm.SYSEXIT, x86asm.INT, x86asm.INTO, x86asm.HLT,
		x86asm.LOOP, x86asm.LOOPE, x86asm.LOOPNE, x86asm.JCXZ, x86asm.JECXZ, x86asm.JRCXZ,
		x86asm.JA, x86asm.JAE, x86asm.JB, x86asm.JBE, x86asm.JE, x86asm.JG, x86asm.JGE, x86asm.JL,
		x86asm.JLE, x86asm.JNE, x86asm.JNO, x86asm.JNP, x86asm.JNS, x86asm.JO, x86asm.JP, x86asm.JS:
		return true
	}
	return false
}
