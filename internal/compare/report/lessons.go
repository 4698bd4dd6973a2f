package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"

	"terem/internal/compare/result"
)

// same is how far a ratio's interval may reach from 1 for a sentence to call two
// targets equally fast.
const same = 0.1

// lessons are sentences that say what is to be seen. They use only rows that have a
// place of their own: not noisy, not tied, and told apart from the base.
func lessons(r *result.Result) []string {
	var list []string
	for _, say := range []func(*result.Result) string{startLesson, computeLesson, kernelLesson, memoryLesson} {
		if s := say(r); s != "" {
			list = append(list, s)
		}
	}
	if base := r.Find(result.StartEntry, result.Base, ""); base != nil && base.Noisy {
		list = append(list, "The process's own start is too noisy here to compare others with: try again on a quieter machine.")
	}
	return list
}

// startLesson compares the quickest start of each kind with that of a process.
func startLesson(r *result.Result) string {
	for _, m := range []string{result.StartEntry, result.StartGone} {
		base := r.Find(m, result.Base, "")
		if base == nil || base.Noisy || len(base.Samples) == 0 {
			continue
		}
		var list []string
		for _, b := range best(r, m) {
			list = append(list, fmt.Sprintf("%s%s %s times", article(b.Of.Kind), called(b.Of), factor(b.Ratio.Median)))
		}
		if len(list) > 0 {
			return fmt.Sprintf("A process takes %s to start here; %s as long.", one(base.Unit, base.Summary.Median), join(list))
		}
	}
	return ""
}

// called names a target where that says more than its kind.
func called(t result.Target) string {
	if string(t.Kind) == t.Name {
		return ""
	}
	return " (" + t.Name + ")"
}

// best gives the first row of each kind, the least ratio first.
func best(r *result.Result, measure string) []row {
	var list []row
	for _, k := range kinds() {
		i := slices.IndexFunc(rows(r, measure), func(w row) bool { return w.Of.Kind == k.Kind && sure(w) })
		if i >= 0 {
			list = append(list, rows(r, measure)[i])
		}
	}
	slices.SortStableFunc(list, func(a, b row) int { return cmp.Compare(a.Ratio.Median, b.Ratio.Median) })
	return list
}

// sure says whether a row has a place of its own and differs from the base.
func sure(w row) bool {
	return !w.Noisy && !w.Tied && w.Ratio != nil && (w.Ratio.CI.Low > 1 || w.Ratio.CI.High < 1)
}

// computeLesson says whether arithmetic costs the same everywhere.
func computeLesson(r *result.Result) string {
	var far float64
	n := 0
	for _, w := range rows(r, result.WorkCompute) {
		if w.Noisy || w.Ratio == nil {
			continue
		}
		n++
		far = max(far, 1-w.Ratio.CI.Low, w.Ratio.CI.High-1)
	}
	if n < 2 || far > same {
		return ""
	}
	return fmt.Sprintf("Once it runs, arithmetic costs the same in all of them (within %s of a process, in %d targets): isolation is not emulation.", percent(far), n)
}

// kernelLesson compares what asks the kernel for something.
func kernelLesson(r *result.Result) string {
	ask := []struct{ measure, what string }{
		{result.WorkSyscall, "a system call"}, {result.WorkFault, "a page fault"}, {result.WorkFork, "a fork"},
	}
	for _, a := range ask {
		var list []string
		for _, b := range best(r, a.measure) {
			if b.Ratio.CI.Low > 1+same {
				list = append(list, fmt.Sprintf("%s times as long in %s%s", factor(b.Ratio.Median), article(b.Of.Kind), called(b.Of)))
			}
		}
		if len(list) > 0 {
			return fmt.Sprintf("What asks a kernel for something does differ: %s takes %s as in a process.", a.what, join(list))
		}
	}
	return ""
}

// memoryLesson compares what an idle instance of each kind holds.
func memoryLesson(r *result.Result) string {
	var list []string
	all := stacks(r, result.Memory1)
	for _, k := range kinds() {
		i := slices.IndexFunc(all, func(s stack) bool {
			return s.Of.Kind == k.Kind && !slices.ContainsFunc(s.Parts, func(p part) bool { return p.Noisy })
		})
		if i < 0 {
			continue
		}
		s := all[i]
		big := slices.MaxFunc(s.Parts, func(a, b part) int { return int(min(max(a.Value-b.Value, -1), 1)) })
		text := fmt.Sprintf("%s%s holds %s", article(k.Kind), called(s.Of), one(result.Bytes, s.Total))
		if s.Total > 0 && len(s.Parts) > 1 && k.Kind != result.Process {
			text += fmt.Sprintf(" (%s of it %s)", percent(big.Value/s.Total), big.Name)
		}
		list = append(list, text)
	}
	if len(list) < 2 {
		return ""
	}
	return "Idle, " + join(list) + "."
}

// factor shows a ratio as a sentence has it, in two digits.
func factor(v float64) string {
	const digits = 2
	if v < 1 || v >= 1e6 {
		return number(v)
	}
	unit := math.Pow(10, math.Floor(math.Log10(v))-digits+1)
	v = math.Round(v/unit) * unit
	return strconv.FormatFloat(v, 'f', max(0, digits-1-int(math.Floor(math.Log10(v)))), 64)
}
