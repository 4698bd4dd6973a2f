package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"terem/internal/compare/result"
)

// fact is a line of a report's head.
type fact struct{ Name, Text string }

// facts say where, when and how the samples were taken, as far as the result has it.
func facts(r *result.Result) []fact {
	h := r.Host
	list := []fact{
		{"host", when(h.CPU != "", "%s, %d %s, governor %s, %s", h.CPU, h.CPUs, plural(h.CPUs, "CPU"), cmp.Or(h.Governor, "unknown"), ram(h.Memory))},
		{"kernel", when(h.Kernel != "", "Linux %s, KVM by %s", h.Kernel, h.KVM)},
		{"when", when(!r.Started.IsZero(), "%s, took %s", r.Started.UTC().Format("2006-01-02 15:04 UTC"), r.Took.Round(time.Second))},
		{"program", r.Method.Program},
		{"method", when(r.Method.Rounds != 0, "%s", method(r.Method))},
		{"measuring", when(r.Method.Overhead.High != 0, "adds %s to %s to a bare process, with 95 %% confidence", percent(r.Method.Overhead.Low), percent(r.Method.Overhead.High))},
		{"busy", when(r.Busy != result.Busy{}, "CPU %s in use, the comparison's own included; %s stolen; load %s before, %s after",
			percent(r.Busy.CPU), percent(r.Busy.Steal), h.Load, r.Busy.LoadAfter)},
	}
	var said []fact
	for _, f := range list {
		if f.Text = clean(f.Text, lineLimit); f.Text != "" {
			said = append(said, f)
		}
	}
	return said
}

// version is terem's, without its name.
func version(r *result.Result) string {
	return strings.TrimPrefix(clean(r.Terem, nameLimit), "terem ")
}

// when formats what is known, and gives nothing for what is not.
func when(known bool, format string, a ...any) string {
	if !known {
		return ""
	}
	return fmt.Sprintf(format, a...)
}

func method(m result.Method) string {
	s := fmt.Sprintf("%d rounds", m.Rounds)
	if m.SlowRounds != 0 && m.SlowRounds != m.Rounds {
		s += fmt.Sprintf(" (%d of targets that take a second and more)", m.SlowRounds)
	}
	s += fmt.Sprintf(" in shuffled order, seed %d; %d warm-%s before; %s between runs", m.Seed, m.Warmups, plural(m.Warmups, "up"), m.Gap)
	if m.Quick {
		s = "quick: " + s
	}
	return s
}

// ram shows a line of /proc/meminfo, "8129452 kB", in GiB.
func ram(s string) string {
	kib, err := strconv.ParseFloat(strings.TrimSuffix(s, " kB"), 64)
	if err != nil {
		return s + " of memory"
	}
	return one(result.Bytes, kib*(1<<10))
}

// What a machine may do besides before a report warns.
const (
	stealLimit    = 0.02 // of all CPU time
	loadLimit     = 0.5  // processes that want to run, per CPU, as it began
	overheadLimit = 0.01
)

// warnings say why the numbers may mean less than they seem to.
func warnings(r *result.Result) []string {
	var list []string
	if r.Ended != "" {
		list = append(list, fmt.Sprintf("It ended before its time: %s. Rows may be missing or have few samples.", clean(r.Ended, lineLimit)))
	}
	if r.Busy.Steal > stealLimit {
		list = append(list, fmt.Sprintf("The hypervisor below this machine took %s of its CPU time: tails and intervals are wider than the targets' own.", percent(r.Busy.Steal)))
	}
	first, _, _ := strings.Cut(r.Host.Load, " ")
	if load, err := strconv.ParseFloat(first, 64); err == nil && load > loadLimit*float64(r.Host.CPUs) {
		list = append(list, fmt.Sprintf("The machine was busy as it began: load %s on %d %s.", number(load), r.Host.CPUs, plural(r.Host.CPUs, "CPU")))
	}
	if slices.ContainsFunc(r.Series, func(s *result.Series) bool { return len(s.Samples) > 0 && on(r, target(r, s.Target)) != "" }) {
		list = append(list, "VMs ran "+software(r)+". That makes a guest's kernel 100 to 1000 times slower, and leaves its programs' arithmetic as it is. "+
			"With VT-x or AMD-V, VMs take far less than what is said of them here.")
	}
	if slowed(r) {
		list = append(list, fmt.Sprintf("Measuring added %s to %s to a bare process, more than the %s that this program allows itself: ratios of starts are too near to 1, by up to that.",
			percent(r.Method.Overhead.Low), percent(r.Method.Overhead.High), percent(overheadLimit)))
	}
	if len(r.Series) == 0 {
		list = append(list, "Nothing was measured.")
	}
	return list
}
