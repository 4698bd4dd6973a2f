package exercise

import (
	"fmt"
	"math/rand/v2"
	"os"
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

// step is what the vCPU of a scene does; the harness has the kinds.
type step struct {
	Kind   string `json:"kind"`
	Reason uint32 `json:"reason"`
	More   int    `json:"more"`
	Stop   bool   `json:"stop"`
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

// played is what came of a scene.
type played struct {
	Handled []uint32 `json:"handled"`
	Events  []string `json:"events"`
	Pending bool     `json:"pending"`
	Error   string   `json:"error"`
}

func (p played) had(event string) bool { return slices.Contains(p.Events, event) }

// completing says whether KVM_RUN was called to complete an access.
func (p played) completing() bool {
	return slices.Contains(p.Events[max(0, slices.Index(p.Events, "somebody calls Stop")):], "KVM_RUN, immediate_exit = true")
}

// scenes is a check that plays some, each several times with other exits.
func scenes(list ...func(*rand.Rand) []step) func(Subject) error {
	return func(s Subject) error {
		for _, scene := range list {
			for range 3 {
				steps := scene(s.Rand())
				var p played
				if err := s.Ask(Question{Op: "play", Args: steps}, &p); err != nil {
					return err
				}
				if err := judgeScene(steps, p); err != nil {
					return err
				}
			}
		}
		return nil
	}
}

// judgeScene finds the mistake, if there is one.
func judgeScene(steps []step, p played) error {
	if p.Error == notWritten {
		return unwritten("Loop", readImmediate)
	}
	cause := whyNotStopped(steps, p)
	if cause == "" {
		return nil
	}
	const most = 12
	seen := p.Events[max(0, len(p.Events)-most):]
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

func whyNotStopped(steps []step, p played) string {
	last := steps[len(steps)-1]
	var wanted []uint32
	for _, s := range steps {
		if s.Kind == "exit" {
			wanted = append(wanted, slices.Repeat([]uint32{s.Reason}, 1+s.More)...)
		}
	}
	lost := p.had("the guest runs for ever")
	switch {
	case p.had("no signal"):
		return "Stop sends no signal: a KVM_RUN that is inside of the guest does not look at immediate_exit"
	case p.had("never enters the guest"):
		return "immediate_exit is never cleared: every KVM_RUN comes back at once, and the guest stands still"
	case lost && last.Kind == "clearing":
		return "Loop clears immediate_exit after it has looked for a request: one that comes in between loses its flag, and its signal has come already; clear first, look then"
	case lost && (last.Kind == "late" || last.Kind == "before"):
		return "a signal without immediate_exit: it came when KVM_RUN had not begun, and was lost; the flag must be set before the signal is sent, so that KVM_RUN finds it at its entry"
	case lost:
		return "KVM_RUN was called again after Stop: Loop must look for a request before each KVM_RUN"
	case p.had("stop did not return") && p.had("loop ended"):
		return "Loop has ended, and Stop does not return"
	case p.had("loop did not end"):
		return "Loop does not end"
	case p.had("Stop came back too early"):
		return "Stop returns before Loop has ended: whoever calls it reads the registers next, and the guest still runs"
	case p.Error != "":
		return "Loop returns an error though it was stopped"
	case p.Pending && p.completing():
		return "an instruction may make several accesses: with immediate_exit set KVM_RUN brings the next one, which must be answered, until it returns ErrInterrupted"
	case p.Pending:
		return "the last access is not completed: KVM does that in the next KVM_RUN, so it must be called once more, with immediate_exit set, before the registers mean anything"
	case !slices.Equal(p.Handled, wanted):
		return "an exit was not answered, or answered twice"
	}
	return ""
}

// realStops stops a guest that reads a port for ever. What it was told last must be in its register.
func realStops(s Subject) error {
	r := s.Rand()
	memory, err := newRAM(realModeRAM)
	if err != nil {
		return err
	}
	defer memory.Close()
	entry := uint16(0x1000 + r.IntN(0x4000))
	if err := memory.put(int64(entry), []byte{0xfa, 0xe5, 0x10, 0xeb, 0xfc}); err != nil { // cli; in ax, 0x10; jmp back
		return err
	}
	after := make([]uint32, 25)
	for i := range after {
		after[i] = uint32(r.IntN(3000))
	}
	first := uint16(r.Uint32())
	args := map[string]any{"entry": entry, "first": first, "after": after}
	var a struct {
		Stops []struct {
			AX    uint16 `json:"ax"`
			Last  uint16 `json:"last"`
			RIP   uint64 `json:"rip"`
			Error string `json:"error"`
		} `json:"stops"`
		Hung bool `json:"hung"`
	}
	if err := s.Ask(Question{Op: "run", Args: args, Files: []*os.File{s.KVM(), memory.File}}, &a); err != nil {
		return err
	}
	if a.Hung {
		return &Wrong{Seen: fmt.Sprintf("stop number %d of %d did not end", len(a.Stops)+1, len(after)), Expected: "it takes microseconds", Read: readImmediate,
			Cause: "the guest was not stopped: a request was lost between Loop's look and the guest"}
	}
	moved := false
	for i, t := range a.Stops {
		moved = moved || t.Last != first
		switch {
		case t.Error == notWritten:
			return unwritten("Loop", readImmediate)
		case t.Error != "":
			return &Wrong{Seen: fmt.Sprintf("stop number %d: Loop says %q", i+1, t.Error), Expected: "nil", Cause: "Loop returns an error though it was stopped", Read: readImmediate}
		case t.AX != t.Last && !(t.Last == first && t.RIP >= uint64(entry) && t.RIP <= uint64(entry)+1): // it may have been stopped before its first IN
			return &Wrong{Seen: fmt.Sprintf("stop number %d: the guest was answered %s, and AX is %s", i+1, hex(t.Last), hex(t.AX)), Expected: "AX is what the last IN was answered",
				Cause: "the last access is not completed: KVM puts the answer of an IN into the register in the next KVM_RUN", Read: readImmediate}
		}
	}
	if len(a.Stops) != len(after) || !moved {
		return &Wrong{Seen: "the guest made no access between the stops", Expected: "it goes on where it was", Cause: "the guest stands still: immediate_exit is never cleared", Read: readImmediate}
	}
	return nil
}
