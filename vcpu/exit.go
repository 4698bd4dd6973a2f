package vcpu

import (
	"fmt"

	"terem/kvm"
)

// handle answers one exit; nil means that the guest runs on. Port and memory
// accesses, the hot path, allocate nothing.
func (r *Runner) handle(reason kvm.ExitReason) *End {
	switch reason {
	case kvm.ExitIO:
		r.port(r.vcpu.IO())
	case kvm.ExitMMIO:
		r.memory(r.vcpu.MMIO())
	case kvm.ExitIRQWindow, kvm.ExitIntr:
	case kvm.ExitInternalError:
		return r.assisted(Assistant.Internal, reason)
	case kvm.ExitDebug:
		return r.debugged()
	case kvm.ExitWRMSR:
		return r.assisted(Assistant.WriteMSR, reason)
	case kvm.ExitRDMSR:
		r.vcpu.MSR().Done(false)
	case kvm.ExitShutdown:
		return &End{Reason: TripleFault}
	case kvm.ExitSystemEvent:
		return systemEvent(r.vcpu.SystemEvent())
	default:
		return r.unanswered(reason)
	}
	return nil
}

// port walks through a port access. String instructions (OUTS, INS) arrive as
// Count accesses to one port.
func (r *Runner) port(x kvm.IOExit) {
	port := uint64(x.Port)
	for p := x.Data; len(p) >= x.Size && x.Size > 0; p = p[x.Size:] {
		if x.Out {
			r.conf.Ports.Write(port, p[:x.Size])
		} else {
			r.conf.Ports.Read(port, p[:x.Size])
		}
	}
	r.conf.Ledger.port(x.Port, x.Out)
	if x.Out && r.conf.Brake != nil && r.conf.Brake.Held(port, x.Size) {
		r.waits |= braked
	}
}

func (r *Runner) memory(x kvm.MMIOExit) {
	if x.Write {
		r.conf.Memory.Write(x.Addr, x.Data)
	} else {
		r.conf.Memory.Read(x.Addr, x.Data)
	}
	r.conf.Ledger.mmio(x.Addr, x.Write)
}

// debugged asks the debugger, if there is one.
func (r *Runner) debugged() *End {
	if r.conf.Debug == nil {
		return r.assisted(Assistant.Debug, kvm.ExitDebug)
	}
	answer, err := r.conf.Debug.Stopped(r.conf.ID, r.vcpu)
	if err != nil {
		return &End{Reason: Failed, Err: err}
	}
	if answer == Pass {
		return r.assisted(Assistant.Debug, kvm.ExitDebug)
	}
	if answer == Hold {
		r.waits |= held
	}
	return nil
}

func (r *Runner) assisted(f func(Assistant, *kvm.VCPU) error, reason kvm.ExitReason) *End {
	if r.conf.Assist == nil {
		return r.unanswered(reason)
	}
	if err := f(r.conf.Assist, r.vcpu); err != nil {
		return &End{Reason: Failed, Err: err}
	}
	return nil
}

func systemEvent(kind uint32) *End {
	switch kind {
	case kvm.SystemShutdown:
		return &End{Reason: ShutDown}
	case kvm.SystemReset:
		return &End{Reason: Reset}
	}
	return &End{Reason: Crashed}
}

// unanswered describes an exit that leaves nothing to do.
func (r *Runner) unanswered(reason kvm.ExitReason) *End {
	e := &ExitError{Reason: reason}
	if regs, err := r.vcpu.Regs(); err == nil {
		e.RIP = regs.RIP
	}
	switch reason {
	case kvm.ExitInternalError:
		x := r.vcpu.Internal()
		e.Detail = fmt.Sprintf("suberror %d, instruction % x", x.Suberror, x.Insn)
	case kvm.ExitFailEntry:
		e.Detail = fmt.Sprintf("hardware reason %#x", r.vcpu.FailEntry())
	}
	return &End{Reason: Failed, Err: e}
}
