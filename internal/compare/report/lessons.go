package report

import (
	"cmp"
	"fmt"
	"slices"

	"terem/internal/compare/result"
)

// same is how far a ratio's interval may reach from 1 for a sentence to call two
// targets equally fast.
const same = 0.1

// lesson says what is to be seen: a sentence, and a point for each kind of target. Each
// point can be quoted alone: it has the number of samples and what it was taken on.
type lesson struct {
	Text   string
	Points []string
}

// lessons use only rows that are not noisy, and kinds of which at least one row can be told
// from the base.
func lessons(r *result.Result) []lesson {
	var list []lesson
	for _, say := range []func(*result.Result) lesson{startLesson, snapshotLesson, computeLesson, kernelLesson, memoryLesson} {
		if l := say(r); l.Text != "" {
			list = append(list, l)
		}
	}
	if base := r.Find(result.StartEntry, result.Base, ""); base != nil && base.Noisy {
		list = append(list, lesson{Text: "The process's own start is too noisy here to compare others with: try again on a quieter machine."})
	}
	return list
}

// startLesson compares the starts of each kind with that of a process, by the first mark
// that the most kinds have: not every VM tells when its program's first instruction ran.
func startLesson(r *result.Result) lesson {
	marks := []struct{ measure, until string }{
		{result.StartEntry, "to its first instruction"}, {result.StartOutput, "to its first byte of output"}, {result.StartGone, "until all of it is gone"},
	}
	var most lesson
	for _, m := range marks {
		base := r.Find(m.measure, result.Base, "")
		if base == nil || base.Noisy || len(base.Samples) == 0 {
			continue
		}
		l := lesson{Text: fmt.Sprintf("A process takes %s here, from its start %s (%s). Beside it:",
			one(base.Unit, base.Summary.Median), m.until, samples(base.Summary.N, base.Summary.N))}
		for _, f := range families(r, m.measure) {
			l.Points = append(l.Points, f.times(r))
		}
		if len(l.Points) > len(most.Points) {
			most = l
		}
	}
	return most
}

// computeLesson says whether arithmetic costs the same everywhere.
func computeLesson(r *result.Result) lesson {
	var far float64
	f := family{}
	for _, w := range rows(r, result.WorkCompute) {
		if w.Noisy || w.Ratio == nil {
			continue
		}
		f.Rows = append(f.Rows, w)
		far = max(far, 1-w.Ratio.CI.Low, w.Ratio.CI.High-1)
	}
	if len(f.Rows) < 2 || far > same {
		return lesson{}
	}
	return lesson{Text: fmt.Sprintf("Once it runs, arithmetic costs the same in all of them (within %s of a process, in %d targets, %s): isolation is not emulation.",
		percent(far), len(f.Rows), f.samples())}
}

// kernelLesson compares what asks the kernel for something.
func kernelLesson(r *result.Result) lesson {
	ask := []struct{ measure, what string }{
		{result.WorkSyscall, "A system call"}, {result.WorkFault, "A page fault"}, {result.WorkFork, "A fork"},
	}
	for _, a := range ask {
		var l lesson
		for _, f := range families(r, a.measure) {
			if slices.ContainsFunc(f.Rows, func(w row) bool { return w.Ratio.CI.Low > 1+same }) {
				l.Points = append(l.Points, f.times(r))
			}
		}
		if len(l.Points) > 0 {
			base := r.Find(a.measure, result.Base, "")
			l.Text = fmt.Sprintf("What asks a kernel for something does differ. %s takes %s in a process (%s). Elsewhere:",
				a.what, one(base.Unit, base.Summary.Median), samples(base.Summary.N, base.Summary.N))
			return l
		}
	}
	return lesson{}
}

// memoryLesson compares what an idle instance of each kind holds.
func memoryLesson(r *result.Result) lesson {
	l := lesson{Text: "What one idle instance holds:"}
	all := slices.DeleteFunc(stacks(r, result.Memory1), func(s stack) bool {
		return slices.ContainsFunc(s.Parts, func(p part) bool { return p.Noisy })
	})
	for _, k := range kinds() {
		var of []stack
		for _, s := range all {
			if s.Of.Kind == k.Kind {
				of = append(of, s)
			}
		}
		if len(of) > 0 {
			l.Points = append(l.Points, holds(k.Kind, of))
		}
	}
	if len(l.Points) < 2 {
		return lesson{}
	}
	return l
}

// holds says what a kind's instances hold, and what most of it is.
func holds(k result.Kind, of []stack) string {
	var titles []string
	low, high := of[0], of[len(of)-1]
	fewest, most := low.N, low.N
	for _, s := range of {
		titles = append(titles, s.Of.Title)
		fewest, most = min(fewest, s.N), max(most, s.N)
	}
	text := fmt.Sprintf("%s: %s", called(k, titles), reach(one(result.Bytes, low.Total), one(result.Bytes, high.Total)))
	if name, least, greatest := mostly(of); name != "" && k != result.Process {
		text += fmt.Sprintf(", %s of it %s", reach(percent(least), percent(greatest)), name)
	}
	return text + " (" + samples(fewest, most) + ")"
}

// mostly gives the part that is the greatest in all of some stacks, and its shares.
func mostly(of []stack) (name string, least, most float64) {
	for i, s := range of {
		big := slices.MaxFunc(s.Parts, func(a, b part) int { return cmp.Compare(a.Value, b.Value) })
		share := big.Value / s.Total
		switch {
		case len(s.Parts) < 2 || !(s.Total > 0) || i > 0 && big.Name != name:
			return "", 0, 0
		case i == 0:
			name, least, most = big.Name, share, share
		}
		least, most = min(least, share), max(most, share)
	}
	return name, least, most
}
