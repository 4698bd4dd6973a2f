package doctor

import (
	"errors"
	"fmt"
	"runtime"
	"time"

	"terem/kvm"
	"terem/memory"
	"terem/vcpu/assist"
)

// trialLimit bounds all that is tried out in a VM, whatever the guest does.
const trialLimit = time.Second

// trialRAM in bytes.
const trialRAM = 2 << 20

// A trial is a small VM without devices or interrupt chips, in which the backend
// shows what it does.
type trial struct {
	ram *memory.Guest
	vm  *kvm.VM
	cpu *kvm.VCPU
}

// finding is what a trial shows.
type finding struct {
	syscall, kernel bool    // what assist.ProbeSyscall and ProbeKernel found undone
	speed           float64 // instructions per second
}

// try makes a VM, looks for the backend's defects, and measures its speed.
func try(s *kvm.System) (f finding, err error) {
	t, err := newTrial(s)
	if err != nil {
		return f, errors.Join(err, t.close())
	}
	defer func() { err = errors.Join(err, t.close()) }()

	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	t.cpu.Bind()
	kicked := make(chan struct{})
	late := time.AfterFunc(trialLimit, func() { _ = t.cpu.Kick(); close(kicked) })
	defer func() {
		if !late.Stop() {
			<-kicked // before the vCPU's page goes away
		}
	}()

	if f.syscall, err = assist.ProbeSyscall(t.cpu, t.ram); err != nil {
		return f, err
	}
	if f.kernel, err = assist.ProbeKernel(t.cpu, t.ram); err != nil {
		return f, err
	}
	f.speed, err = t.speed()
	return f, err
}

// newTrial gives what there is of a VM also with an error, to be closed.
func newTrial(s *kvm.System) (t trial, err error) {
	if t.ram, err = memory.New(trialRAM); err != nil {
		return t, fmt.Errorf("memory for a guest: %w", err)
	}
	if t.vm, err = s.CreateVM(); err != nil {
		return t, err
	}
	for i, r := range t.ram.Regions() {
		if err := t.vm.Map(uint32(i), uint64(r.Addr), r.Host, 0); err != nil {
			return t, err
		}
	}
	if t.cpu, err = t.vm.CreateVCPU(0); err != nil {
		return t, err
	}
	leaves, err := s.SupportedCPUID()
	if err != nil {
		return t, err
	}
	return t, t.cpu.SetCPUID(leaves)
}

func (t trial) close() error {
	var errs []error
	if t.cpu != nil {
		errs = append(errs, t.cpu.Close())
	}
	if t.vm != nil {
		errs = append(errs, t.vm.Close())
	}
	if t.ram != nil {
		errs = append(errs, t.ram.Close())
	}
	return errors.Join(errs...)
}
