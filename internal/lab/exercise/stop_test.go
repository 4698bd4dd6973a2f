package exercise

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// TestRealStops has the first stops come before the guest has done anything, which a busy host may do, and mistakes. The guest makes
// one round between two stops.
func TestRealStops(t *testing.T) {
	const stops = 25
	for _, tt := range []struct {
		name   string
		early  int // stops before the first IN
		at     uint64
		off    uint16 // how far AX is from the last answer
		rounds int    // fewer that the guest has counted than it had answers
		right  bool
	}{
		{"none was early", 0, 0, 0, 0, true},
		{"the last answer is in the register only", 0, 0, 0, 1, true},
		{"before cli", 1, 0, 0, 0, true},
		{"behind cli", 1, 1, 0, 0, true},
		{"two before cli", 2, 0, 0, 0, true},
		{"elsewhere", 1, 2, 0, 0, false},
		{"an access that is not completed", 0, 0, 1, 0, false},
		{"the guest stands still", stops, 1, 0, 0, false},
		{"answers that the guest did not have", 0, 0, 0, 2, false},
		{"one answer too few", 0, 0, 0, -1, false},
		{"no guest at all", 0, 0, 0, stops, false},
	} {
		run, err := newRealRun(rand.New(rand.NewPCG(1, 2)))
		if err != nil {
			t.Fatal(err)
		}
		defer run.memory.Close()
		a := realAnswer{Answers: stops - tt.early}
		last := run.first
		for i := range stops {
			s := realStop{AX: 0, Last: last, RIP: uint64(run.entry) + tt.at}
			if i >= tt.early {
				last += run.by
				s = realStop{AX: last - tt.off, Last: last, RIP: uint64(run.entry) + 3}
			}
			a.Stops = append(a.Stops, s)
		}
		if made := a.Answers - tt.rounds; made > 0 {
			b := binary.LittleEndian.AppendUint16(nil, run.guest.of(run.first, run.by, made))
			b = binary.LittleEndian.AppendUint32(b, run.guest.rounds+uint32(made))
			if err := run.memory.put(int64(run.guest.at), b); err != nil {
				t.Fatal(err)
			}
		}
		enough, err := false, run.judgeStops(a)
		if err == nil {
			enough, err = run.judgeRounds(a)
		}
		if right := enough && err == nil; right != tt.right {
			t.Errorf("%s: enough %v, %v", tt.name, enough, err)
		}
	}
}

// TestForgedStops has what needs no vCPU: answers without a guest, with numbers of answers from none to more than a number holds.
func TestForgedStops(t *testing.T) {
	run, err := newRealRun(rand.New(rand.NewPCG(3, 4)))
	if err != nil {
		t.Fatal(err)
	}
	defer run.memory.Close()
	for _, answers := range []int{0, 1, 1 << 16, -1, 1 << 40, -1 << 63} {
		for _, last := range []uint16{run.first, run.first + 1, run.first + run.by} {
			a := realAnswer{Answers: answers}
			for range run.after {
				a.Stops = append(a.Stops, realStop{AX: last, Last: last})
			}
			if run.judgeStops(a) != nil {
				continue
			}
			if enough, err := run.judgeRounds(a); enough && err == nil {
				t.Errorf("%d answers, the last %#x: right", answers, last)
			}
		}
	}
}

// TestMixer has two guests that were drawn: the same seed draws the same, and what is in memory before is no number of rounds.
func TestMixer(t *testing.T) {
	m := newMixer(rand.New(rand.NewPCG(1, 2)))
	memory, err := newRAM(realModeRAM)
	if err != nil {
		t.Fatal(err)
	}
	defer memory.Close()
	if err := m.into(memory, 0x1000); err != nil {
		t.Fatal(err)
	}
	number, rounds, err := m.made(memory)
	if err != nil || number != m.number || rounds != 0 {
		t.Errorf("%#x after %d rounds, %v", number, rounds, err)
	}
}
