package main

import (
	"context"
	"errors"
	"strings"
	"testing"
)

// TestRepeat: a program that is never as it should be differs; what goes varies, and fails nothing.
func TestRepeat(t *testing.T) {
	tab := mustTable(t, testTable)
	j := tab.jobs[0]
	list, err := parseKnown("amdv: x86/a (root)\npass -> fail  exit\nbecause of it\n", tab)
	if err != nil {
		t.Fatal(err)
	}
	good, bad := outcome{status: ended}, outcome{status: endedBad}
	x, y := outcome{status: ended, output: "not ok 1 x\n"}, outcome{status: ended, output: "not ok 1 y\n"}
	type side = []outcome
	for _, tt := range []struct {
		what        string
		list        []known
		host, guest side
		tries       int
		pass        bool
		want        string
	}{
		{"well at once", nil, side{good}, side{good}, 1, true, "same"},
		{"as listed at once", list, side{good}, side{bad}, 1, true, "as listed"},
		{"it goes", nil, side{good, good}, side{bad, good}, 2, true, "varies: pass -> fail"},
		{"it goes on the host", nil, side{bad, good}, side{good, good}, 2, true, "varies: fail -> pass"},
		{"it goes late", nil, side{good, good, good}, side{bad, bad, good}, 3, true, "varies: pass -> fail"},
		{"it stays", nil, side{good, good, good}, side{bad, bad, bad}, 3, false, "not listed: pass -> fail"},
		{"another each time", nil, side{good, good, good}, side{x, y, x}, 3, false, "not listed: absent -> fail  x"},
		{"a listed one is not there once", list, side{good, good}, side{good, bad}, 2, true, "varies: pass -> fail"},
		{"a listed one is never there", list, side{good, good, good}, side{good, good, good}, 3, false, "gone: pass -> fail"},
		{"the machine ends", nil, side{good}, side{{status: "machine:84"}}, 1, false, "not listed: pass -> machine:84"},
		{"the machine ends later", nil, side{good, good}, side{bad, {status: "machine:84"}}, 2, false, "not listed: pass -> machine:84"},
		{"no time for another try", nil, side{good, good, good}, side{bad, {}, {}}, 3, false, "not listed: pass -> fail"},
		{"no time at all", nil, side{{}}, side{{}}, 1, false, "not run in the guest"},
	} {
		n := 0
		all, err := repeat(t.Context(), []int{0}, func([]int) (map[int]trial, error) {
			n++
			return map[int]trial{0: judged(j, backendAMDV, tt.list, tt.host[n-1], tt.guest[n-1])}, nil
		})
		var b strings.Builder
		r := report{w: &b, backend: backendAMDV}
		r.job(j, all[0])
		if got := r.summary(0); err != nil || n != tt.tries || got != tt.pass || !strings.Contains(b.String(), tt.want) {
			t.Errorf("%s: %d tries, %v, %v; want %d, %v and %q in\n%s", tt.what, n, got, err, tt.tries, tt.pass, tt.want, b.String())
		}
	}
}

// TestRepeatFew: only those run again that are not well, and none after the end.
func TestRepeatFew(t *testing.T) {
	j := mustTable(t, testTable).jobs[0]
	ctx, cancel := context.WithCancel(t.Context())
	runs := map[int]int{}
	try := func(jobs []int) (map[int]trial, error) {
		all := map[int]trial{}
		for _, i := range jobs {
			runs[i]++
			guest := outcome{status: ended}
			if i == 2 {
				guest.status = endedBad
			}
			all[i] = judged(j, backendAMDV, nil, outcome{status: ended}, guest)
		}
		if runs[2] == 2 {
			cancel()
		}
		return all, nil
	}
	if _, err := repeat(ctx, []int{1, 2, 3}, try); err != nil || runs[1] != 1 || runs[2] != 2 || runs[3] != 1 {
		t.Errorf("runs %v, %v", runs, err)
	}
	broken := errors.New("no guest")
	if all, err := repeat(t.Context(), []int{1}, func([]int) (map[int]trial, error) { return map[int]trial{1: {missing: "in the guest"}}, broken }); !errors.Is(err, broken) || len(all) != 1 {
		t.Errorf("%v, %v", all, err)
	}
}
