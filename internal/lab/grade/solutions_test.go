package grade

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"terem/internal/lab/attempt"
	"terem/internal/lab/exercise"
)

// all, in the environment, has more graded: `make test-lab`.
const all = "TEREM_LAB_ALL"

// few are the solution and the last wrong one whose mistake shows without KVM.
func few(list []attempt.Attempt) []attempt.Attempt {
	const wrong = 1
	short := list[:1:1]
	for i := len(list) - 1; i > 0 && len(short) <= wrong; i-- {
		if !list[i].KVM {
			short = append(short, list[i])
		}
	}
	return short
}

// TestSolutions grades solutions and wrong ones, as far as that goes without KVM: internal/hardware/atwork does it with.
func TestSolutions(t *testing.T) {
	needContainer(t)
	for _, e := range exercise.All() {
		list := attempts(t, e)
		if len(list) < 1+3 {
			t.Errorf("exercise %d has %d wrong solutions; want three at least", e.Number, len(list)-1)
		}
		if os.Getenv(all) == "" {
			list = few(list)
		}
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			built := together(t, e, list)
			for i, a := range list {
				o := Options{Seed: seed, NoKVM: true, args: []string{strconv.Itoa(i)}}
				if a.Cause == "" {
					o.Limit = time.Minute // it ends by itself, however busy the host is
				}
				r, err := Built(t.Context(), e, built, o)
				if err != nil {
					t.Fatal(err)
				}
				if err := a.Judge(false, r.Causes()); err != nil {
					t.Errorf("%v\n%s", err, text(t, r))
				}
				if a.Cause == "" && r.Points+r.NotRun != e.Points() {
					t.Errorf("the solution does not get all points:\n%s", text(t, r))
				}
			}
		})
	}
}

// TestStart has the files of each exercise compile as a student gets them, and be worth nothing.
func TestStart(t *testing.T) {
	needContainer(t)
	list := exercise.All()
	if os.Getenv(all) == "" {
		list = list[:2] // one with package kvm, and the one without
	}
	for _, e := range list {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			r := grade(t, e, started(t, e))
			if r.Points != 0 || r.Checks[0].Check == compiles || len(r.Mistakes()) == 0 {
				t.Errorf("an exercise that nobody has worked on:\n%s", text(t, r))
			}
			for _, c := range r.Checks {
				if c.State == Right {
					t.Errorf("%s is right", c.Check)
				}
			}
		})
	}
}

// TestSignalsOnlyInside grades a Runner of exercise 7 that sends a signal only if Loop is in KVM_RUN, or about to be. That is as good as
// one that always does.
func TestSignalsOnlyInside(t *testing.T) {
	needContainer(t)
	e := find(t, 7)
	dir := laid(t, e, attempts(t, e)[0])
	b, err := os.ReadFile(filepath.Join(dir, "runner.go"))
	if err != nil {
		t.Fatal(err)
	}
	edit := strings.NewReplacer(
		"request atomic.Bool", "request, inside atomic.Bool",
		"\tfor {\n\t\tif r.request", "\tfor {\n\t\tr.inside.Store(true)\n\t\tif r.request",
		"pending = false\n\t\tif errors", "pending = false\n\t\tr.inside.Store(false)\n\t\tif errors",
		"\tr.signal()\n", "\tif r.inside.Load() {\n\t\tr.signal()\n\t}\n")
	put(t, dir, "runner.go", edit.Replace(string(b)))
	if r := grade(t, e, dir); r.Points+r.NotRun != e.Points() {
		t.Error(text(t, r))
	}
}
