package lab

import (
	"slices"
	"testing"

	"terem/internal/lab/experiment"
	"terem/internal/lab/place"
)

// TestTurns wants the attacker to rest while the victim is asked alone, two turns if they tell, and more if they do not.
func TestTurns(t *testing.T) {
	w, err := place.New("terem", needsPrograms(t))
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for _, tt := range []struct {
		name    string
		verdict experiment.Verdict
		rest    string
		turns   int // of the victim's answers under attack
		want    experiment.Verdict
	}{
		{"clear", experiment.Safe, "rm $DIR/attack", leastTurns, experiment.Safe},
		{"never clear", experiment.Unclear, "rm $DIR/attack", mostTurns, experiment.Unclear},
		{"the attacker ends", experiment.Safe, "exit", 1, experiment.Unclear},
	} {
		e := experiment.Experiment{
			Look: `[ -e $DIR/attack ] && echo attacked || echo alone`, Attack: `touch $DIR/attack; echo "tried: attack: status $?"`, Rest: tt.rest,
			Judge: func(experiment.Seen) (experiment.Verdict, string) { return tt.verdict, "so it is" },
		}
		names := experiment.Names{Tag: "t", Dir: t.TempDir(), Data: w.Spare(), Path: w.Programs()}
		seen := experiment.Seen{Before: []string{"alone"}, After: []string{"attacked"}}
		victim, err := w.Start(w.Shell(e.Victim(names)))
		if err != nil {
			t.Fatal(err)
		}
		attacker, err := w.Start(w.Shell(e.Attacker(names)))
		if err != nil {
			t.Fatal(err)
		}
		_ = victim.Ask("secret")
		if _, err := victim.Until(t.Context(), experiment.Ready); err != nil {
			t.Fatal(err)
		}
		attack(t.Context(), attacker, &seen)
		byTurns(t.Context(), e, victim, attacker, &seen)
		victim.Stop()
		attacker.Stop()
		if !slices.Equal(seen.Before, slices.Repeat([]string{"alone"}, tt.turns)) || !slices.Equal(seen.After, slices.Repeat([]string{"attacked"}, tt.turns)) {
			t.Errorf("%s: %d turns were wanted: alone %q, under attack %q; the attacker said %q", tt.name, tt.turns, seen.Before, seen.After, seen.Attack)
		}
		if v, why := e.Decide(seen); v != tt.want {
			t.Errorf("%s: %s, %s", tt.name, v, why)
		}
	}
}
