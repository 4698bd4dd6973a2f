package main

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"exercise"
	"exercise/kvm"
)

// step is what the vCPU of a scene does in one Run.
//
//	exit     it comes back with a reason; More accesses of the same instruction follow, Stop: somebody stops it meanwhile
//	signal   a signal that means nothing interrupts it
//	inside   the guest runs, and then somebody stops it
//	late     somebody stops it when Loop has looked already and KVM_RUN has not begun
//	clearing a signal that means nothing, and somebody stops it when Loop is about to clear immediate_exit
//	before   (the first one only) somebody stops it before Loop begins
//	flagged  (the first one only) immediate_exit is set when Loop begins
type step struct {
	Kind   string `json:"kind"`
	Reason uint32 `json:"reason"`
	More   int    `json:"more"`
	Stop   bool   `json:"stop"`
}

var errLost = errors.New("the guest runs for ever")

// fake is a vCPU that follows a script.
type fake struct {
	r *exercise.Runner

	mu       sync.Mutex
	steps    []step
	flag     bool // immediate_exit
	pending  bool // an access is to be completed
	more     int
	reason   uint32
	stopNow  bool // in handle
	clearing bool
	handled  []uint32
	events   []string
	idle     int
	stopping bool

	signalled, stopped, lost chan struct{}
	set                      chan struct{} // somebody has set immediate_exit since Stop was called
	once, onceSet            sync.Once
	fresh                    chan struct{} // a signal that came after the guest was entered
	release                  chan struct{} // what a signal waits for
}

func newFake(steps []step) *fake {
	f := &fake{signalled: make(chan struct{}), stopped: make(chan struct{}), lost: make(chan struct{}), release: make(chan struct{}),
		set: make(chan struct{}), fresh: make(chan struct{}, 1)}
	f.flag, f.steps = flagged(steps)
	f.r = exercise.NewRunner(f, f.handle, f.signal)
	return f
}

// flagged takes the first step off a script if it is about immediate_exit.
func flagged(steps []step) (bool, []step) {
	if len(steps) > 0 && steps[0].Kind == "flagged" {
		return true, steps[1:]
	}
	return false, steps
}

func (f *fake) note(format string, a ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	const most = 200
	if len(f.events) < most {
		f.events = append(f.events, fmt.Sprintf(format, a...))
	}
}

// signal is what the runner calls to interrupt its thread. What it does behind that waits.
func (f *fake) signal() {
	f.note("signal")
	f.once.Do(func() { close(f.signalled) })
	select {
	case f.fresh <- struct{}{}:
	default:
	}
	<-f.release
}

// stop has somebody stop the runner while it is not in the guest, and waits until that has done what it will: a runner need not send a
// signal then.
func (f *fake) stop() {
	f.call()
	select {
	case <-f.set:
	case <-f.signalled:
	case <-f.stopped:
	case <-time.After(patience):
	}
	f.let()
	f.early()
}

// begin has somebody stop it, and waits for the signal, which is held.
func (f *fake) begin() (signalled bool) {
	f.call()
	select {
	case <-f.signalled:
		return true
	case <-f.stopped:
	case <-time.After(patience):
	}
	return false
}

// call has somebody call Stop, once.
func (f *fake) call() {
	f.mu.Lock()
	again := f.stopping
	f.stopping = true
	f.mu.Unlock()
	if again {
		return
	}
	f.note("somebody calls Stop")
	go func() {
		f.r.Stop()
		close(f.stopped)
	}()
}

// let lets the signal go.
func (f *fake) let() {
	select {
	case <-f.release:
	default:
		close(f.release)
	}
}

// ImmediateExit is the CPU's.
func (f *fake) ImmediateExit(on bool) {
	f.mu.Lock()
	hook := f.clearing && !on && !f.stopping
	f.mu.Unlock()
	if hook {
		f.stop()
	}
	f.note("immediate_exit = %v", on)
	f.mu.Lock()
	f.flag = on
	stopping := f.stopping
	f.mu.Unlock()
	if on && stopping {
		f.onceSet.Do(func() { close(f.set) })
	}
}

// chance is what a Stop gets that does not wait for Loop, or that sends a signal where it need not.
const chance = 25 * time.Millisecond

// early looks whether Stop comes back while Loop cannot have ended.
func (f *fake) early() {
	select {
	case <-f.stopped:
		f.note("Stop came back too early")
	case <-time.After(chance):
	}
}

// Run is the CPU's.
func (f *fake) Run() (uint32, error) {
	select {
	case <-f.fresh: // it came before, and is spent
	default:
	}
	f.mu.Lock()
	flag := f.flag
	f.mu.Unlock()
	f.note("KVM_RUN, immediate_exit = %v", flag)
	if f.complete() {
		return f.reason, nil
	}
	if flag {
		return f.interrupted()
	}
	return f.follow()
}

// complete completes the access of the last exit. It says whether the same instruction makes another one.
func (f *fake) complete() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.pending {
		return false
	}
	if f.more > 0 {
		f.more--
		return true
	}
	f.pending = false
	return false
}

// interrupted comes back at once, which a runner that never clears the flag has for ever.
func (f *fake) interrupted() (uint32, error) {
	f.mu.Lock()
	f.idle++
	idle := f.idle
	f.mu.Unlock()
	const most = 50
	if idle > most {
		return f.gone("never enters the guest")
	}
	return 0, kvm.ErrInterrupted
}

// gone ends a scene that has no end.
func (f *fake) gone(why string) (uint32, error) {
	f.note(why)
	close(f.lost)
	select {} // so does the guest
}

// follow enters the guest.
func (f *fake) follow() (uint32, error) {
	f.mu.Lock()
	stopping := f.stopping
	s := step{Kind: "inside"}
	if len(f.steps) > 0 {
		s, f.steps = f.steps[0], f.steps[1:]
	}
	f.clearing = s.Kind == "clearing"
	f.mu.Unlock()
	if stopping { // it is in the guest again, and only a signal that is still to come can end that
		select {
		case <-f.fresh:
			return 0, kvm.ErrInterrupted
		case <-time.After(patience):
			return f.gone("the guest runs for ever")
		}
	}
	switch s.Kind {
	case "exit":
		f.mu.Lock()
		defer f.mu.Unlock()
		f.pending, f.more, f.reason, f.stopNow = true, s.More, s.Reason, s.Stop
		return s.Reason, nil
	case "late":
		f.begin()
		f.mu.Lock()
		flag := f.flag
		f.mu.Unlock()
		if !flag {
			return f.gone("the guest runs for ever")
		}
		f.let()
		f.early()
	case "inside":
		if !f.begin() {
			f.note("no signal")
			return f.gone("the guest runs for ever")
		}
		f.let()
		f.early()
	}
	return 0, kvm.ErrInterrupted
}

// handle is what the runner calls for an exit.
func (f *fake) handle(reason uint32) error {
	f.note("exit %d is answered", reason)
	f.mu.Lock()
	f.handled = append(f.handled, reason)
	now := f.stopNow
	f.stopNow = false
	f.mu.Unlock()
	if now {
		f.stop()
	}
	return nil
}
