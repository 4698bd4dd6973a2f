package exercise

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
)

// vcpu is a virtual CPU that follows a script, as exercise 7 has it: the Server of a scene. Nothing of it is in the student's process,
// which sees only when a call comes back, and with what.
//
// Two goroutines call: Loop's (run, handle, and immediate exit) and Stop's (immediate exit, signal). A moment between the two is made
// by holding Loop's call until Stop has done what it will.
type vcpu struct {
	steps    []step
	flag     bool // immediate_exit
	pending  bool // an access is to be completed
	more     int  // accesses that the instruction still makes
	reason   uint32
	clearing bool // the next time that Loop clears the flag, somebody calls Stop before
	stopHere bool // somebody calls Stop while the exit is answered
	idle     int  // runs that came back at once

	mayLoop, mayStop func(any) // let the two begin
	stopping         bool      // Stop was called
	ended, returned  bool      // Loop, and Stop
	lost             bool      // the guest runs for ever
	failure          string    // Loop's error
	handled          []uint32
	events           []string

	held      moment
	continues func() // what becomes of Loop's call that is held
}

// moment is why Loop's call is held.
type moment int

const (
	no      moment = iota
	outside        // until Stop has done something: Loop is not in KVM_RUN
	late           // until there is a signal: Loop has called KVM_RUN, which has not begun
	inside         // until there is a signal: the guest runs
	again          // likewise, and Stop had been called before
	early          // for a little while: a Stop that does not wait for Loop comes back now
)

func newVCPU(steps []step) *vcpu {
	v := &vcpu{steps: steps}
	if len(steps) > 0 && steps[0].Kind == "flagged" {
		v.flag, v.steps = true, steps[1:]
	}
	return v
}

// note keeps what happened, up to a bound: a student's code can call without an end.
func (v *vcpu) note(format string, a ...any) {
	const most = 200
	if len(v.events) < most {
		v.events = append(v.events, fmt.Sprintf(format, a...))
	}
}

// Over is the Server's.
func (v *vcpu) Over() bool { return v.lost || v.ended && (v.returned || !v.stopping) }

// Patience is the Server's. Where a right runner may take longer than expected, the scene goes on; it is refused only if it does nothing
// in half of a check's time.
func (v *vcpu) Patience() int {
	const verdict, anyOrder, little = 2, 20, 400
	switch v.held {
	case outside:
		return anyOrder
	case early:
		return little
	}
	return verdict
}

// Call is the Server's.
func (v *vcpu) Call(name string, arg json.RawMessage, reply func(any)) {
	done := func() { reply(true) }
	switch name {
	case "loop?":
		v.mayLoop = reply
		v.start()
	case "stop?":
		v.mayStop = reply
		v.start()
	case "run":
		v.run(reply)
	case "handle":
		v.handle(arg, done)
	case "immediate exit":
		v.immediateExit(string(arg) == "true", done)
	case "signal":
		v.note("signal")
		done()
		v.signalled()
	case "loop ended":
		_ = json.Unmarshal(arg, &v.failure) // what is no text says nothing
		v.ended = true
		v.note("Loop ended")
	case "stop returned":
		v.stopReturned()
	}
}

// start lets Loop begin when both are there.
func (v *vcpu) start() {
	if v.mayLoop == nil || v.mayStop == nil {
		return
	}
	begin := func() { v.mayLoop(true) }
	if len(v.steps) > 0 && v.steps[0].Kind == "before" {
		v.steps = v.steps[1:]
		v.stop(outside, begin)
		return
	}
	begin()
}

// stop has somebody call Stop, while Loop's call is held. What becomes of that is next.
func (v *vcpu) stop(at moment, next func()) {
	v.note("somebody calls Stop")
	v.stopping, v.held, v.continues = true, at, next
	if v.mayStop != nil { // no harness runs a vCPU before both are there, but whoever writes to its socket may
		v.mayStop(true)
	}
}

// goOn ends the moment.
func (v *vcpu) goOn() {
	next := v.continues
	v.held, v.continues = no, nil
	if next != nil {
		next()
	}
}

// lose ends a scene that has no end.
func (v *vcpu) lose(why string) {
	v.note("%s", why)
	v.lost = true
}

const forEver = "the guest runs for ever"

// signalled is a signal to Loop's thread.
func (v *vcpu) signalled() {
	switch v.held {
	case outside, inside:
		v.held = early
	case late:
		if !v.flag {
			v.lose(forEver)
			return
		}
		v.held = early
	case again:
		v.goOn()
	}
}

// stopReturned is the end of Stop. Loop cannot have ended while its call is held.
func (v *vcpu) stopReturned() {
	v.returned = true
	if v.held != no && v.held != again {
		v.note("Stop came back too early")
		v.goOn()
	}
}

// Quiet is the Server's.
func (v *vcpu) Quiet() {
	switch v.held {
	case outside, early:
		v.goOn()
	case late:
		if v.flag {
			v.goOn()
			return
		}
		v.lose(forEver)
	case inside:
		v.note("no signal")
		v.lose(forEver)
	case again:
		v.lose(forEver)
	default:
		if !v.ended {
			v.note("Loop did not end")
		} else {
			v.note("Stop did not return")
		}
		v.lost = true
	}
}

func (v *vcpu) immediateExit(on bool, done func()) {
	set := func() {
		v.note("immediate_exit = %v", on)
		v.flag = on
		done()
	}
	if v.clearing && !on && !v.stopping {
		v.stop(outside, set)
		return
	}
	set()
	if on && v.held == outside {
		v.held = early // the signal, if there is one, comes next
	}
}

// handle is what Loop calls for an exit.
func (v *vcpu) handle(arg json.RawMessage, done func()) {
	reason := uint32(math.MaxUint32)
	_ = json.Unmarshal(arg, &reason) // what is no number is none of the exits
	v.note("exit %d is answered", reason)
	const most = 200
	if len(v.handled) < most {
		v.handled = append(v.handled, reason)
	}
	if v.stopHere && !v.stopping {
		v.stopHere = false
		v.stop(outside, done)
		return
	}
	done()
}

// comes is what KVM_RUN comes back with.
type comes struct {
	Reason      uint32 `json:"reason"`
	Interrupted bool   `json:"interrupted"`
}

func (v *vcpu) run(reply func(any)) {
	v.note("KVM_RUN, immediate_exit = %v", v.flag)
	interrupted := func() { reply(comes{Interrupted: true}) }
	if v.held != no || v.ended { // a second goroutine runs it
		v.lose("KVM_RUN is called by two at once")
		return
	}
	if v.complete() {
		reply(comes{Reason: v.reason})
		return
	}
	if v.flag {
		const most = 50
		if v.idle++; v.idle > most {
			v.lose("never enters the guest")
			return
		}
		interrupted()
		return
	}
	if v.stopping { // it is in the guest again, and only a signal that is still to come can end that
		v.held, v.continues = again, interrupted
		return
	}
	s := step{Kind: "inside"}
	if len(v.steps) > 0 {
		s, v.steps = v.steps[0], v.steps[1:]
	}
	switch v.clearing = s.Kind == "clearing"; s.Kind {
	case "exit":
		v.pending, v.more, v.reason, v.stopHere = true, s.More, s.Reason, s.Stop
		reply(comes{Reason: s.Reason})
	case "inside":
		v.stop(inside, interrupted)
	case "late":
		v.stop(late, interrupted)
	default:
		interrupted()
	}
}

// complete completes the access of the last exit. It says whether the same instruction makes another one.
func (v *vcpu) complete() bool {
	if v.pending && v.more > 0 {
		v.more--
		return true
	}
	v.pending = false
	return false
}

func (v *vcpu) had(event string) bool { return slices.Contains(v.events, event) }

// completing says whether KVM_RUN was called to complete an access.
func (v *vcpu) completing() bool {
	return slices.Contains(v.events[max(0, slices.Index(v.events, "somebody calls Stop")):], "KVM_RUN, immediate_exit = true")
}
