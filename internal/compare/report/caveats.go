package report

import (
	"fmt"
	"slices"
	"strings"

	"terem/internal/compare/result"
)

// What a reader has to know to take a single number, a row or a plot away with them: it
// stands beside each, since slides and screenshots leave the head of a report behind.

// slowed says whether measuring added so much to the process that ratios of starts are
// wrong by more than the digits that they are shown with.
func slowed(r *result.Result) bool { return r.Method.Overhead.Low > overheadLimit }

// bound says on which side of a ratio the truth is. Measuring adds about the same time to
// every run, the most to the shortest in proportion: so it moves ratios towards 1.
func bound(r *result.Result, s *result.Series) string {
	m, _ := result.Of(s.Measure)
	switch {
	case s.Ratio == nil || m.Group != result.GroupStart || !slowed(r):
		return ""
	case s.Ratio.Median < 1:
		return "≤"
	}
	return "≥"
}

// factor shows the ratio to the base, with the side on which the truth is.
func (w row) factor() string { return w.Bound + "×" + number(w.Ratio.Median) }

// about is a row's kind, what it ran on, and its number of samples.
func about(t result.Target, on string, n int) string {
	list := []string{fmt.Sprintf("n%c%d", nbsp, n)}
	if kind := string(t.Kind) + on; kind != t.Title && kind != "" {
		list = append([]string{kind}, list...)
	}
	return strings.Join(list, ", ")
}

// on says what a target ran on, where it is not what its kind makes one think of.
func on(r *result.Result, t result.Target) string {
	if t.Kind == result.VM && r.Host.SoftwareKVM() {
		return " on software KVM"
	}
	return ""
}

// caveats are remarks on a sheet's rows.
func caveats(r *result.Result, s *sheet) []string {
	var list []string
	if slices.ContainsFunc(s.Rows, func(w row) bool { return w.Bound != "" }) {
		list = append(list, fmt.Sprintf("≥, ≤: the ratio is nearer to 1 than the truth, by up to %s. Measuring adds as much to the process, and less to what takes longer.",
			percent(r.Method.Overhead.High)))
	}
	vm := func(t result.Target) bool { return on(r, t) != "" }
	if slices.ContainsFunc(s.Rows, func(w row) bool { return vm(w.Of) }) || slices.ContainsFunc(s.Stacks, func(k stack) bool { return vm(k.Of) }) {
		if g := s.Measure.Group; g != result.GroupMemory && g != result.GroupDensity && s.Measure.Name != result.WorkCompute { // the same on each KVM
			list = append(list, "VMs ran "+software(r)+".")
		}
	}
	return list
}

// software names this host's KVM in a sentence.
func software(r *result.Result) string {
	return fmt.Sprintf("on a software KVM (%s), without VT-x or AMD-V", clean(r.Host.KVM, nameLimit))
}
