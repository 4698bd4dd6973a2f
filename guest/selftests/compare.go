package main

import (
	"maps"
	"slices"
)

// wholeProgram stands for a case where a difference is one in how the program ended.
const wholeProgram = "exit"

// difference is one thing that the host and the guest say differently.
type difference struct {
	job         string // job.name
	of          string // a case, or wholeProgram
	host, guest string
}

// compare finds the differences of one job. A job that is not run on the host has to pass in the guest.
func compare(j job, host, guest outcome) []difference {
	if j.mark == markGuest {
		host = outcome{status: ended}
	}
	h, g := host.status, guest.status
	if j.mark == markTiming && h != ended && host.byItself() && guest.byItself() {
		return nil
	}
	var list []difference
	if h != g {
		list = append(list, difference{j.name(), wholeProgram, h, g})
	}
	if !host.byItself() || !guest.byItself() {
		return list // one of them stopped at some case: the rest says nothing
	}
	hc, gc := parse(host.output), parse(guest.output)
	if j.mark == markGuest {
		hc = expected(gc)
	}
	names := map[string]bool{}
	for name := range hc {
		names[name] = true
	}
	for name := range gc {
		names[name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if hc[name] != gc[name] {
			list = append(list, difference{j.name(), name, hc[name].String(), gc[name].String()})
		}
	}
	return list
}

// expected is what a host would say of the same cases: what the program itself skips, it
// skips there, too.
func expected(c cases) cases {
	all := cases{}
	for name, v := range c {
		all[name] = ok
		if v == skipped {
			all[name] = skipped
		}
	}
	return all
}
