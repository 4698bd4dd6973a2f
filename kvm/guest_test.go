package kvm_test

import (
	"errors"
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"terem/internal/kvmtest"
	"terem/kvm"
)

const entry, ramSize = 0x1000, 0x10000

// guest is a VM with one vCPU in real mode at the start of code. The test's
// goroutine is the vCPU's thread.
type guest struct {
	sys *kvm.System
	vm  *kvm.VM
	cpu *kvm.VCPU
	ram []byte
}

func newGuest(t testing.TB, code ...byte) *guest {
	t.Helper()
	g := &guest{sys: kvmtest.Open(t)}
	var err error
	g.vm, err = g.sys.CreateVM()
	check(t, err)
	t.Cleanup(func() { check(t, g.vm.Close()) })
	g.ram, err = unix.Mmap(-1, 0, ramSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	check(t, err)
	copy(g.ram[entry:], code)
	check(t, g.vm.Map(0, 0, g.ram, 0))
	check(t, g.vm.SetIdentityMapAddr(0xfffbc000))
	check(t, g.vm.SetTSSAddr(0xfffbd000))
	check(t, g.vm.CreateIRQChip())
	g.cpu, err = g.vm.CreateVCPU(0)
	check(t, err)
	runtime.LockOSThread()
	t.Cleanup(func() {
		check(t, g.cpu.Close())
		check(t, unix.Munmap(g.ram))
		runtime.UnlockOSThread()
	})
	g.cpu.Bind()
	g.enter(t)
	return g
}

// enter puts the vCPU at the start of the code, interrupts off.
func (g *guest) enter(t testing.TB) {
	t.Helper()
	s, err := g.cpu.Sregs()
	check(t, err)
	s.CS.Base, s.CS.Selector = 0, 0
	check(t, g.cpu.SetSregs(s))
	check(t, g.cpu.SetRegs(kvm.Regs{RIP: entry, RFLAGS: 2, RSP: 0x8000}))
}

// run runs the guest up to its next exit, which must be for that reason.
func (g *guest) run(t testing.TB, want kvm.ExitReason) {
	t.Helper()
	for {
		got, err := g.cpu.Run()
		if errors.Is(err, kvm.ErrInterrupted) {
			continue // Go's own preemption
		}
		check(t, err)
		if got != want {
			t.Fatalf("exit %v, want %v", got, want)
		}
		return
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func openFiles(t testing.TB) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	check(t, err)
	return len(entries)
}

// finish completes the access of the last exit, of which nothing more is to come.
func (g *guest) finish(t testing.TB) {
	t.Helper()
	if reason, more, err := g.cpu.FinishIO(); more || err != nil {
		t.Fatalf("FinishIO: exit %v, more %v, %v", reason, more, err)
	}
}
