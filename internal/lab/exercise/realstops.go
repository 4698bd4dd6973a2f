package exercise

import (
	"fmt"
	"math/rand/v2"
	"os"
)

// realRun is a mixer on a real vCPU, which is stopped again and again.
type realRun struct {
	guest     *mixer
	memory    ram
	entry     uint16
	first, by uint16   // answer i is first + i*by
	after     []uint32 // microseconds, until each stop
}

// realAnswer is what the harness says of one.
type realAnswer struct {
	Stops   []realStop `json:"stops"`
	Answers int        `json:"answers"`
	Hung    bool       `json:"hung"`
}

type realStop struct {
	AX    uint16 `json:"ax"`
	Last  uint16 `json:"last"` // answer
	RIP   uint64 `json:"rip"`
	Error string `json:"error"`
}

func newRealRun(r *rand.Rand) (*realRun, error) {
	memory, err := newRAM(realModeRAM)
	if err != nil {
		return nil, err
	}
	run := &realRun{memory: memory, entry: uint16(0x1000 + r.IntN(0x4000)), guest: newMixer(r), after: make([]uint32, 25)}
	for i := range run.after {
		run.after[i] = uint32(r.IntN(3000))
	}
	run.first, run.by = uint16(r.Uint32()), uint16(r.Uint32())|1
	return run, run.guest.into(memory, run.entry)
}

// realStops stops a mixer. What it was told last must be in its register, and what it made of all in memory.
func realStops(s Subject) error {
	const tries = 3 // a busy host may stop a guest before it has come far, but not each time
	var enough bool
	for i := 0; i < tries && !enough; i++ {
		var err error
		if enough, err = askRealRun(s); err != nil {
			return err
		}
	}
	if !enough {
		return &Wrong{Seen: "the guest made hardly an access between the stops", Expected: "it goes on where it was", Cause: "the guest stands still: immediate_exit is never cleared", Read: readImmediate}
	}
	return nil
}

// askRealRun has one run made. Enough says whether the guest came far enough to tell anything.
func askRealRun(s Subject) (enough bool, err error) {
	run, err := newRealRun(s.Rand())
	if err != nil {
		return false, err
	}
	defer run.memory.Close()
	args := map[string]any{"entry": run.entry, "first": run.first, "step": run.by, "after": run.after}
	var a realAnswer
	if err := s.Ask(Question{Op: "run", Args: args, Files: []*os.File{s.KVM(), run.memory.File}}, &a); err != nil {
		return false, err
	}
	if err := run.judgeStops(a); err != nil {
		return false, err
	}
	return run.judgeRounds(a)
}

// judgeStops is about what each stop left.
func (run *realRun) judgeStops(a realAnswer) error {
	if a.Hung {
		return &Wrong{Seen: fmt.Sprintf("stop number %d of %d did not end", len(a.Stops)+1, len(run.after)), Expected: "it takes microseconds", Read: readImmediate,
			Cause: "the guest was not stopped: a request was lost between Loop's look and the guest"}
	}
	for i, t := range a.Stops {
		switch {
		case t.Error == notWritten:
			return unwritten("Loop", readImmediate)
		case t.Error != "":
			return &Wrong{Seen: fmt.Sprintf("stop number %d: Loop says %q", i+1, t.Error), Expected: "nil", Cause: "Loop returns an error though it was stopped", Read: readImmediate}
		case t.AX != t.Last && !run.early(t):
			return &Wrong{Seen: fmt.Sprintf("stop number %d: the guest was answered %s, and AX is %s", i+1, hex(t.Last), hex(t.AX)), Expected: "AX is what the last IN was answered",
				Cause: "the last access is not completed: KVM puts the answer of an IN into the register in the next KVM_RUN", Read: readImmediate}
		}
	}
	if len(a.Stops) != len(run.after) {
		return &Wrong{Seen: fmt.Sprintf("%d stops", len(a.Stops)), Expected: fmt.Sprint(len(run.after)), Cause: "the guest was not stopped as often as was asked", Read: readImmediate}
	}
	return nil
}

// early says whether it was stopped before its first IN.
func (run *realRun) early(t realStop) bool {
	return t.Last == run.first && t.RIP >= uint64(run.entry) && t.RIP <= uint64(run.entry)+cliLength
}

// judgeRounds compares what the guest has in its memory with what it was answered. The last answer may be in the register only, or in
// the number and not counted yet.
func (run *realRun) judgeRounds(a realAnswer) (enough bool, err error) {
	number, rounds, err := run.guest.made(run.memory)
	if err != nil {
		return false, err
	}
	const most = 10_000_000 // in some milliseconds
	const few = 5
	made := int(rounds)
	last := run.first + uint16(a.Answers)*run.by
	if made > most || a.Answers < made || a.Answers > made+1 || a.Stops[len(a.Stops)-1].Last != last {
		return false, &Wrong{Seen: fmt.Sprintf("the guest has counted %d rounds, and had %d answers", made, a.Answers), Expected: "as many", Read: readImmediate,
			Cause: "an answer was lost, or given twice, or the guest was not executed"}
	}
	if number != run.expected(made) && number != run.expected(a.Answers) {
		return false, &Wrong{Seen: fmt.Sprintf("the guest has made %s of %d answers", hex(number), a.Answers), Expected: hex(run.expected(a.Answers)), Read: readImmediate,
			Cause: "an answer was lost, or given twice, or the guest was not left where it was"}
	}
	return made >= few, nil
}

// expected is the number in memory after so many rounds.
func (run *realRun) expected(rounds int) uint16 {
	if rounds == 0 {
		return run.guest.number
	}
	return run.guest.of(run.first, run.by, rounds)
}
