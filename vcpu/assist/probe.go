package assist

import (
	"errors"
	"fmt"

	"terem/kvm"
	"terem/memory"
)

// Probes find out what a backend does otherwise than a CPU, by running a few instructions on vCPU 0 of
// the VM to be, in its own low RAM. They are called after SetCPUID and before anything is loaded; the
// vCPU is afterwards as it was, and the RAM zero.
//
//	PageTables +0, +0x1000, +0x2000  one 2 MiB page at 0, for kernel and user
//	SetupData  +0      0f 05   syscall             at CPL 3, IOPL 3
//	           +0x40   e6 80   out 0x80, al        LSTAR
//	           +0x80   9b      fwait               at CPL 0
//	                   e6 80   out 0x80, al
//	           +0xc0   0f a2   cpuid               at CPL 0, and at CPL 3 with IOPL 3
//	                   e6 80   out 0x80, al

// ProbeSyscall says whether KVM leaves SYSCALL undone, so that each vCPU needs Arm. On hardware it
// takes microseconds, on kvm_pvm 0.3 ms.
func ProbeSyscall(c *kvm.VCPU, m *memory.Guest) (undone bool, err error) {
	err = withProbe(c, m, func(p *probe) error {
		undone, err = p.syscall()
		return err
	})
	return undone, err
}

// ProbeKernel says whether KVM emulates kernel code and leaves some of it undone: expect
// ExitInternalError. Where it does, the failed emulation takes a millisecond, which nobody needs to
// pay who is going to start a guest: what is undone shows itself then.
func ProbeKernel(c *kvm.VCPU, m *memory.Guest) (undone bool, err error) {
	err = withProbe(c, m, func(p *probe) error {
		reason, err := p.after(probeKernel, 0, kvm.Regs{})
		undone = reason != kvm.ExitIO
		if err != nil || undone {
			return err
		}
		return p.finishIO()
	})
	return undone, err
}

const (
	probeUser   = memory.SetupData
	probeEntry  = memory.SetupData + 0x40
	probeKernel = memory.SetupData + 0x80
	probeCPUID  = memory.SetupData + 0xc0

	probeTables   = 3
	probeCode     = 0x100
	probeKernelCS = 0x10
	probeUserCS   = 0x33
	probeUserSS   = 0x2b
)

type probe struct {
	c *kvm.VCPU
	m *memory.Guest

	regs   kvm.Regs
	sregs  kvm.Sregs
	events kvm.VCPUEvents
	msrs   [3]kvm.MSR
}

// withProbe sets the stage for f, and clears it.
func withProbe(c *kvm.VCPU, m *memory.Guest, f func(*probe) error) error {
	p := &probe{c: c, m: m}
	err := errors.Join(p.save(), p.load())
	if err == nil {
		err = f(p)
	}
	if err = errors.Join(err, p.restore(), p.wipe()); err != nil {
		return fmt.Errorf("probe the KVM backend: %w", err)
	}
	return nil
}

func (p *probe) syscall() (undone bool, err error) {
	reason, err := p.after(probeUser, 3, kvm.Regs{})
	if err != nil || reason != kvm.ExitIO {
		return true, err
	}
	sregs, err := p.c.Sregs()
	if err != nil {
		return false, err
	}
	return cpl(&sregs) != 0, p.finishIO()
}

// save reads what the probe changes.
func (p *probe) save() (err error) {
	if p.regs, err = p.c.Regs(); err != nil {
		return err
	}
	if p.sregs, err = p.c.Sregs(); err != nil {
		return err
	}
	if p.events, err = p.c.Events(); err != nil {
		return err
	}
	for i, index := range []uint32{kvm.MSRSTAR, kvm.MSRLSTAR, kvm.MSRFMASK} {
		p.msrs[i].Index = index
	}
	return p.c.MSRs(p.msrs[:])
}

// restore undoes it. Writing the general registers also drops an exception that KVM left pending.
func (p *probe) restore() error {
	return errors.Join(p.c.SetSregs(p.sregs), p.c.SetMSRs(p.msrs[:]), p.c.SetRegs(p.regs),
		p.c.SetEvents(p.events))
}

// load writes the page tables, the code and the MSRs.
func (p *probe) load() error {
	const link = pteP | pteRW | pteUS
	const table = memory.PageTables
	set := []kvm.MSR{
		{Index: kvm.MSRSTAR, Data: probeKernelCS << 32},
		{Index: kvm.MSRLSTAR, Data: uint64(probeEntry)},
		{Index: kvm.MSRFMASK, Data: flagIF},
	}
	return errors.Join(
		p.m.Store64(table, uint64(table+memory.PageSize)|link),
		p.m.Store64(table+memory.PageSize, uint64(table+2*memory.PageSize)|link),
		p.m.Store64(table+2*memory.PageSize, link|ptePS),
		p.m.Write(probeUser, []byte{0x0f, 0x05}),
		p.m.Write(probeEntry, []byte{0xe6, 0x80}),
		p.m.Write(probeKernel, []byte{0x9b, 0xe6, 0x80}),
		p.m.Write(probeCPUID, []byte{0x0f, 0xa2, 0xe6, 0x80}),
		p.c.SetMSRs(set),
	)
}

func (p *probe) wipe() error {
	tables, err := p.m.Slice(memory.PageTables, probeTables*memory.PageSize)
	if err != nil {
		return err
	}
	code, err := p.m.Slice(probeUser, probeCode)
	if err != nil {
		return err
	}
	clear(tables)
	clear(code)
	return nil
}

// after starts at rip with the given privilege and general registers, and says how the guest came
// back. There is no IDT: an exception ends with ExitShutdown.
func (p *probe) after(rip memory.Addr, dpl uint8, r kvm.Regs) (kvm.ExitReason, error) {
	const (
		cr0PE, cr0NE = 1 << 0, 1 << 5
		cr4PAE       = 1 << 5
	)
	s := p.sregs
	s.CR0, s.CR3, s.CR4 = cr0PE|cr0NE|cr0PG, uint64(memory.PageTables), cr4PAE
	s.EFER = eferSCE | eferLME | eferLMA
	s.CS, s.SS = codeSegment(probeKernelCS, 0), dataSegment(probeKernelCS+8, 0)
	if dpl == 3 {
		s.CS, s.SS = codeSegment(probeUserCS, 3), dataSegment(probeUserSS, 3)
	}
	s.DS, s.ES, s.FS, s.GS = s.SS, s.SS, s.SS, s.SS
	s.IDT = kvm.Descriptor{}
	r.RIP, r.RFLAGS, r.RSP = uint64(rip), flagIOPL|2, uint64(probeUser+probeCode)
	if err := errors.Join(p.c.SetSregs(s), p.c.SetRegs(r)); err != nil {
		return 0, err
	}
	return p.enter()
}

// enter runs the guest; a signal to the thread only makes it try again.
func (p *probe) enter() (kvm.ExitReason, error) {
	const tries = 1000
	for range tries {
		reason, err := p.c.Run()
		if !errors.Is(err, kvm.ErrInterrupted) {
			return reason, err
		}
	}
	return 0, fmt.Errorf("%d attempts: %w", tries, kvm.ErrInterrupted)
}

// finishIO ends the OUT, so that the next entry starts where the registers say.
func (p *probe) finishIO() error {
	defer p.c.ClearKick()
	_, _, err := p.c.FinishIO()
	return err
}
