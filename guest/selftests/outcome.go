package main

import (
	"regexp"
	"strings"
	"time"
)

// How a program ended. A machine that ended under it is "machine:" and terem's exit status.
const (
	ended     = "pass"    // exit status 0
	endedBad  = "fail"    // any other
	endedSkip = "skip"    // 4, KSFT_SKIP of kselftest.h
	timedOut  = "timeout" // ended by us
	notRun    = "not-run"

	bySignal    = "signal:"  // and its name
	withMachine = "machine:" // and terem's exit status
)

// outcome is what one job came to on one side.
type outcome struct {
	status string
	code   int // exit status, where there is one
	output string
	took   time.Duration
}

// byItself says whether the program ran to its own end, so that what it printed is all it had to say.
func (o outcome) byItself() bool { return o.status == ended || o.status == endedBad }

// verdict is what a program says of one of its cases; the greater is the worse.
type verdict int

const (
	absent verdict = iota // it says nothing
	ok
	skipped
	warned
	failed
)

var verdictNames = [...]string{absent: "absent", ok: "ok", skipped: "skip", warned: "warn", failed: "fail"}

func (v verdict) String() string { return verdictNames[v] }

// cases are verdicts by name. A name that comes more than once has the worst of its verdicts.
type cases map[string]verdict

func (c cases) add(name string, v verdict) {
	name = stable(name)
	c[name] = max(c[name], v)
}

// The two manners of reporting among the selftests: the Test Anything Protocol,
//
//	ok 3 - name            not ok 4 name            ok 5 # SKIP name            ok 6 name # SKIP reason
//
// where a program may have left text before "ok" on its line, and lines with a word in brackets, which follow the
// line that says what is tried. The verdict is the latter's, since its own text changes with it:
//
//	[RUN]	Set NT and issue a syscall
//	[FAIL]	The syscall worked but flags were cleared
var (
	tapLine     = regexp.MustCompile(`(^|[^\w\s])(not ok|ok) \d+\b\s*(.*)$`)
	bracketLine = regexp.MustCompile(`^(.*?)\[(RUN|OK|PASS|FAIL|FAILED|SKIP|WARN)\]\s*(.*)$`)
)

// parse finds the cases in what a program printed.
func parse(output string) cases {
	c, trying := cases{}, ""
	for line := range strings.Lines(output) {
		line = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), "# "))
		if m := tapLine.FindStringSubmatch(line); m != nil {
			c.tap(m[2] == "ok", m[3])
			continue
		}
		m := bracketLine.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		before, word, after := strings.TrimSpace(m[1]), m[2], m[3]
		if word == "RUN" {
			trying = after
			continue
		}
		c.add(firstOf(before, trying, after), bracketed(word))
	}
	return c
}

func bracketed(word string) verdict {
	switch word {
	case "OK", "PASS":
		return ok
	case "SKIP":
		return skipped
	case "WARN":
		return warned
	}
	return failed
}

func (c cases) tap(good bool, text string) {
	v := failed
	if good {
		v = ok
	}
	name, directive, found := strings.Cut(text, "# ")
	if found {
		word, rest, _ := strings.Cut(directive, " ")
		name = firstOf(strings.TrimSpace(name), rest)
		if word == "SKIP" || word == "XFAIL" {
			v = skipped
		}
	}
	c.add(strings.TrimPrefix(name, "- "), v)
}

func firstOf(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return "?"
}

// varying are numbers that differ from run to run: addresses, times, process numbers.
var varying = regexp.MustCompile(`0x[0-9a-fA-F]{5,}|\d+\.\d+|\d{5,}`)

// stable is a case's name without what changes from run to run.
func stable(name string) string {
	return strings.Join(strings.Fields(varying.ReplaceAllString(name, "#")), " ")
}
