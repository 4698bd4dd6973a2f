package doctor

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"terem/kvm"
)

// speedLimit bounds the measurement, whatever the guest does.
const speedLimit = time.Second

// Rounds of the measured loop: a few milliseconds on an emulator; and, where they
// pass too quickly to be measured, as many on a CPU.
const (
	fewRounds  = 4_000
	manyRounds = 10_000_000
	tooQuick   = 200 * time.Microsecond
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

// kernelSpeed measures how many instructions a guest executes per second at the
// privilege of its kernel: the best of some runs, as whatever else the host does
// makes a run slower and never quicker.
func kernelSpeed(s *kvm.System) (perSecond float64, err error) {
	rounds := fewRounds
	for range 3 {
		took, err := runLoop(s, uint32(rounds))
		if err != nil {
			return 0, err
		}
		perSecond = max(perSecond, float64(2*rounds)/took.Seconds())
		if took < tooQuick {
			rounds = manyRounds
		}
	}
	return perSecond, nil
}

// runLoop makes a VM with a few pages of memory and no devices, runs the loop in
// it until HLT, and says how long that took.
func runLoop(s *kvm.System, rounds uint32) (time.Duration, error) {
	ram, err := unix.Mmap(-1, 0, ramSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return 0, fmt.Errorf("map memory for a guest: %w", err)
	}
	defer unix.Munmap(ram)
	writePageTables(ram)
	copy(ram[codeAddr:], loop(rounds))

	vm, err := s.CreateVM()
	if err != nil {
		return 0, err
	}
	defer vm.Close()
	if err := vm.Map(0, 0, ram, 0); err != nil {
		return 0, err
	}
	cpu, err := vm.CreateVCPU(0)
	if err != nil {
		return 0, err
	}
	defer cpu.Close()
	if err := startLong(s, cpu); err != nil {
		return 0, err
	}
	return untilHalt(cpu)
}

// untilHalt runs the vCPU to its HLT, for speedLimit at the most.
func untilHalt(cpu *kvm.VCPU) (time.Duration, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cpu.Bind()
	begin := time.Now()
	late := time.AfterFunc(speedLimit, func() { _ = cpu.Kick() })
	defer late.Stop()
	for {
		reason, err := cpu.Run()
		took := time.Since(begin)
		switch {
		case err == kvm.ErrInterrupted && took < speedLimit:
			continue // Go's own preemption of the thread
		case err != nil:
			return 0, err
		case reason != kvm.ExitHLT:
			return 0, fmt.Errorf("KVM_RUN ended with %v instead of HLT", reason)
		}
		return took, nil
	}
}
