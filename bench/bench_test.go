package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestParseFlags(t *testing.T) {
	c, err := parseFlags([]string{"-only", "exit,boot", "-rounds", "7"}, io.Discard)
	if err != nil || strings.Join(c.only, " ") != "exit boot" || c.rounds != 7 || c.out != "bin/bench.json" {
		t.Errorf("%+v, %v", c, err)
	}
	for _, bad := range [][]string{{"-only", "speed"}, {"-only", ""}, {"-rounds", "0"}, {"-boots", "-1"}, {"more"}, {"-rounds", "x"}} {
		if _, err := parseFlags(bad, io.Discard); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

const ledgerText = `terem: kernel /k, 128 MiB RAM, 1 CPUs
terem: kernel command line: quiet a=b terem.pipe=1 terem.pipe=0
terem: nobody reads the output any more
{
  "vcpus": 1,
  "exits": [{"name": "io", "count": 40, "ns": 1}, {"name": "debug", "count": 2, "ns": 1}],
  "kvm": {"insn_emulation": 9000000, "exits": 11000},
  "phases": [{"name": "create", "ns": 1500000}]
}
`

func TestParseLedger(t *testing.T) {
	l, err := parseLedger(ledgerText)
	if want := (ledger{"quiet a=b terem.pipe=1 terem.pipe=0", 42, 9000000, []phase{{"create", 1500 * time.Microsecond}}}); err != nil || !reflect.DeepEqual(l, want) {
		t.Errorf("%+v, %v; want %+v", l, err, want)
	}
	for _, bad := range []string{"", "terem: no KVM\n", "terem: x\n{\n \"exits\": 3}"} {
		if _, err := parseLedger(bad); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

func FuzzLedger(f *testing.F) {
	f.Add(ledgerText)
	f.Fuzz(func(_ *testing.T, s string) { _, _ = parseLedger(s) }) // any error will do
}

func TestGoals(t *testing.T) {
	r := &report{Seed: 1}
	for i := range 9 {
		v := float64(10 + i)
		r.add("time", "a", seconds, 3*v)
		r.add("time", "b", seconds, v)
	}
	r.ratio("time", "a", "b", 2)
	r.ratio("time", "b", "a", 0.5)
	r.ratio("time", "a", "nobody", 1)
	r.limit("time", "b", 14)
	r.limit("time", "nobody", 1)
	var got []string
	for _, g := range r.Goals {
		got = append(got, g.verdict())
	}
	if want := "missed; met; met, within the noise"; strings.Join(got, "; ") != want {
		t.Errorf("verdicts %q, want %q", got, want)
	}
}

func TestReport(t *testing.T) {
	r := &report{Seed: 1}
	r.add("start", "slow", milliseconds, 20)
	r.add("end", "slow", milliseconds, 30)
	r.add("start", "quick", milliseconds, 1.5)
	r.ratio("start", "slow", "quick", 3)
	r.Notes = append(r.Notes, note{Measure: "boot", VMM: "other", Error: "it died"})
	r.finish()
	if r.Series[0].VMM != "quick" || r.Series[1].VMM != "slow" || r.Series[2].Measure != "end" {
		t.Errorf("order %+v", r.Series)
	}
	var b bytes.Buffer
	r.print(&b)
	for _, want := range []string{"start [ms]\n", "quick", "13.33", "at most 3.000", "missed", "boot, other: it died"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in:\n%s", want, &b)
		}
	}
	path := filepath.Join(t.TempDir(), "new", "bench.json")
	if err := r.save(path); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var back report
	if err := json.Unmarshal(text, &back); err != nil || len(back.Series) != 3 || back.Series[1].Samples[0] != 20 {
		t.Errorf("read back %+v, %v", back, err)
	}
}

func TestNumber(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 0.3333: "0.333", 9.5: "9.500", 12.345: "12.35", 123.45: "123.5", 9876543.2: "9876543"} {
		if got := number(v); got != want {
			t.Errorf("%v: %q, want %q", v, got, want)
		}
	}
}

func TestRoundsGoOnWithoutTheFailed(t *testing.T) {
	s := &suite{log: io.Discard, report: &report{}, conf: config{seed: 1}}
	runs := map[string]int{}
	err := s.rounds("test", 3, []vmm{{name: nameTerem}, {name: nameQEMU}}, func(v vmm) error {
		runs[v.name]++
		if v.name == nameQEMU {
			return &deathError{errors.New("it ended"), "alas", "alas\n"}
		}
		return nil
	})
	if err != nil || runs[nameTerem] != 3 || runs[nameQEMU] != 1 {
		t.Errorf("runs %v, %v", runs, err)
	}
	if n := s.report.Notes; len(n) != 1 || n[0].Error != "it ended; last words: alas" || n[0].Stderr != "alas\n" {
		t.Errorf("notes %+v", n)
	}
	boom := errors.New("boom")
	if err := s.rounds("test", 3, []vmm{{name: nameTerem}}, func(vmm) error { return boom }); !errors.Is(err, boom) {
		t.Errorf("terem's failure gave %v", err)
	}
}

func TestDDSeconds(t *testing.T) {
	for out, want := range map[string]float64{
		"200+0 records in\n200+0 records out\n819200 bytes (800.0KB) copied, 0.410551 seconds, 1.9MB/s\n": 0.410551,
		"8192 bytes (8.2 kB, 8.0 KiB) copied, 3.5e-05 s, 234 MB/s":                                        3.5e-05,
	} {
		if got, err := ddSeconds(out); got != want || err != nil {
			t.Errorf("%q: %v, %v; want %v", out, got, err, want)
		}
	}
	for _, out := range []string{"", "dd: no such file", "copied, "} {
		if v, err := ddSeconds(out); err == nil {
			t.Errorf("%q: %v, want an error", out, v)
		}
	}
}

func TestParseSleep(t *testing.T) {
	if late, err := parseSleep("sleep 4 4000400\n"); late != 100*time.Nanosecond || err != nil {
		t.Errorf("4 sleeps of 4,000,400 ns are late by %v, %v", late, err)
	}
	for _, line := range []string{"", "sleep", "sleep 0 5", "sleep -1 5", "sleep 4", "slept 4 4"} {
		if late, err := parseSleep(line); err == nil {
			t.Errorf("%q gives %v", line, late)
		}
	}
}

func TestSleepHere(t *testing.T) {
	if late, err := sleepHere(3); late < 0 || err != nil {
		t.Errorf("sleeps end %v late, %v", late, err)
	}
}

func TestInitTime(t *testing.T) {
	const trace = `init internal/godebug @1.2 ms, 0.5 ms clock, 88 bytes, 3 allocs
init os @0.1 ms, 0.25 ms clock, 88 bytes, 3 allocs
terem: --memory none: not a size
init net @2.4 ms, 0.5 ms clock, 1488 bytes, 28 allocs
`
	if got, err := initTime(trace); err != nil || got != 0.75 {
		t.Errorf("%v ms, %v; want 0.75", got, err)
	}
	for _, bad := range []string{"", "terem: no\n", "init os @0.1 ms, x ms clock, 8 bytes, 3 allocs\n"} {
		if got, err := initTime(bad); err == nil {
			t.Errorf("%q: %v", bad, got)
		}
	}
}
