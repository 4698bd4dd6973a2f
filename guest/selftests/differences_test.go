package main

import (
	"strings"
	"testing"
)

const testTable = "x86/a root,user 1s\ntimers/clock root 1s timing # waits\ntimers/set root 1s guest # sets\n"

func TestCompare(t *testing.T) {
	jobs := mustTable(t, testTable).jobs
	plain, timing, guestOnly := jobs[0], jobs[2], jobs[3]
	const name = "x86/a (root)"
	for _, tt := range []struct {
		what        string
		j           job
		host, guest outcome
		want        []difference
	}{
		{"alike", plain, outcome{status: ended, output: "ok 1 x\n"}, outcome{status: ended, output: "ok 1 x\n"}, nil},
		{"a case", plain, outcome{status: ended, output: "ok 1 x\n"}, outcome{status: endedBad, output: "not ok 1 x\n"},
			[]difference{{name, wholeProgram, "pass", "fail"}, {name, "x", "ok", "fail"}}},
		{"a case that is missing", plain, outcome{status: ended, output: "ok 1 x\nok 2 y\n"}, outcome{status: ended, output: "ok 1 x\n"},
			[]difference{{name, "y", "ok", "absent"}}},
		{"ended by a signal: the other cases say nothing", plain, outcome{status: ended, output: "ok 1 x\nok 2 y\n"},
			outcome{status: "signal:SIGSEGV", output: "ok 1 x\n"}, []difference{{name, wholeProgram, "pass", "signal:SIGSEGV"}}},
		{"the machine ended", plain, outcome{status: endedSkip}, outcome{status: "machine:84"},
			[]difference{{name, wholeProgram, "skip", "machine:84"}}},
		{"timing, and the host fails too", timing, outcome{status: endedBad, output: "not ok 1 x\n"}, outcome{status: ended, output: "ok 1 x\n"}, nil},
		{"timing, and the host passes", timing, outcome{status: ended}, outcome{status: endedBad},
			[]difference{{"timers/clock (root)", wholeProgram, "pass", "fail"}}},
		{"timing does not excuse a signal", timing, outcome{status: endedBad}, outcome{status: "signal:SIGILL"},
			[]difference{{"timers/clock (root)", wholeProgram, "fail", "signal:SIGILL"}}},
		{"guest only", guestOnly, outcome{}, outcome{status: ended, output: "[OK]\tset\n"}, nil},
		{"guest only skips", guestOnly, outcome{}, outcome{status: ended, output: "ok 1 x # SKIP\nok 2 y\n"}, nil},
		{"guest only fails", guestOnly, outcome{}, outcome{status: endedBad, output: "not ok 1 x\n"},
			[]difference{{"timers/set (root)", wholeProgram, "pass", "fail"}, {"timers/set (root)", "x", "ok", "fail"}}},
	} {
		got := compare(tt.j, tt.host, tt.guest)
		if len(got) != len(tt.want) {
			t.Errorf("%s: %v, want %v", tt.what, got, tt.want)
			continue
		}
		for i := range got {
			if got[i] != tt.want[i] {
				t.Errorf("%s: %v, want %v", tt.what, got[i], tt.want[i])
			}
		}
	}
}

const testList = `# a comment
amdv,vtx: x86/a (root); x86/a (user)
pass -> fail  exit
ok -> fail  some case: it's long
because the kernel
  has no such thing

software: timers/clock (root)
pass -> timeout  exit
because it is slow
`

func TestParseKnown(t *testing.T) {
	tab := mustTable(t, testTable)
	list, err := parseKnown(testList, tab)
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 5 {
		t.Fatalf("%d entries: %+v", len(list), list)
	}
	k := list[3]
	if k.difference != (difference{"x86/a (user)", "some case: it's long", "ok", "fail"}) || strings.Join(k.backends, " ") != "amdv vtx" ||
		k.cause != "the kernel has no such thing" {
		t.Errorf("the fourth is %+v", k)
	}
	for text, complaint := range map[string]string{
		"amdv x86/a (root)\npass -> fail  exit\nbecause x":     "first line",
		"xen: x86/a (root)\npass -> fail  exit\nbecause x":     `no backend "xen"`,
		"amdv: x86/b (root)\npass -> fail  exit\nbecause x":    `no "x86/b (root)"`,
		"amdv: x86/a (root)\npass -> fail  exit":               "its cause",
		"amdv: x86/a (root)\npass -> fail  exit\nbecause ?":    "its cause",
		"amdv: x86/a (root)\nbecause x":                        "at least one difference",
		"amdv: x86/a (root)\npass to fail\nbecause x":          "want HOST -> GUEST",
		"amdv: x86/a (root)\npass -> fail exit\nbecause x":     "want HOST -> GUEST",
		"amdv: x86/a (root)\n\npass -> fail  exit\nbecause  x": "at least one",
	} {
		if _, err := parseKnown(text, tab); err == nil || !strings.Contains(err.Error(), complaint) {
			t.Errorf("%q: %v, want %q", text, err, complaint)
		}
	}
}

func TestJudge(t *testing.T) {
	tab := mustTable(t, testTable)
	list, err := parseKnown("amdv: x86/a (root)\npass -> fail  exit\nok -> fail  x\nbecause y\n", tab)
	if err != nil {
		t.Fatal(err)
	}
	good, bad := outcome{status: ended, output: "ok 1 x\n"}, outcome{status: endedBad, output: "not ok 1 x\n"}
	worse := outcome{status: endedBad, output: "not ok 1 x\nnot ok 2 z\n"}
	for _, tt := range []struct {
		what, backend          string
		host, guest            outcome
		listed, unlisted, gone int
	}{
		{"as listed", "amdv", good, bad, 2, 0, 0},
		{"as listed, but on another backend", "vtx", good, bad, 0, 2, 0},
		{"gone", "amdv", good, good, 0, 0, 2},
		{"gone on another backend is nothing", "vtx", good, good, 0, 0, 0},
		{"another host, the same guest", "amdv", bad, bad, 0, 0, 0},
		{"one more", "amdv", good, worse, 2, 1, 0},
		{"the program is ended by a signal", "amdv", good, outcome{status: "signal:SIGSEGV"}, 0, 1, 2},
	} {
		found := compare(tab.jobs[0], tt.host, tt.guest)
		j := judge("x86/a (root)", tt.backend, list, found, tt.guest)
		if len(j.listed) != tt.listed || len(j.unlisted) != tt.unlisted || len(j.gone) != tt.gone {
			t.Errorf("%s: %+v", tt.what, j)
		}
		if j.good() != (tt.unlisted+tt.gone == 0) {
			t.Errorf("%s: good is %v", tt.what, j.good())
		}
	}
}

// TestReport: a difference that is not listed, one that has gone, and a program that did not run each fail a run.
func TestReport(t *testing.T) {
	tab := mustTable(t, testTable)
	list, err := parseKnown("amdv: x86/a (root)\npass -> fail  exit\nbecause of it\n", tab)
	if err != nil {
		t.Fatal(err)
	}
	good, bad := outcome{status: ended}, outcome{status: endedBad, code: 3, output: "what it said\n"}
	for _, tt := range []struct {
		what        string
		job         int
		host, guest outcome
		pass        bool
		want        string
	}{
		{"listed", 0, good, bad, true, "because of it"},
		{"gone", 0, good, good, false, "gone: pass -> fail"},
		{"not listed", 1, good, bad, false, "not listed: pass -> fail"},
		{"last words", 1, good, bad, false, "guest | what it said"},
		{"alike", 1, good, good, true, "same"},
		{"not run", 1, good, outcome{}, false, "not run in the guest"},
		{"not run on the host", 1, outcome{status: notRun}, good, false, "not run on the host"},
		{"never run on the host", 3, outcome{}, good, true, "guest only"},
	} {
		var b strings.Builder
		r := report{w: &b, backend: backendAMDV}
		r.job(tab.jobs[tt.job], judged(tab.jobs[tt.job], backendAMDV, list, tt.host, tt.guest))
		if got := r.summary(0); got != tt.pass || !strings.Contains(b.String(), tt.want) {
			t.Errorf("%s: %v, want %q in\n%s", tt.what, got, tt.want, b.String())
		}
	}
}
