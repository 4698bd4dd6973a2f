package assist

import (
	"encoding/binary"
	"fmt"
	"testing"

	"golang.org/x/sys/unix"

	"terem/kvm"
	"terem/memory"
)

// Where things lie in the guest of the tests: 2 MiB of RAM, mapped one to one in pages of 4 KiB for
// the kernel, but for the pages that are named here.
const (
	fakePML4      = 0x1000
	fakePDPT      = 0x2000
	fakePD        = 0x3000
	fakePT        = 0x4000
	fakeIDT       = 0x5000
	fakeCode      = 0x10000
	fakeData      = 0x12000
	pageAbsent    = 0x20000
	pageReadRO    = 0x21000 // readable
	pageUser      = 0x22000 // for user and kernel, executable
	pageNoRAM     = 0x23000 // leads out of guest RAM
	pageNoExec    = 0x24000
	pageUserNX    = 0x25000 // for user and kernel, not executable
	pageUserNoRAM = 0x26000
	linearHuge    = 0x200000 // a 2 MiB page that shows all of RAM again
	fakeHandler   = 0x18000
	fakeLSTAR     = 0x19000
	fakeStack     = 0x1a000
	fakeRAM       = 2 << 20
)

// fakeCPU is a vCPU without KVM: registers in a struct.
type fakeCPU struct {
	regs   kvm.Regs
	sregs  kvm.Sregs
	events kvm.VCPUEvents
	lapic  kvm.LAPICState
	xsave  kvm.XSave
	xcr0   uint64
	dr     kvm.DebugRegs
	msrs   map[uint32]uint64

	breakpoint uint64
	dirty      bool // MarkShared
	dirtySregs bool
	fail       error // what every call returns
}

func (f *fakeCPU) Regs() (kvm.Regs, error)           { return f.regs, f.fail }
func (f *fakeCPU) SetRegs(r kvm.Regs) error          { f.regs = r; return f.fail }
func (f *fakeCPU) Sregs() (kvm.Sregs, error)         { return f.sregs, f.fail }
func (f *fakeCPU) SetSregs(s kvm.Sregs) error        { f.sregs = s; return f.fail }
func (f *fakeCPU) Events() (kvm.VCPUEvents, error)   { return f.events, f.fail }
func (f *fakeCPU) SetEvents(e kvm.VCPUEvents) error  { f.events = e; return f.fail }
func (f *fakeCPU) LAPIC() (kvm.LAPICState, error)    { return f.lapic, f.fail }
func (f *fakeCPU) XSave(x *kvm.XSave) error          { *x = f.xsave; return f.fail }
func (f *fakeCPU) SetXSave(x *kvm.XSave) error       { f.xsave = *x; return f.fail }
func (f *fakeCPU) DebugRegs() (kvm.DebugRegs, error) { return f.dr, f.fail }
func (f *fakeCPU) SetDebugRegs(d kvm.DebugRegs) error {
	f.dr = d
	return f.fail
}

func (f *fakeCPU) XCRs() (kvm.XCRs, error) {
	var x kvm.XCRs
	x.NrXRCS = 1
	x.Registers[0].Value = f.xcr0
	return x, f.fail
}

func (f *fakeCPU) ReadMSR(i uint32) (uint64, error) { return f.msrs[i], f.fail }

func (f *fakeCPU) WriteMSR(i uint32, v uint64) error {
	if f.msrs == nil {
		f.msrs = map[uint32]uint64{}
	}
	f.msrs[i] = v
	return f.fail
}

func (f *fakeCPU) Shared() (*kvm.Regs, *kvm.Sregs, error) { return &f.regs, &f.sregs, f.fail }
func (f *fakeCPU) BreakAt(at uint64) error                { f.breakpoint = at; return f.fail }

func (f *fakeCPU) MarkShared(sregs bool) {
	f.dirty = true
	f.dirtySregs = f.dirtySregs || sregs
}

// refused is a failing KVM call.
func refused() error { return &kvm.Error{Op: "KVM_TEST", Err: unix.EINVAL} }

// raised is the exception that waits for delivery, "" if there is none.
func (f *fakeCPU) raised() string {
	e := f.events.E
	switch {
	case e.Inject == 0:
		return ""
	case e.HadErrorCode != 0:
		return fmt.Sprintf("%d(%#x)", e.Nr, e.ErrorCode)
	}
	return fmt.Sprintf("%d", e.Nr)
}

// String is what tests print.
func (f *fakeCPU) String() string {
	return fmt.Sprintf("%+v CR2 %#x CR4 %#x raised %q MXCSR %x MSRs %#x",
		f.regs, f.sregs.CR2, f.sregs.CR4, f.raised(), f.xsave.Region[mxcsrOffset:][:2], f.msrs)
}

// newFake is a vCPU in 64-bit kernel mode, about to execute code, and its guest's RAM.
func newFake(t testing.TB, code ...byte) (*Unit, *fakeCPU, *memory.Guest) {
	t.Helper()
	m, err := memory.New(fakeRAM)
	check(t, err)
	t.Cleanup(func() { check(t, m.Close()) })
	mapFake(t, m)
	check(t, m.Write(fakeCode, code))
	f := &fakeCPU{}
	f.reset()
	return New(m), f, m
}

func (f *fakeCPU) reset() {
	*f = fakeCPU{}
	f.regs.RIP, f.regs.RFLAGS, f.regs.RSP = fakeCode, 2, fakeStack
	f.sregs.CS, f.sregs.SS = codeSegment(0x10, 0), dataSegment(0x18, 0)
	const cr0PE, cr4PAE, cr4OSFXSR = 1 << 0, 1 << 5, 1 << 9
	f.sregs.CR0, f.sregs.CR3 = cr0PE|cr0WP|cr0PG, fakePML4
	f.sregs.CR4 = cr4PAE | cr4OSFXSR | cr4XSave | cr4FSGS
	f.sregs.EFER = eferSCE | eferLME | eferLMA | eferNXE
	f.sregs.FS.Base, f.sregs.GS.Base = 0x100, 0x200
	f.sregs.IDT.Base, f.sregs.IDT.Limit = fakeIDT, 0xfff
	f.xcr0 = componentX87 | componentSSE | componentAVX
	binary.LittleEndian.PutUint32(f.xsave.Region[mxcsrOffset:], initialMXCSR)
}

func mapFake(t testing.TB, m *memory.Guest) {
	t.Helper()
	const all = pteP | pteRW | pteUS
	put := func(at, v uint64) { check(t, m.Store64(memory.Addr(at), v)) }
	put(fakePML4, fakePDPT|all)
	put(fakePDPT, fakePD|all)
	put(fakePD, fakePT|all)
	put(fakePD+8, all|ptePS)
	for page := uint64(0); page < fakeRAM; page += memory.PageSize {
		entry := page | pteP | pteRW
		switch page {
		case pageAbsent:
			entry = 0
		case pageReadRO:
			entry = page | pteP
		case pageUser:
			entry = page | all
		case pageNoRAM:
			entry = 0x4000_0000 | pteP | pteRW
		case pageUserNoRAM:
			entry = 0x4000_0000 | all
		case pageUserNX:
			entry = page | all | pteXD
		case pageNoExec:
			entry |= pteXD
		}
		put(fakePT+page/memory.PageSize*8, entry)
	}
	gate := uint64(fakeIDT + vectorPF*16)
	put(gate, fakeHandler&0xffff|0x10<<16|0x8e<<40|fakeHandler>>16<<48)
	put(gate+8, fakeHandler>>32)
}
