package main

import (
	"maps"
	"testing"
)

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		name, output string
		want         cases
	}{
		{"TAP", "TAP version 13\n1..4\nok 1 first\nnot ok 2 second one\nok 3 - third\n# Totals: pass:3 fail:1\n",
			cases{"first": ok, "second one": failed, "third": ok}},
		{"skips before and after the name", "ok 3 # SKIP CLOCK_MONOTONIC_RAW            \nok 4 global.x # SKIP no support\nok 5 # XFAIL later\n",
			cases{"CLOCK_MONOTONIC_RAW": skipped, "global.x": skipped, "later": skipped}},
		{"other directives", "not ok 1 # error no thread\n", cases{"no thread": failed}},
		{"text before ok", "Diff too high: 8591613..not ok 1 ITIMER_VIRTUAL\n", cases{"ITIMER_VIRTUAL": failed}},
		{"no result", "This looks ok 100 times\nnook 1 x\nok\n", cases{}},
		{"brackets", "[RUN]\tSet NT\n[FAIL]\tflags = 0x207\n[RUN]\tSet AC\n[OK]\tstill set\n[RUN]\tset none\n\t[SKIP]\tillegal\n",
			cases{"Set NT": failed, "Set AC": ok, "set none": skipped}},
		{"the worst counts", "[RUN]\tx\n[OK]\ta\n[FAIL]\tb\n[OK]\tc\n", cases{"x": failed}},
		{"nothing tried before", "[OK]\tAll GPRs except SP are 0\n[WARN]\todd\n", cases{"All GPRs except SP are 0": ok, "odd": warned}},
		{"behind the name", "Mqueue latency :                          [OK]\n", cases{"Mqueue latency :": ok}},
		{"in a comment", "# [RUN]\tsignal USR2\n# [OK]\tStack preserved\n", cases{"signal USR2": ok}},
		{"numbers that vary", "[RUN]\tsigreturn to 0x800000000000\n[OK]\tyes\nok 1 pid 12345 took 0.25 s, 64 TIDs, flags 0x20\n",
			cases{"sigreturn to #": ok, "pid # took # s, 64 TIDs, flags 0x20": ok}},
		{"notes", "[NOTE]\tthe stack size is 16880\n[INFO]\tx32 is not supported\n", cases{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := parse(tt.output); !maps.Equal(got, tt.want) {
				t.Errorf("parse: %v, want %v", got, tt.want)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add("ok 1 - a # SKIP b\n[RUN]\tx\n[FAIL] y\nnot ok 2\n")
	f.Fuzz(func(t *testing.T, output string) {
		for name, v := range parse(output) {
			if v == absent {
				t.Errorf("%q has no verdict", name)
			}
			if name != stable(name) {
				t.Errorf("the name %q is not stable: %q", name, stable(name))
			}
		}
	})
}
