package build

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"terem/guest"
)

func testSlot(t *testing.T) slot {
	return slot{root: filepath.Join(t.TempDir(), "kernel"), name: "own-tools"}
}

func writeResult(_, out string) error {
	return os.WriteFile(filepath.Join(out, "result"), []byte("built"), 0o644)
}

func TestFillBuildsOnce(t *testing.T) {
	s := testSlot(t)
	var builds atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			err := s.fill(io.Discard, &guest.Manifest{}, func(dir, out string) error {
				builds.Add(1)
				return writeResult(dir, out)
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := builds.Load(); n != 1 {
		t.Errorf("built %d times, want once", n)
	}
	if b, err := os.ReadFile(filepath.Join(s.dir(), "result")); err != nil || string(b) != "built" {
		t.Errorf("result %q, %v", b, err)
	}
}

func TestFailedBuildLeavesNothing(t *testing.T) {
	s := testSlot(t)
	broken := errors.New("broken")
	err := s.fill(io.Discard, &guest.Manifest{}, func(dir, out string) error {
		return errors.Join(writeResult(dir, out), broken)
	})
	if !errors.Is(err, broken) {
		t.Errorf("error %v, want %v", err, broken)
	}
	if s.filled() {
		t.Error("the slot looks filled")
	}
	if left, _ := filepath.Glob(filepath.Join(s.root, workPrefix+"*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestKilledBuildIsRemoved(t *testing.T) {
	s := testSlot(t)
	dead := filepath.Join(s.root, workPrefix+"dead", "out")
	if err := os.MkdirAll(dead, 0o755); err != nil {
		t.Fatal(err)
	}
	// A directory without its manifest is what no finished build leaves.
	if err := os.MkdirAll(filepath.Join(s.dir(), "half"), 0o755); err != nil {
		t.Fatal(err)
	}
	if s.filled() {
		t.Error("a directory without a manifest counts as a build")
	}
	if err := s.fill(io.Discard, &guest.Manifest{}, writeResult); err != nil {
		t.Fatal(err)
	}
	for _, gone := range []string{dead, filepath.Join(s.dir(), "half")} {
		if _, err := os.Stat(gone); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is still there", gone)
		}
	}
}

func TestFailureShowsTheEndOfTheLog(t *testing.T) {
	name := filepath.Join(t.TempDir(), "log")
	r, err := newRunner(t.Context(), name, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	err = r.run(t.TempDir(), nil, environment(), "sh", "-c", "seq 100; exit 3")
	if err == nil {
		t.Fatal("no error from a command that failed")
	}
	for _, want := range []string{"exit status 3", name, "\n71\n", "\n100"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q lacks %q", err, want)
		}
	}
	if strings.Contains(err.Error(), "\n70\n") {
		t.Error("the error shows more than the end of the log")
	}
}

func TestCancelEndsTheCommand(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("stop")
	r, err := newRunner(ctx, filepath.Join(t.TempDir(), "log"), func(string) { cancel(stop) })
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	// The grandchild would hold the output open for a minute.
	err = r.run(t.TempDir(), nil, environment(), "sh", "-c", "echo begun; sleep 60 & wait")
	if !errors.Is(err, stop) {
		t.Errorf("error %v, want %v", err, stop)
	}
}

func TestProgressCounts(t *testing.T) {
	var b bytes.Buffer
	p := newProgress(&b)
	p.line("  CC      init/main.o\n")
	p.line("  LD      vmlinux\n")
	p.begin("compile")
	p.end()
	if got := b.String(); !strings.HasPrefix(got, "guest: compile, 0s, 1 files compiled") {
		t.Errorf("progress %q", got)
	}
}

func TestEnvironmentDropsWhatChangesABuild(t *testing.T) {
	t.Setenv("KBUILD_BUILD_USER", "somebody")
	t.Setenv("LC_ALL", "ru_RU.UTF-8")
	t.Setenv("MAKEFLAGS", "-j1")
	got := "\n" + strings.Join(environment("A=b"), "\n") + "\n"
	for _, not := range []string{"somebody", "ru_RU", "MAKEFLAGS"} {
		if strings.Contains(got, not) {
			t.Errorf("the environment has %s", not)
		}
	}
	if !strings.Contains(got, "\nLC_ALL=C\n") || !strings.Contains(got, "\nA=b\n") {
		t.Error("the environment lacks what was asked for")
	}
}
