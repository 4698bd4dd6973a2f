package main

import (
	"context"
	"slices"
	"strings"
)

// tries is how often a program runs, on both sides, until its result is as it should be. Some
// look at what another thread of theirs is doing by now, and say something else when the
// machine is busy. One that is never as it should be is a difference.
const tries = 3

// trial is what the tries of a job so far have come to.
type trial struct {
	host, guest outcome   // of the last try
	missing     string    // where it did not run: there was no time, or no machine
	found       judgement // of the last try, and what varied
}

// judged is the trial of one try.
func judged(j job, backend string, list []known, host, guest outcome) trial {
	t := trial{host: host, guest: guest}
	switch {
	case guest.status == "" || guest.status == notRun:
		t.missing = "in the guest"
	case j.mark != markGuest && (host.status == "" || host.status == notRun):
		t.missing = "on the host"
	default:
		t.found = judge(j.name(), backend, list, compare(j, host, guest), guest)
	}
	return t
}

// final says whether another try could change nothing: all is well, or the machine ended,
// which may not happen even once.
func (t trial) final() bool {
	return t.missing != "" || t.found.good() || strings.HasPrefix(t.guest.status, withMachine)
}

// and adds another try, which counts. What was wrong before and is not any more varies.
func (t trial) and(next trial) trial {
	if next.missing != "" {
		return t
	}
	next.found.varies = slices.Clone(t.found.varies)
	for _, d := range t.found.wrong() {
		if !slices.Contains(next.found.wrong(), d) && !slices.Contains(next.found.varies, d) {
			next.found.varies = append(next.found.varies, d)
		}
	}
	return next
}

// repeat tries jobs, and then again those whose result is not as it should be.
func repeat(ctx context.Context, jobs []int, try func(jobs []int) (map[int]trial, error)) (map[int]trial, error) {
	all := map[int]trial{}
	for n := range tries {
		if n > 0 {
			jobs = slices.DeleteFunc(slices.Clone(jobs), func(i int) bool { return all[i].final() })
		}
		if len(jobs) == 0 || n > 0 && ctx.Err() != nil {
			break
		}
		next, err := try(jobs)
		for i, t := range next {
			if n > 0 {
				t = all[i].and(t)
			}
			all[i] = t
		}
		if err != nil {
			return all, err
		}
	}
	return all, nil
}
