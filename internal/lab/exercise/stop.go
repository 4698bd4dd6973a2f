package exercise

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

const readImmediate = api + "#the-kvm-run-structure"

// stop is exercise 7: stop a vCPU.
func stop() *Exercise {
	return &Exercise{Number: 7, Name: "07-stop", Title: "stop a vCPU", Checks: []Check{
		{Name: "stopped in the guest", Points: 1, Do: scenes(
			func(r *rand.Rand) []step { return []step{exits(r), exits(r), {Kind: "inside"}} },
			func(r *rand.Rand) []step { return []step{{Kind: "inside"}} })},
		{Name: "stopped on the way in", Points: 2, Do: scenes(
			func(r *rand.Rand) []step { return []step{{Kind: "before"}} },
			func(r *rand.Rand) []step { return []step{exits(r), {Kind: "late"}} })},
		{Name: "signals that mean nothing", Points: 2, Do: scenes(
			func(r *rand.Rand) []step {
				return []step{{Kind: "signal"}, exits(r), {Kind: "signal"}, {Kind: "inside"}}
			},
			func(r *rand.Rand) []step { return []step{{Kind: "flagged"}, exits(r), {Kind: "inside"}} },
			func(r *rand.Rand) []step { return []step{exits(r), {Kind: "clearing"}} })},
		{Name: "an access that is half done", Points: 2, Do: scenes(
			func(r *rand.Rand) []step { return []step{exits(r), stopAt(r, 0)} },
			func(r *rand.Rand) []step { return []step{stopAt(r, 1+r.IntN(4))} })},
		{Name: "a real vCPU", Points: 3, KVM: true, Do: realStops},
	}}
}

// step is what the vCPU of a scene does in one KVM_RUN.
//
//	exit      it comes back with a Reason; More accesses of the same instruction follow; Stop: somebody calls Stop meanwhile
//	signal    a signal that means nothing interrupts it
//	inside    the guest runs, and then somebody calls Stop
//	late      somebody calls Stop when Loop has looked already and KVM_RUN has not begun
//	clearing  a signal that means nothing, and somebody calls Stop when Loop is about to clear immediate_exit
//	before    (the first one only) somebody calls Stop before Loop begins
//	flagged   (the first one only) immediate_exit is set when Loop begins
type step struct {
	Kind   string
	Reason uint32
	More   int
	Stop   bool
}

// exits draws an exit with an access.
func exits(r *rand.Rand) step {
	return step{Kind: "exit", Reason: []uint32{exitIO, exitMMIO}[r.IntN(2)], More: r.IntN(3)}
}

// stopAt draws one that somebody is stopped at, of an instruction with more accesses.
func stopAt(r *rand.Rand, more int) step {
	s := exits(r)
	s.More, s.Stop = more, true
	return s
}

// scenes is a check that plays some, each several times with other exits.
func scenes(list ...func(*rand.Rand) []step) func(Subject) error {
	return func(s Subject) error {
		for _, scene := range list {
			for range 3 {
				steps := scene(s.Rand())
				v := newVCPU(steps)
				if err := s.Ask(Question{Op: "play", Serve: v}, new(bool)); err != nil {
					return err
				}
				if err := judgeScene(steps, v); err != nil {
					return err
				}
			}
		}
		return nil
	}
}

// judgeScene finds the mistake, if there is one.
func judgeScene(steps []step, v *vcpu) error {
	if v.failure == notWritten {
		return unwritten("Loop", readImmediate)
	}
	cause := whyNotStopped(steps, v)
	if cause == "" {
		return nil
	}
	const most = 12
	seen := v.events[max(0, len(v.events)-most):]
	return &Wrong{
		Seen:     fmt.Sprintf("%s: %s", strings.Join(script(steps), ", "), strings.Join(seen, "; ")),
		Expected: "every exit is answered once, the last access is completed, Loop ends, and then Stop returns",
		Cause:    cause, Read: readImmediate,
	}
}

// script is a scene in words.
func script(steps []step) (text []string) {
	for _, s := range steps {
		t := s.Kind
		if s.Kind == "exit" {
			t = fmt.Sprintf("exit %d with %d accesses", s.Reason, 1+s.More)
		}
		if s.Stop {
			t += ", and Stop"
		}
		text = append(text, t)
	}
	return text
}

func whyNotStopped(steps []step, v *vcpu) string {
	last := steps[len(steps)-1]
	var wanted []uint32
	for _, s := range steps {
		if s.Kind == "exit" {
			wanted = append(wanted, slices.Repeat([]uint32{s.Reason}, 1+s.More)...)
		}
	}
	lost := v.had(forEver)
	switch {
	case v.had("no signal"):
		return "Stop sends no signal: a KVM_RUN that is inside of the guest does not look at immediate_exit"
	case v.had("never enters the guest"):
		return "immediate_exit is never cleared: every KVM_RUN comes back at once, and the guest stands still"
	case lost && last.Kind == "clearing":
		return "Loop clears immediate_exit after it has looked for a request: one that comes in between loses its flag, and its signal has come already; clear first, look then"
	case lost && (last.Kind == "late" || last.Kind == "before"):
		return "a signal without immediate_exit: it came when KVM_RUN had not begun, and was lost; the flag must be set before the signal is sent, so that KVM_RUN finds it at its entry"
	case lost:
		return "KVM_RUN was called again after Stop: Loop must look for a request before each KVM_RUN"
	case v.had("Stop did not return"):
		return "Loop has ended, and Stop does not return"
	case v.had("Loop did not end"):
		return "Loop does not end"
	case v.had("Stop came back too early"):
		return "Stop returns before Loop has ended: whoever calls it reads the registers next, and the guest still runs"
	case v.had("KVM_RUN is called by two at once"):
		return "KVM_RUN is called while another goroutine is in it, or after Loop has ended: a vCPU has one thread, which is Loop's"
	case !v.stopping:
		return "Loop ends, or never begins, though nobody has called Stop"
	case v.failure != "":
		return "Loop returns an error though it was stopped"
	case v.pending && v.completing():
		return "an instruction may make several accesses: with immediate_exit set KVM_RUN brings the next one, which must be answered, until it returns ErrInterrupted"
	case v.pending:
		return "the last access is not completed: KVM does that in the next KVM_RUN, so it must be called once more, with immediate_exit set, before the registers mean anything"
	case !slices.Equal(v.handled, wanted):
		return "an exit was not answered, or answered twice"
	}
	return ""
}
