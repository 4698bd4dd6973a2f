package grade

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"terem/internal/lab/exercise"
)

// TestOneMistakeIsOne has a program that ends in one check. The others are graded all the same.
func TestOneMistakeIsOne(t *testing.T) {
	needContainer(t)
	e := find(t, 10)
	dir := laid(t, e, attempts(t, e)[0])
	put(t, dir, "extra.go", "package exercise\n\nimport \"os\"\n\nfunc exit() uintptr { os.Exit(3); return 0 }\n")
	edit(t, dir, "container.go", "\treturn CLONE_NEWUSER |", "\treturn exit() |")
	r := grade(t, e, dir)
	const lost = 1 // for the namespaces
	if r.Points != e.Points()-lost || len(r.Mistakes()) != 1 {
		t.Error(text(t, r))
	}
}

// TestCallsWithoutEnd has a program ask the part that the grader plays for ever. Its time counts all the same.
func TestCallsWithoutEnd(t *testing.T) {
	needContainer(t)
	e := find(t, 10)
	dir := laid(t, e, attempts(t, e)[0])
	edit(t, dir, "container.go", "\treturn k.Exec(c.Argv)\n", "\tfor {\n\t\tk.Chdir(\"/\")\n\t}\n")
	const short = 2 * time.Second
	r, err := Grade(t.Context(), e, dir, Options{Seed: seed, NoKVM: true, Limit: short})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range r.Mistakes() { // on a busy host others may take as long
		if m.Check == "a root of its own" && m.Wrong.Seen == "no answer in 2s" {
			return
		}
	}
	t.Error(text(t, r))
}

// TestHarnessFails has a harness that cannot do its part. That is not the student's mistake, and the program goes on.
func TestHarnessFails(t *testing.T) {
	needContainer(t)
	e := find(t, 10)
	built := filepath.Join(t.TempDir(), "built")
	if err := Build(t.Context(), e, started(t, e), built); err != nil {
		t.Fatal(err)
	}
	s, err := open(t.Context(), built, nil, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	notRun := new(exercise.NotRun)
	if err := s.Ask(exercise.Question{Op: "make a VM"}, new(bool)); !errors.As(err, &notRun) || !strings.Contains(notRun.Why, "no such question") {
		t.Errorf("%v", err)
	}
	var flags uint64
	if err := s.Ask(exercise.Question{Op: "flags"}, &flags); err != nil {
		t.Errorf("the next question: %v", err)
	}
	r := newReport(e, Options{})
	c := exercise.Check{Name: "a VM", Points: 2, Do: func(exercise.Subject) error { return notRun }}
	if err := r.check(s, e, 0, c, Options{}, time.Now().Add(time.Minute)); err != nil || r.NotRun != 2 || r.Status() != StatusNotRun {
		t.Errorf("%v\n%s", err, text(t, r))
	}
}

// TestSlowEverywhere has a program that takes most of a check's time in each of them: three have more than a program gets.
func TestSlowEverywhere(t *testing.T) {
	needContainer(t)
	t.Parallel()
	e := find(t, 10)
	dir := laid(t, e, attempts(t, e)[0])
	put(t, dir, "extra.go", "package exercise\n\nimport \"time\"\n\nfunc slow(ms int) { time.Sleep(time.Duration(ms) * time.Millisecond) }\n")
	edit(t, dir, "container.go", "\treturn CLONE_NEWUSER |", "\tslow(1500)\n\treturn CLONE_NEWUSER |")
	edit(t, dir, "container.go", "\tconst period = 100_000\n", "\tconst period = 100_000\n\tslow(500)\n")
	edit(t, dir, "container.go", "\treturn k.Exec(c.Argv)\n", "\tslow(500)\n\treturn k.Exec(c.Argv)\n")
	const short = 2 * time.Second
	r, err := Grade(t.Context(), e, dir, Options{Seed: seed, NoKVM: true, Limit: short})
	if err != nil {
		t.Fatal(err)
	}
	if last := r.Checks[len(r.Checks)-1]; last.State != NotRun || r.Status() != StatusWrong {
		t.Error(text(t, r))
	}
}
