package report

import (
	"math/rand/v2"
	"strings"
	"testing"

	"terem/internal/compare/result"
)

// drawn is a comparison of 20 targets at each measure; change multiplies the samples of
// some of them.
func drawn(seed uint64, change map[string]float64) *result.Result {
	random := rand.New(rand.NewPCG(seed, 1))
	r := &result.Result{Schema: result.Schema, Method: result.Method{Seed: seed}}
	for _, m := range result.Measures() {
		if m.Stack {
			continue
		}
		for i := range 5 {
			name := string(rune('a' + i))
			factor, ok := change[m.Name+" "+name]
			if !ok {
				factor = 1
			}
			for round := range 20 {
				r.Add(m.Name, name, "", round, factor*1e6*(1+0.1*random.ExpFloat64()))
			}
		}
	}
	return r
}

func changed(t *testing.T, old, new *result.Result) string {
	t.Helper()
	var b strings.Builder
	if err := Changes(&b, old, new, Options{Width: 100}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestChanges(t *testing.T) {
	got := changed(t, drawn(1, nil), drawn(2, map[string]float64{
		result.StartGone + " b": 1.5, result.WorkCompute + " c": 0.5, result.DensityCount + " a": 2}))
	for _, want := range []string{"+46 %  worse", "−52 %  better", "of 60 rows did not change"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing:\n%s", want, got)
		}
	}
	lines := strings.Split(got, "\n")
	verdicts := map[string]string{"How many at a time": "better", "compute loop": "better", "whole thing gone": "worse"}
	for what, verdict := range verdicts {
		found := false
		for _, l := range lines {
			found = found || strings.Contains(l, what) && strings.HasSuffix(l, verdict)
		}
		if !found {
			t.Errorf("no line says that %q is %s:\n%s", what, verdict, got)
		}
	}
}

// TestFewSamples has eight samples of either, all of one above all of the other: that is
// not certain among a hundred rows, and must be seen nonetheless.
func TestFewSamples(t *testing.T) {
	old, now := drawn(1, nil), drawn(1, nil)
	for round := range 8 {
		old.Add(result.StartGone, "vm", "", round, 5e9+float64(round))
		now.Add(result.StartGone, "vm", "", round, 9e9+float64(round))
	}
	if got := changed(t, old, now); !strings.Contains(got, "+80 %  perhaps worse") || !strings.Contains(got, "Nothing changed for certain") {
		t.Error(got)
	}
}

// TestNoChange compares samples of the same distributions: what differs by chance is not
// reported.
func TestNoChange(t *testing.T) {
	for seed := range uint64(5) {
		got := changed(t, drawn(10+seed, nil), drawn(20+seed, nil))
		if !strings.Contains(got, "Nothing changed for certain: with all 60 rows") {
			t.Errorf("seed %d:\n%s", seed, got)
		}
	}
}

func TestChangesWarns(t *testing.T) {
	old, now := drawn(1, nil), drawn(1, nil)
	old.Host.CPU, now.Host.CPU = "6502", "Z80"
	now.Ended = "interrupted"
	now.Series = now.Series[1:]
	now.Add(result.Memory1, "vm", result.PartRAM, 0, 1)
	got := changed(t, old, now)
	for _, want := range []string{"CPU: 6502 then, Z80 now", "ended before its time", "Only now: memory.1 of vm (guest RAM)", "No longer: start.entry of a"} {
		if !strings.Contains(strings.Join(strings.Fields(got), " "), want) {
			t.Errorf("%q is missing:\n%s", want, got)
		}
	}
	if got := changed(t, &result.Result{}, drawn(1, nil)); !strings.Contains(got, "no row in common") {
		t.Errorf("against nothing:\n%s", got)
	}
}

func TestHolm(t *testing.T) {
	rows := []change{{p: 0.004}, {p: 0.0001}, {p: 0.0049}, {p: 0.9}}
	holm(rows) // limits: 0.0025, 0.0033, ...
	for i, want := range []bool{false, true, false, false} {
		if rows[i].differs != want {
			t.Errorf("row %d (p = %v): %v", i, rows[i].p, rows[i].differs)
		}
	}
}
