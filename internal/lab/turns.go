package lab

import (
	"context"

	"terem/internal/lab/experiment"
	"terem/internal/lab/place"
)

// So often the victim is asked at least, alone and under attack, on a machine that is busy with something else as well, and so often
// at most, if that is still unclear.
const (
	leastTurns = 2
	busyTurns  = 3
	mostTurns  = 5
)

// busy is when so many others want each processor, on average.
const busy = 0.5

// byTurns asks more often, when there has been one turn: the victim is alone, and is attacked. What else the machine does changes by
// itself, and would otherwise be taken for what the attacker does.
func byTurns(ctx context.Context, e experiment.Experiment, victim, attacker *place.Process, seen *experiment.Seen) {
	for n := 1; n < mostTurns; n++ {
		least := leastTurns
		if seen.Others > busy {
			least = busyTurns
		}
		if v, _ := e.Decide(*seen); n >= least && v != experiment.Unclear {
			return
		}
		if !turn(ctx, e, victim, attacker, seen) {
			return
		}
	}
}

// turn is one more: whether both did what they were asked.
func turn(ctx context.Context, e experiment.Experiment, victim, attacker *place.Process, seen *experiment.Seen) bool {
	if !next(ctx, attacker, seen) {
		return false
	}
	said, others, err := lookAlone(ctx, e, victim)
	if err != nil {
		miss(seen, err)
		return false
	}
	seen.Before, seen.Others = append(seen.Before, said...), min(seen.Others, others)
	if !next(ctx, attacker, seen) {
		return false
	}
	said, err = look(ctx, victim)
	if err != nil {
		miss(seen, err)
		return false
	}
	seen.After = append(seen.After, said...)
	return true
}

// next has the attacker rest, or attack again.
func next(ctx context.Context, attacker *place.Process, seen *experiment.Seen) bool {
	_ = attacker.Ask("next") // one that has ended does not come to its end either
	attack(ctx, attacker, seen)
	return seen.Done
}
