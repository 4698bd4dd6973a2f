package grade

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"terem/internal/container"
	"terem/internal/fault"
	"terem/internal/lab/attempt"
	"terem/internal/lab/exercise"
)

// TestMain makes the test's own file the first stage of containers.
func TestMain(m *testing.M) {
	if container.IsInit(os.Args) {
		os.Exit(container.Init())
	}
	os.Exit(m.Run())
}

const seed = 0x7e4e

func find(t testing.TB, number int) *exercise.Exercise {
	t.Helper()
	e, ok := exercise.Find(number)
	if !ok {
		t.Fatalf("there is no exercise %d", number)
	}
	return e
}

func attempts(t testing.TB, e *exercise.Exercise) []attempt.Attempt {
	t.Helper()
	list, err := attempt.Load("../attempt", e)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// started is a new directory with an exercise as a student gets it.
func started(t testing.TB, e *exercise.Exercise) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "attempt")
	if err := Start(e, dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// laid is one with an attempt.
func laid(t testing.TB, e *exercise.Exercise, a attempt.Attempt) string {
	t.Helper()
	dir := started(t, e)
	if err := a.Lay(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

func put(t testing.TB, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// edit changes one place of a file.
func edit(t testing.TB, dir, name, from, to string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(b), from); n != 1 {
		t.Fatalf("%s has %q %d times", name, from, n)
	}
	put(t, dir, name, strings.Replace(string(b), from, to, 1))
}

// grade grades a directory, without KVM.
func grade(t testing.TB, e *exercise.Exercise, dir string) *Report {
	t.Helper()
	r, err := Grade(t.Context(), e, dir, Options{Seed: seed, NoKVM: true})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// text is a report as a student sees it.
func text(t testing.TB, r *Report) string {
	t.Helper()
	var b strings.Builder
	if err := r.Text(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// needContainer skips a test where containers with limits cannot be made.
func needContainer(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can start a container with limits")
	}
}

func hostError(cause string) error {
	return &fault.Error{Class: fault.Host, Thing: "container", Err: errors.New(cause)}
}
