package main

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// report prints results as they are judged, and counts.
type report struct {
	w       io.Writer
	backend string
	verbose bool

	same, listed, unlisted, gone, varied, missed int
}

// row prints one job: how it ended on both sides, and what differs.
func (r *report) row(j job, host, guest outcome, found judgement) {
	what := "same"
	switch {
	case !found.good():
		what = "DIFFERENT"
	case len(found.varies) > 0:
		what = "varies"
	case len(found.listed) > 0:
		what = "as listed"
	case j.mark == markGuest:
		what = "guest only"
	}
	r.count(found)
	fmt.Fprintf(r.w, "%-66s %-22s %-22s %s\n", j.name(), side(host), side(guest), what)
	for _, d := range found.unlisted {
		fmt.Fprintf(r.w, "    not listed: %s -> %s  %s\n", d.host, d.guest, d.of)
	}
	for _, k := range found.gone {
		fmt.Fprintf(r.w, "    gone: %s -> %s  %s\n", k.host, k.guest, k.of)
	}
	for _, d := range found.varies {
		fmt.Fprintf(r.w, "    varies: %s -> %s  %s\n", d.host, d.guest, d.of)
	}
	cause := ""
	for _, k := range found.listed {
		fmt.Fprintf(r.w, "    %s -> %s  %s\n", k.host, k.guest, k.of)
		if k.cause != cause {
			cause = k.cause
			fmt.Fprintf(r.w, "        because %s\n", cause)
		}
	}
	if len(found.unlisted) > 0 || r.verbose {
		r.lastWords("host", host)
		r.lastWords("guest", guest)
	}
}

func (r *report) count(found judgement) {
	switch {
	case found.good() && len(found.varies) > 0:
		r.varied++
	case found.good() && len(found.listed) == 0:
		r.same++
	}
	r.listed += len(found.listed)
	r.unlisted += len(found.unlisted)
	r.gone += len(found.gone)
}

// missing is a job for which there was no time, or no machine.
func (r *report) missing(j job, where string, o outcome) {
	r.missed++
	fmt.Fprintf(r.w, "%-66s not run %s\n", j.name(), where)
	r.lastWords(where, o)
}

func (r *report) lastWords(where string, o outcome) {
	const few = 12
	lines := strings.Split(strings.TrimRight(o.output, "\n"), "\n")
	if !r.verbose && len(lines) > few {
		lines = lines[len(lines)-few:]
	}
	for _, line := range lines {
		if line != "" {
			fmt.Fprintf(r.w, "      %-5s | %s\n", where, line)
		}
	}
}

// side is how a job ended, in a few characters.
func side(o outcome) string {
	if o.status == "" {
		return "-"
	}
	s := o.status
	if o.status == endedBad {
		s = fmt.Sprintf("%s (%d)", o.status, o.code)
	}
	return fmt.Sprintf("%s, %.1f s", s, o.took.Seconds())
}

// summary is the last line; it says whether all is as it should be.
func (r *report) summary(took time.Duration) bool {
	good := r.unlisted == 0 && r.gone == 0 && r.missed == 0
	word := "passed"
	if !good {
		word = "FAILED"
	}
	fmt.Fprintf(r.w, "selftests: %s on %s in %s: %d programs alike, %d that vary, %d differences as listed, %d not listed, %d gone, %d programs not run\n",
		word, r.backend, took.Round(time.Second), r.same, r.varied, r.listed, r.unlisted, r.gone, r.missed)
	return good
}
