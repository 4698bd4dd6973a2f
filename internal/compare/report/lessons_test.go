package report

import (
	"slices"
	"strings"
	"testing"

	"terem/internal/compare/result"
	"terem/internal/measure/stats"
)

func tableOf(t testing.TB, r *result.Result, width int) string {
	t.Helper()
	var b strings.Builder
	if err := Table(&b, r, Options{Width: width}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// points are those of all lessons.
func points(r *result.Result) (all []string) {
	for _, l := range lessons(r) {
		all = append(all, l.Points...)
	}
	return all
}

// TestPoints wants each point to be quotable alone: with its number of samples, and of a VM
// with the KVM that it ran on.
func TestPoints(t *testing.T) {
	r := sample()
	vms := 0
	for _, p := range points(r) {
		if !strings.Contains(p, "(n\u00a0=\u00a0") {
			t.Errorf("no number of samples: %s", p)
		}
		if strings.HasPrefix(p, "a VM") && strings.Contains(p, "times as long") {
			vms++
			if !strings.Contains(p, "on a software KVM (kvm_pvm), without VT-x or AMD-V") {
				t.Errorf("not told that it is a software KVM: %s", p)
			}
		}
	}
	if vms != 2 {
		t.Errorf("%d points about how long VMs take, want 2: %q", vms, points(r))
	}
	few := sample()
	few.Series = slices.DeleteFunc(few.Series, func(s *result.Series) bool { return s.Target == "vm" })
	if all := tableOf(t, few, 80); strings.Contains(all, "software KVM") {
		t.Error("a software KVM, and no VM was measured")
	}
	for _, kvm := range []string{"kvm_intel", "kvm_amd", "unknown", ""} {
		r.Host.KVM = kvm
		if all := tableOf(t, r, 80) + pageOf(t, r); strings.Contains(all, "software KVM") {
			t.Errorf("KVM %q is called software", kvm)
		}
	}
}

// TestRange wants a kind to be named by all of it that was measured, and what was left out
// to be named.
func TestRange(t *testing.T) {
	all := points(sample())
	for _, want := range []string{
		"containers (terem container to systemd-nspawn): 5.3 to 66 times as long (n\u00a0=\u00a030)",
		"container platforms (podman to docker): 180 to 360 times as long (n\u00a0=\u00a030); too noisy to say: docker, net none",
	} {
		if !slices.Contains(all, want) {
			t.Errorf("no point %q in\n%s", want, strings.Join(all, "\n"))
		}
	}
}

// TestMost wants the lesson about starts to be of a mark that all kinds have.
func TestMost(t *testing.T) {
	r := sample()
	r.Series = slices.DeleteFunc(r.Series, func(s *result.Series) bool { return s.Measure == result.StartEntry && s.Target == "vm" })
	l := startLesson(r)
	if !strings.Contains(l.Text, "first byte of output") || !strings.HasPrefix(l.Points[len(l.Points)-1], "a VM (terem VM, cold): 5000 times") {
		t.Errorf("%+v", l)
	}
}

// TestBound wants ratios of starts to say which way they are wrong, where measuring added
// more than its limit, and only there.
func TestBound(t *testing.T) {
	r := sample()
	if all := tableOf(t, r, 80) + pageOf(t, r) + strings.Join(points(r), ""); strings.Contains(all, "≥×") || strings.Contains(all, "at least") {
		t.Error("a bound, and measuring added less than its limit")
	}
	r.Method.Overhead = stats.Interval{Low: 0.02, High: 0.03}
	quick := r.Find(result.StartGone, "crun", "")
	quick.Ratio.Median = 0.5
	for _, s := range []string{tableOf(t, r, 50), pageOf(t, r)} {
		for _, want := range []string{"≥×5.31", "≤×0.5", "containers (terem container to systemd-nspawn): at least 5.3"} {
			if !strings.Contains(strings.Join(strings.Fields(s), " "), want) {
				t.Errorf("no %q in\n%s", want, s)
			}
		}
		if strings.Contains(s, "≥×22.1") {
			t.Error("a system call is timed by the program itself, and has a bound")
		}
	}
	page := pageOf(t, r)
	if n := strings.Count(page, "nearer to 1 than the truth, by up to 3.0"); n != 3 {
		t.Errorf("%d of the 3 plots of starts say how wrong their ratios are", n)
	}
}

// TestOneAxis wants the plots of starts to have one axis, and others their own.
func TestOneAxis(t *testing.T) {
	d := newDocument(sample())
	at := map[string]axis{}
	for _, g := range d.Groups {
		for _, f := range g.Figures {
			at[f.Measure.Name] = f.Plot.Axis
		}
	}
	first := at[result.StartEntry]
	for _, m := range []string{result.StartOutput, result.StartGone} {
		if at[m].low != first.low || at[m].high != first.high || len(at[m].Ticks) != len(first.Ticks) {
			t.Errorf("%s: from %g to %g, the first start's from %g to %g", m, at[m].low, at[m].high, first.low, first.high)
		}
	}
	if at[result.WorkSyscall].low == at[result.WorkFork].low {
		t.Error("work has one axis")
	}
	if n := strings.Count(pageOf(t, sample()), "The same scale in all 3 plots"); n != 3 {
		t.Errorf("%d plots say that they share a scale", n)
	}
}

// TestOneName wants a target to have the same name everywhere.
func TestOneName(t *testing.T) {
	r := sample()
	for i := range r.Targets {
		r.Targets[i].Title = "Title" + string(rune('A'+i))
	}
	all := tableOf(t, r, 80) + tableOf(t, r, 140) + changed(t, sample(), r) + strings.Join(points(r), "\n") + pageOf(t, r)
	for _, name := range []string{"bwrap", "gvisor", "docker-none", "nspawn", "jvm"} {
		if strings.Contains(all, name) {
			t.Errorf("%q instead of its title", name)
		}
	}
}

// TestSaved shows a report of docs/comparisons: such files are read for years.
func TestSaved(t *testing.T) {
	r, err := Load("../../../docs/comparisons/amdv.json")
	if err != nil {
		t.Fatal(err)
	}
	checkPage(t, pageOf(t, r))
	golden(t, "saved-80.txt", tableOf(t, r, 80))
}

// TestMethodInside wants a page that needs no file of the repository to be understood.
func TestMethodInside(t *testing.T) {
	page := pageOf(t, sample())
	if strings.Contains(page, "method.md") || strings.Contains(page, "docs/") {
		t.Error("the page names a file that its reader does not have")
	}
	for _, want := range []string{"How this was measured", "in an order drawn anew, 20ms after one another", "From 1.0\u00a0% on"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}
