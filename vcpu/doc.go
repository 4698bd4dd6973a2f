// Package vcpu runs a virtual CPU: one goroutine, locked to one thread, that
// enters the guest, answers its port and memory accesses from a bus, and stops
// when it is told to.
//
// A Runner is in one of these states:
//
//	          Start          Resume
//	(none) ──────────► Paused ──────► Running
//	                     ▲   Pause       │
//	                     ├───────────────┤
//	                     │               │ the guest ends itself
//	                Stop ▼               ▼
//	                  Stopped ◄─────── Ended
//	                             Stop
//
// Do works in Paused and Ended. Every transition may be asked for from any
// goroutine, at any moment; it is done in bounded time, whatever the guest does:
// HLT with interrupts off, or a jump to itself.
//
// How a vCPU is stopped (see Documentation/virt/kvm/vcpu-requests.rst and
// kvm_run.immediate_exit in api.rst): the asker sets a request, then
// immediate_exit, then signals the thread, and repeats that until it is heard.
// The vCPU's thread clears immediate_exit and only then looks for a request, so
// that none is lost in between.
//
// Devices answer at once. A vCPU that writes faster than somebody takes it waits outside
// of them, for its Brake, and is woken by a request there as well.
//
// Read first: runner.go (the states), loop.go (entering the guest), exit.go (what
// an exit leads to), ledger.go (what exits cost).
package vcpu
