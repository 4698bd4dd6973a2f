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
	if err := r.vcpu.FinishIO(); err != nil && !r.hasEnded() {
		r.finish(End{Reason: Failed, Err: err})
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
