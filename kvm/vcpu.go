package kvm

import (
	"errors"
	"os"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// VCPU is a virtual CPU. One thread at a time may use it, the one that called
// Bind; Kick alone may be called from anywhere.
type VCPU struct {
	fd   int
	id   int
	page []byte
	run  *runPage
	tid  atomic.Int32

	breakAt uint64  // of BreakAt
	watched Watched // of Watch
}

// ID is the number given to CreateVCPU.
func (c *VCPU) ID() int { return c.id }

// Close unmaps the shared page and closes the descriptor. No Run may be under way.
func (c *VCPU) Close() error {
	if err := unix.Munmap(c.page); err != nil {
		return wrap("munmap vCPU", err)
	}
	return closeFD(&c.fd)
}

// Bind says that the calling OS thread runs this vCPU from now on. The goroutine
// must be locked to its thread.
func (c *VCPU) Bind() { c.tid.Store(int32(unix.Gettid())) }

// Run executes the guest until it needs the VMM. It returns ErrInterrupted after a
// Kick or any other signal to the thread; the exit views are stale then.
//
// The system call goes through the Go scheduler (not RawSyscall): a guest may sit
// in HLT for hours, and must hold up neither a P nor the garbage collector.
func (c *VCPU) Run() (ExitReason, error) {
	const req = 0xAE00 | nrRun // _IO(KVMIO, 0x80)
	_, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(c.fd), req, 0)
	switch e {
	case 0:
		return ExitReason(c.run.exitReason), nil
	case unix.EINTR, unix.EAGAIN:
		return 0, ErrInterrupted
	default:
		return 0, &Error{Op: "KVM_RUN", Err: e}
	}
}

// Kick makes the Run that is under way, or else the next one, return
// ErrInterrupted, until ClearKick. It is safe from any goroutine.
//
// The flag alone stops a vCPU that is about to enter the guest; the signal stops
// one that is inside. SIGURG is the signal with which Go preempts threads: the
// runtime has a handler for it and ignores one too many.
func (c *VCPU) Kick() error {
	atomic.StoreUint32(&c.run.entry, immediateExit)
	tid := int(c.tid.Load())
	if tid == 0 {
		return nil // nobody is running it: the flag is enough
	}
	err := unix.Tgkill(os.Getpid(), tid, unix.SIGURG)
	if err == unix.ESRCH {
		return nil // the thread is gone, so it is not in the guest
	}
	return wrap("tgkill", err)
}

// ClearKick lets Run enter the guest again. Only the vCPU's own thread may call it,
// and must look for requests *after* it: a Kick that came in between is lost
// otherwise.
func (c *VCPU) ClearKick() { atomic.StoreUint32(&c.run.entry, 0) }

// FinishIO completes the port or MMIO access of the last exit, without letting the
// guest run on. After it, the registers are those after the instruction.
//
// An instruction may make several accesses: one for each element of a string that
// is copied from device memory, one for each eight bytes of a wider value. While
// more is true, reason is the exit of the next one: answer it and call again. KVM
// bounds their number, whatever the guest does (arch/x86/kvm/emulate.c takes 1024
// elements of a string at a time).
func (c *VCPU) FinishIO() (reason ExitReason, more bool, err error) {
	atomic.StoreUint32(&c.run.entry, immediateExit)
	reason, err = c.Run()
	if errors.Is(err, ErrInterrupted) {
		return 0, false, nil
	}
	return reason, err == nil, err
}

// Stats reads the vCPU's own counters.
func (c *VCPU) Stats() (Stats, error) { return readStats(c.fd) }
