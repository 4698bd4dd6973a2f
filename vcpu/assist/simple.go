package assist

import (
	"crypto/rand"
	"encoding/binary"
	"math/bits"

	"terem/kvm"
)

// Status flags (SDM vol. 1, section 3.4.3).
const (
	flagCF = 1 << 0
	flagZF = 1 << 6

	// statusFlags are OF, SF, ZF, AF, PF and CF.
	statusFlags = 1<<11 | 1<<7 | flagZF | 1<<4 | 1<<2 | flagCF
)

func (x *exec) int3() error { return x.interrupt(vectorBP) }
func (x *exec) intN() error { return x.interrupt(x.in.imm) }

// interrupt is an instruction that asks for a vector. A program may go through the gates that the kernel has
// opened for that and no others (SDM vol. 3, section 6.12.1.1); vectors 3 and 4 then are traps, raised with
// RIP behind the instruction. KVM delivers no others from here.
func (x *exec) interrupt(vector uint8) error {
	const idt = 1 << 1 // of the error code: it names an entry of the IDT
	if x.user {
		refused := &fault{vector: vectorGP, hasCode: true, code: uint32(vector)<<3 | idt}
		switch g, ok := x.u.descriptor(&x.sregs, vector); {
		case !ok || g.dpl != 3:
			return refused
		case !g.present:
			refused.vector = vectorNP
			return refused
		}
	}
	if vector != vectorBP && vector != vectorOF {
		return errUnknown
	}
	x.trap = &fault{vector: vector}
	return nil
}

func (x *exec) nop() error { return nil }

// fwait waits for x87 exceptions that are pending. KVM_GET_FPU would show them; a kernel uses the
// instruction where it has none (before it saves a task's state), so that is not looked for.
func (x *exec) fwait() error {
	const cr0MP = 1 << 1
	if x.sregs.CR0&cr0MP != 0 && x.sregs.CR0&cr0TS != 0 {
		return noDevice()
	}
	return nil
}

func (x *exec) clac() error { return x.alignmentCheck(0) }
func (x *exec) stac() error { return x.alignmentCheck(flagAC) }

func (x *exec) alignmentCheck(ac uint64) error {
	if x.user {
		return undefined()
	}
	x.regs.RFLAGS = x.regs.RFLAGS&^flagAC | ac
	return nil
}

// undefined is UD0, UD1 and UD2, by which a kernel says that something is wrong with it.
func (x *exec) undefined() error { return undefined() }

// noKeys is RDPKRU or WRPKRU, which exist only where the guest was given protection keys.
func (x *exec) noKeys() error { return undefined() }

func (x *exec) xgetbv() error {
	if x.cr4&cr4XSave == 0 {
		return undefined()
	}
	if uint32(x.regs.RCX) > 1 {
		return protection()
	}
	xcr0, err := x.xcr0()
	if err != nil {
		return err
	}
	if uint32(x.regs.RCX) == 1 { // XCR0 and what is in use
		if err := x.c.XSave(&x.u.saved); err != nil {
			return err
		}
		xcr0 &= binary.LittleEndian.Uint64(x.u.saved.Region[xstateBV:])
	}
	x.setEDXEAX(xcr0)
	return nil
}

func (x *exec) setEDXEAX(v uint64) {
	x.regs.RAX, x.regs.RDX = uint64(uint32(v)), v>>32
}

func (x *exec) rdtscp() error {
	tsc, err := x.c.ReadMSR(kvm.MSRTSC)
	if err != nil {
		return err
	}
	aux, err := x.c.ReadMSR(kvm.MSRTSCAux)
	if err != nil {
		return err
	}
	x.setEDXEAX(tsc)
	x.regs.RCX = uint64(uint32(aux))
	return nil
}

func (x *exec) rdpid() error {
	aux, err := x.c.ReadMSR(kvm.MSRTSCAux)
	if err != nil {
		return err
	}
	setRegister(&x.regs, x.in.rm, 8, uint64(uint32(aux)))
	return nil
}

// rdrand is RDRAND and RDSEED: CF says that the number is good, the other flags are cleared.
func (x *exec) rdrand() error {
	var b [8]byte
	if _, err := rand.Read(b[:]); err != nil {
		return err
	}
	setRegister(&x.regs, x.in.rm, x.in.size(), binary.LittleEndian.Uint64(b[:]))
	x.regs.RFLAGS = x.regs.RFLAGS&^statusFlags | flagCF
	return nil
}

func (x *exec) popcnt() error {
	size := x.in.size()
	v, err := x.source(size)
	if err != nil {
		return err
	}
	setRegister(&x.regs, x.in.reg, size, uint64(bits.OnesCount64(v)))
	x.regs.RFLAGS &^= statusFlags
	if v == 0 {
		x.regs.RFLAGS |= flagZF
	}
	return nil
}

// rdbase is RDFSBASE (/0) and RDGSBASE (/1).
func (x *exec) rdbase() error {
	if x.cr4&cr4FSGS == 0 {
		return undefined()
	}
	base := x.sregs.FS.Base
	if x.in.digit() == 1 {
		base = x.sregs.GS.Base
	}
	setRegister(&x.regs, x.in.rm, x.baseSize(), base)
	return nil
}

// wrbase is WRFSBASE (/2) and WRGSBASE (/3). The bases are the MSRs of that name: writing those
// leaves the other segment state alone.
func (x *exec) wrbase() error {
	if x.cr4&cr4FSGS == 0 {
		return undefined()
	}
	base := *register(&x.regs, x.in.rm)
	if x.baseSize() == 4 {
		base = uint64(uint32(base))
	}
	if !x.canonical(base) {
		return protection()
	}
	msr := uint32(kvm.MSRFSBase)
	if x.in.digit() == 3 {
		msr = kvm.MSRGSBase
	}
	return x.c.WriteMSR(msr, base)
}

// baseSize is 8 with REX.W, else 4: a 16-bit form does not exist.
func (x *exec) baseSize() int {
	if x.in.rex&rexW != 0 {
		return 8
	}
	return 4
}
