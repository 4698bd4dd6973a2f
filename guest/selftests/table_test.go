package main

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func mustTable(t *testing.T, text string) table {
	t.Helper()
	tab, err := parseTable(text)
	if err != nil {
		t.Fatal(err)
	}
	return tab
}

func TestParseTable(t *testing.T) {
	tab := mustTable(t, `
# a comment
x86/one_64   root,user  10s
timers/set   root  20s  guest  -- -s 4  # sets the clock
timers/away  -     1s   never  # suspends
`)
	want := []string{"x86/one_64 (root)", "x86/one_64 (user)", "timers/set -s 4 (root)"}
	var got []string
	for _, j := range tab.jobs {
		got = append(got, j.name())
	}
	if !slices.Equal(got, want) {
		t.Errorf("jobs %q, want %q", got, want)
	}
	if j := tab.jobs[2]; j.mark != markGuest || j.limit != 20*time.Second || !slices.Equal(j.args, []string{"-s", "4"}) {
		t.Errorf("the third job is %+v", j)
	}
	if !slices.Equal(tab.programs, []string{"x86/one_64", "timers/set", "timers/away"}) {
		t.Errorf("programs %q", tab.programs)
	}
	for text, complaint := range map[string]string{
		"x86/a root":                     "want SUITE/PROGRAM",
		"a root 1s":                      "want SUITE/PROGRAM",
		"x86/a nobody 1s":                `no user "nobody"`,
		"x86/a root soon":                `limit "soon"`,
		"x86/a root -1s":                 `limit "-1s"`,
		"x86/a root 1s odd # why":        `no mark "odd"`,
		"x86/a root 1s long":             "needs a reason",
		"x86/a root 1s\nx86/a root 2s":   "twice",
		"\nx86/a root 1s timing # x\n-x": "line 3",
	} {
		if _, err := parseTable(text); err == nil || !strings.Contains(err.Error(), complaint) {
			t.Errorf("%q: %v, want %q", text, err, complaint)
		}
	}
}

func TestChoose(t *testing.T) {
	tab := mustTable(t, "x86/a_64 root,user 1s\nx86/b root 1s\nfutex/functional/c root 1s\ntimers/d root 1s long # slow\n")
	for _, tt := range []struct {
		only string
		want []int
	}{
		{"", []int{0, 1, 2, 3}},
		{"x86/a", []int{0, 1}},
		{"x86/a_64 timers/d", []int{0, 1, 4}},
		{"x86", []int{0, 1, 2}},
		{"futex", []int{3}},
		{"x86/[b]", []int{2}},
	} {
		got, err := tab.choose(strings.Fields(tt.only))
		if err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("choose %q: %v, %v, want %v", tt.only, got, err, tt.want)
		}
	}
	for _, bad := range []string{"x86/z", "["} {
		if got, err := tab.choose([]string{"x86/a", bad}); err == nil {
			t.Errorf("choose %q: %v", bad, got)
		}
	}
}

func TestUnlisted(t *testing.T) {
	tab := mustTable(t, "x86/a root 1s\nx86/never - 1s never # no\n")
	more, less := tab.unlisted([]string{"x86/a", "x86/new"})
	if !slices.Equal(more, []string{"x86/new"}) || !slices.Equal(less, []string{"x86/never"}) {
		t.Errorf("unlisted %q, missing %q", more, less)
	}
}

// TestFiles: the two files that a run reads are in order.
func TestFiles(t *testing.T) {
	tab := mustTable(t, programsText)
	if len(tab.jobs) < 50 {
		t.Errorf("programs.txt has %d jobs", len(tab.jobs))
	}
	if _, err := parseKnown(differencesText, tab); err != nil {
		t.Error(err)
	}
	for _, j := range tab.jobs {
		if name := strings.TrimPrefix(j.program, "timers/"); slices.Contains(clockSetters(), name) && j.mark != markGuest {
			t.Errorf("%s would set the host's clock", j.name())
		}
	}
}

// clockSetters are DESTRUCTIVE_TESTS in the Makefile of the timers.
func clockSetters() []string {
	return strings.Fields(`alarmtimer-suspend valid-adjtimex adjtick change_skew skew_consistency clocksource-switch
		freq-step leap-a-day leapcrash set-tai set-2038 set-tz`)
}

func TestRanges(t *testing.T) {
	for _, tt := range []struct {
		list []int
		want string
	}{{[]int{3}, "3"}, {[]int{0, 1, 2, 5, 7, 8}, "0-2,5,7-8"}} {
		if got := ranges(tt.list); got != tt.want {
			t.Errorf("ranges(%v) is %q", tt.list, got)
		}
		if got, err := parseRanges(tt.want); err != nil || !slices.Equal(got, tt.list) {
			t.Errorf("parseRanges(%q): %v, %v", tt.want, got, err)
		}
	}
	for _, bad := range []string{"", "1-", "a", "1,,2"} {
		if got, err := parseRanges(bad); err == nil {
			t.Errorf("parseRanges(%q): %v", bad, got)
		}
	}
}

func TestOrder(t *testing.T) {
	o := order{root: "", tree: "/x", scale: 1.5, jobs: []int{1, 2, 9}}
	args := o.args(roleGuest)
	got, err := parseOrder(args[1:])
	if args[0] != roleGuest || err != nil || got.root != o.root || got.tree != o.tree || got.scale != o.scale || !slices.Equal(got.jobs, o.jobs) {
		t.Errorf("%q: %+v, %v", args, got, err)
	}
	for _, bad := range [][]string{nil, {"", "", "x", "1"}, {"", "", "1", "x"}} {
		if _, err := parseOrder(bad); err == nil {
			t.Errorf("parseOrder(%q) passed", bad)
		}
	}
}
