package main

import (
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"
)

//go:embed differences.txt
var differencesText string

// The backends of KVM that a difference can be one of.
const (
	backendAMDV     = "amdv"
	backendVTX      = "vtx"
	backendSoftware = "software"
)

func backends() []string { return []string{backendAMDV, backendVTX, backendSoftware} }

// known is a difference that is listed, with its cause and where it is.
type known struct {
	difference
	backends []string
	cause    string
}

// parseKnown reads differences.txt, whose head explains it.
func parseKnown(text string, t table) ([]known, error) {
	var list []known
	for stanza := range strings.SplitSeq(withoutComments(text), "\n\n") {
		if strings.TrimSpace(stanza) == "" {
			continue
		}
		k, err := parseStanza(strings.Split(strings.TrimSpace(stanza), "\n"), t)
		if err != nil {
			return nil, fmt.Errorf("differences.txt: %q: %w", strings.TrimSpace(stanza), err)
		}
		list = append(list, k...)
	}
	return list, nil
}

func withoutComments(text string) string {
	var kept []string
	for line := range strings.SplitSeq(text, "\n") {
		if !strings.HasPrefix(line, "#") {
			kept = append(kept, strings.TrimRight(line, " \t"))
		}
	}
	return strings.Join(kept, "\n")
}

// parseStanza reads the lines
//
//	BACKEND,BACKEND: JOB; JOB
//	HOST -> GUEST  CASE
//	because CAUSE
func parseStanza(lines []string, t table) ([]known, error) {
	where, what, found := strings.Cut(lines[0], ": ")
	if !found {
		return nil, errors.New("want BACKENDS: JOBS on the first line")
	}
	on := strings.Split(where, ",")
	for _, b := range on {
		if !slices.Contains(backends(), b) {
			return nil, fmt.Errorf("no backend %q", b)
		}
	}
	diffs, cause, err := parseBody(lines[1:])
	if err != nil {
		return nil, err
	}
	var list []known
	for name := range strings.SplitSeq(what, "; ") {
		if !slices.ContainsFunc(t.jobs, func(j job) bool { return j.name() == name }) {
			return nil, fmt.Errorf("programs.txt has no %q", name)
		}
		for _, d := range diffs {
			d.job = name
			list = append(list, known{difference: d, backends: on, cause: cause})
		}
	}
	return list, nil
}

func parseBody(lines []string) (diffs []difference, cause string, err error) {
	for i, line := range lines {
		line = strings.TrimSpace(line)
		if rest, found := strings.CutPrefix(line, "because "); found {
			words := append([]string{rest}, lines[i+1:]...)
			cause = strings.Join(strings.Fields(strings.Join(words, " ")), " ")
			break
		}
		host, rest, _ := strings.Cut(line, " -> ")
		guest, of, found := strings.Cut(rest, "  ")
		if !found {
			return nil, "", fmt.Errorf("want HOST -> GUEST  CASE, or because CAUSE, not %q", line)
		}
		diffs = append(diffs, difference{of: strings.TrimSpace(of), host: host, guest: guest})
	}
	if len(diffs) == 0 || cause == "" || strings.HasPrefix(cause, "?") {
		return nil, "", errors.New("want at least one difference, and its cause")
	}
	return diffs, cause, nil
}

// judgement is what the list says of one run.
type judgement struct {
	listed   []known
	unlisted []difference
	gone     []known
	varies   []difference // unlisted or gone, but not in each try (trial.go)
}

// wrong are the differences that are not as listed.
func (j judgement) wrong() []difference {
	all := slices.Clone(j.unlisted)
	for _, k := range j.gone {
		all = append(all, k.difference)
	}
	return all
}

func (j judgement) good() bool { return len(j.unlisted) == 0 && len(j.gone) == 0 }

// judge holds the differences of a job against the list. An entry says what the guest does. It has gone if the guest
// does something else now; if the guest does as the entry says and so does this host, then the host is another one,
// and the entry stays.
func judge(name, backend string, list []known, found []difference, guest outcome) judgement {
	var j judgement
	seen := parse(guest.output)
	for _, k := range list {
		if k.job != name || !slices.Contains(k.backends, backend) {
			continue
		}
		at := slices.IndexFunc(found, func(d difference) bool { return d == k.difference })
		switch {
		case at >= 0:
			j.listed = append(j.listed, k)
			found = slices.Delete(slices.Clone(found), at, at+1)
		case k.guestDoes(guest, seen) && !slices.ContainsFunc(found, k.sameCase):
		default:
			j.gone = append(j.gone, k)
		}
	}
	j.unlisted = found
	return j
}

// guestDoes says whether the guest does what the entry says of it.
func (k known) guestDoes(o outcome, seen cases) bool {
	if k.of == wholeProgram {
		return o.status == k.guest
	}
	return seen[k.of].String() == k.guest
}

func (k known) sameCase(d difference) bool { return d.of == k.of }
