package doctor

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"terem/kvm"
	"terem/memory"
)

// Rounds of the measured loop: some milliseconds on an emulator; and, where they
// pass too quickly to be measured, as many on a CPU.
const (
	fewRounds  = 4_000
	manyRounds = 10_000_000
	tooQuick   = 200 * time.Microsecond
	speedRuns  = 3
)

// loop is a guest that counts a register down, in 64-bit mode, at CPL 0, where a
// guest's kernel runs:
//
//	b9 imm32      mov ecx, rounds
//	ff c9      1: dec ecx
//	75 fc         jnz 1b
//	f4            hlt
func loop(rounds uint32) []byte {
	code := binary.LittleEndian.AppendUint32([]byte{0xb9}, rounds)
	return append(code, 0xff, 0xc9, 0x75, 0xfc, 0xf4)
}

// speed measures how many instructions a guest executes per second at the
// privilege of its kernel: the best of some runs.
func (t trial) speed() (perSecond float64, err error) {
	rounds := fewRounds
	for range speedRuns {
		took, err := t.run(loop(uint32(rounds)))
		if err != nil {
			return 0, err
		}
		perSecond = max(perSecond, float64(2*rounds)/max(took, 1).Seconds())
		if took < tooQuick {
			rounds = manyRounds
		}
	}
	return perSecond, nil
}

// run executes code in 64-bit mode until HLT, and says how much CPU time that took.
func (t trial) run(code []byte) (time.Duration, error) {
	if err := errors.Join(t.writePageTables(), t.ram.Write(memory.SetupData, code), t.enterLongMode()); err != nil {
		return 0, err
	}
	begin, beginCPU := time.Now(), threadTime()
	for {
		reason, err := t.cpu.Run()
		switch {
		case errors.Is(err, kvm.ErrInterrupted) && time.Since(begin) < trialLimit:
			continue // Go's own preemption of the thread
		case err != nil:
			return 0, err
		case reason != kvm.ExitHLT:
			return 0, fmt.Errorf("KVM_RUN ended with %v instead of HLT", reason)
		}
		return threadTime() - beginCPU, nil
	}
}

// threadTime is the CPU time of this thread, its guest's included: a busy host
// does not distort it.
func threadTime() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts); err != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}

// Bits of page table entries (Intel SDM vol. 3, section 5.5.4), of the control
// registers (section 2.5) and of EFER (section 2.2.1).
const (
	pagePresent      = 1 << 0
	pageWritable     = 1 << 1
	pageLarge        = 1 << 7
	cr0ProtectedMode = 1 << 0
	cr0NumericError  = 1 << 5
	cr0Paging        = 1 << 31
	cr4PAE           = 1 << 5
	eferLongEnable   = 1 << 8
	eferLongActive   = 1 << 10
	rflagsReserved   = 1 << 1
)

// writePageTables maps the first 2 MiB of linear addresses to themselves.
func (t trial) writePageTables() error {
	const (
		pml4 = memory.PageTables
		pdpt = pml4 + memory.PageSize
		pd   = pdpt + memory.PageSize
		bits = pagePresent | pageWritable
	)
	return errors.Join(
		t.ram.Store64(pml4, uint64(pdpt)|bits),
		t.ram.Store64(pdpt, uint64(pd)|bits),
		t.ram.Store64(pd, bits|pageLarge))
}

// enterLongMode sets the vCPU to the code.
func (t trial) enterLongMode() error {
	s, err := t.cpu.Sregs()
	if err != nil {
		return err
	}
	s.CR0, s.CR3, s.CR4 = cr0ProtectedMode|cr0NumericError|cr0Paging, uint64(memory.PageTables), cr4PAE
	s.EFER = eferLongEnable | eferLongActive
	s.CS = kvm.Segment{Selector: 0x08, Limit: 0xffff_ffff, Typ: 0xb, Present: 1, S: 1, L: 1, G: 1}
	data := kvm.Segment{Selector: 0x10, Limit: 0xffff_ffff, Typ: 0x3, Present: 1, S: 1, DB: 1, G: 1}
	s.DS, s.ES, s.FS, s.GS, s.SS = data, data, data, data, data
	if err := t.cpu.SetSregs(s); err != nil {
		return err
	}
	return t.cpu.SetRegs(kvm.Regs{RIP: uint64(memory.SetupData), RFLAGS: rflagsReserved})
}
