// Package exercise runs a virtual CPU that somebody else may stop at any time.
package exercise

import (
	"errors"
	"sync/atomic"

	"exercise/kvm"
)

// CPU is what a Runner needs of a vCPU. A *kvm.VCPU has it. ImmediateExit may be called from any goroutine.
type CPU interface {
	Run() (reason uint32, err error)
	ImmediateExit(on bool)
}

// Runner runs a vCPU. It is used for one Loop and one Stop.
type Runner struct {
	cpu    CPU
	handle func(reason uint32) error
	signal func()

	request atomic.Bool
	ended   chan struct{}
}

// NewRunner makes a Runner. Handle answers an exit. Signal sends the thread that Loop is on a signal, which ends a KVM_RUN that is inside of
// the guest, and does nothing to one that has not begun.
func NewRunner(cpu CPU, handle func(reason uint32) error, signal func()) *Runner {
	return &Runner{cpu: cpu, handle: handle, signal: signal, ended: make(chan struct{})}
}

// Loop runs the vCPU and has its exits answered, until Stop is called: then it returns nil, and the vCPU is between two instructions of the guest.
// An error of the vCPU's or of handle's ends it, too. ImmediateExit may be set when it begins: an earlier Stop has left it so.
func (r *Runner) Loop() error {
	defer close(r.ended)
	pending := false // an access that the next KVM_RUN completes
	for {
		if r.request.Load() {
			return r.finish(pending)
		}
		reason, err := r.cpu.Run()
		pending = false
		if errors.Is(err, kvm.ErrInterrupted) {
			r.cpu.ImmediateExit(false) // and only then is the request looked at
			continue
		}
		if err != nil {
			return err
		}
		if err := r.handle(reason); err != nil {
			return err
		}
		pending = reason == kvm.ExitIO || reason == kvm.ExitMMIO
	}
}

// finish completes an access, and all further ones that its instruction makes.
func (r *Runner) finish(pending bool) error {
	for pending {
		r.cpu.ImmediateExit(true)
		reason, err := r.cpu.Run()
		if errors.Is(err, kvm.ErrInterrupted) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := r.handle(reason); err != nil {
			return err
		}
	}
	return nil
}

// Stop ends Loop, which another goroutine is in, or will be. When it returns, Loop has ended.
func (r *Runner) Stop() {
	r.request.Store(true)
	r.cpu.ImmediateExit(true)
	r.signal()
	<-r.ended
}
