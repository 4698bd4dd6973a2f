package vcpu

import (
	"errors"

	"terem/kvm"
)

// enter runs the guest until a command waits or the guest ends. On return nothing
// is half done: the last port or memory access is complete.
func (r *Runner) enter() {
	if r.hasEnded() {
		return
	}
	for !r.request.Load() {
		if r.waits != 0 {
			r.wait()
			continue
		}
		r.conf.Ledger.enter()
		reason, err := r.vcpu.Run()
		r.conf.Ledger.exit(reason, err == nil)
		switch {
		case err == nil:
			if end := r.prepared(); end != nil {
				r.finish(*end)
				return
			}
			if end := r.handle(reason); end != nil {
				r.finish(*end)
				return
			}
			// Exits of a kind come in runs: a program's system calls, a driver's ports.
			r.vcpu.ShareRegs(reason == kvm.ExitDebug)
		case errors.Is(err, kvm.ErrInterrupted):
			// A kick, or Go's own signal. Clear first, then the loop looks for a request.
			r.vcpu.ClearKick()
		default:
			r.finish(End{Reason: Failed, Err: err})
			return
		}
	}
	if end := r.settle(); end != nil {
		r.finish(*end)
	}
}

// wait waits for the debugger's Release or for the brake, until there is a request. A token that is left of an earlier request wakes
// it once for nothing.
func (r *Runner) wait() {
	if r.waits&held != 0 {
		<-r.nudge
		return
	}
	if r.conf.Brake.Wait(r.nudge) {
		r.waits &^= braked
	}
}

// settle completes an instruction that is half done, with all the accesses that it
// still makes: what is not answered here would be lost, since registers can be read
// and written, and the guest resumed, only between instructions.
func (r *Runner) settle() *End {
	for {
		r.conf.Ledger.enter()
		reason, more, err := r.vcpu.FinishIO()
		r.conf.Ledger.exit(reason, more)
		if err != nil {
			return &End{Reason: Failed, Err: err}
		}
		if !more {
			return nil
		}
		if end := r.handle(reason); end != nil {
			return end
		}
	}
}

// prepared calls the function of Prepare, until that is done.
func (r *Runner) prepared() *End {
	if r.prepare == nil {
		return nil
	}
	done, err := r.prepare(r.vcpu)
	if err != nil {
		return &End{Reason: Failed, Err: err}
	}
	if done {
		r.prepare = nil
	}
	return nil
}
