package main

import (
	_ "embed"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
)

//go:embed programs.txt
var programsText string

// mark says how a program is treated; programs.txt explains each.
type mark string

const (
	markNone   mark = ""
	markTiming mark = "timing"
	markGuest  mark = "guest"
	markLong   mark = "long"
	markNever  mark = "never"
)

// Who runs a program.
const (
	asRoot = "root"
	asUser = "user"
)

// job is one program, run once by one user.
type job struct {
	program string // suite/program
	args    []string
	user    string
	limit   time.Duration
	mark    mark
}

// name is the job's in reports and in differences.txt: the program, its arguments, and the user.
func (j job) name() string {
	return strings.Join(append([]string{j.program}, j.args...), " ") + " (" + j.user + ")"
}

// table is programs.txt: the jobs in its order, and the names of all programs, also of those that never run.
type table struct {
	jobs     []job
	programs []string
}

func parseTable(text string) (table, error) {
	var t table
	for n, line := range strings.Split(text, "\n") {
		if err := t.line(line); err != nil {
			return table{}, fmt.Errorf("programs.txt, line %d: %w", n+1, err)
		}
	}
	seen := map[string]bool{}
	for _, j := range t.jobs {
		if seen[j.name()] {
			return table{}, fmt.Errorf("programs.txt: %s stands there twice", j.name())
		}
		seen[j.name()] = true
	}
	return t, nil
}

func (t *table) line(text string) error {
	text, why, _ := strings.Cut(text, "#")
	words, args, _ := strings.Cut(strings.TrimSpace(text), " -- ")
	f := strings.Fields(words)
	if len(f) == 0 {
		return nil
	}
	if len(f) < 3 || len(f) > 4 || path.Base(f[0]) == f[0] {
		return errors.New("want SUITE/PROGRAM USERS LIMIT [MARK] [-- ARGUMENTS]")
	}
	j := job{program: f[0], args: strings.Fields(args)}
	if len(f) == 4 {
		j.mark = mark(f[3])
	}
	if err := j.check(f[2], strings.TrimSpace(why)); err != nil {
		return err
	}
	if !slices.Contains(t.programs, j.program) {
		t.programs = append(t.programs, j.program)
	}
	if j.mark == markNever {
		return nil
	}
	for u := range strings.SplitSeq(f[1], ",") {
		if u != asRoot && u != asUser {
			return fmt.Errorf("no user %q: want %s or %s", u, asRoot, asUser)
		}
		j.user = u
		t.jobs = append(t.jobs, j)
	}
	return nil
}

// check completes a job by its limit, and wants a reason for each mark.
func (j *job) check(limit, why string) (err error) {
	if j.limit, err = time.ParseDuration(limit); err != nil || j.limit <= 0 {
		return fmt.Errorf("limit %q is no time", limit)
	}
	switch j.mark {
	case markNone:
		return nil
	case markTiming, markGuest, markLong, markNever:
		if why == "" {
			return fmt.Errorf("mark %q needs a reason, behind a #", j.mark)
		}
		return nil
	}
	return fmt.Errorf("no mark %q", j.mark)
}

// choose returns the indices of the jobs to run. Patterns are those of path.Match for the program, or its suite;
// without any, all jobs run but the long ones.
func (t table) choose(patterns []string) ([]int, error) {
	var chosen []int
	used := make([]bool, len(patterns))
	for i, j := range t.jobs {
		take := len(patterns) == 0 && j.mark != markLong
		for k, p := range patterns {
			hit, err := matches(p, j.program)
			if err != nil {
				return nil, fmt.Errorf("SELFTESTS: %q: %w", p, err)
			}
			used[k] = used[k] || hit
			take = take || hit
		}
		if take {
			chosen = append(chosen, i)
		}
	}
	for k, p := range patterns {
		if !used[k] {
			return nil, fmt.Errorf("SELFTESTS: no program that is run is named %q", p)
		}
	}
	return chosen, nil
}

// matches takes a suite for all its programs, and a name without its _64.
func matches(pattern, program string) (bool, error) {
	for _, name := range []string{program, strings.TrimSuffix(program, "_64"), path.Dir(program)} {
		if hit, err := path.Match(pattern, name); hit || err != nil {
			return hit, err
		}
	}
	return strings.HasPrefix(program, pattern+"/"), nil
}

// unlisted returns those of the built programs that the table does not know, and missing those that were not built.
func (t table) unlisted(built []string) (unlisted, missing []string) {
	for _, b := range built {
		if !slices.Contains(t.programs, b) {
			unlisted = append(unlisted, b)
		}
	}
	for _, p := range t.programs {
		if !slices.Contains(built, p) {
			missing = append(missing, p)
		}
	}
	return unlisted, missing
}
