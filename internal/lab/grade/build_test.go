package grade

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"terem/internal/fault"
)

// TestBuildFailsHere has what is wrong with this host, and wants it called so: it is no student's mistake.
func TestBuildFailsHere(t *testing.T) {
	e := find(t, 1)
	for _, tt := range []struct {
		name string
		do   func(t *testing.T)
		want string
	}{
		{"no cache", func(t *testing.T) { t.Setenv("GOCACHE", "/proc/none") }, "an exercise as it is handed out does not build here"},
		{"no go", func(t *testing.T) {
			t.Setenv("PATH", fakeGo(t, "exit 3"))
		}, "env GOVERSION"},
		{"an old go", func(t *testing.T) {
			t.Setenv("PATH", fakeGo(t, "echo go1.20.14"))
		}, "it is go1.20.14; install Go 1.21 or later"},
		{"no room", func(t *testing.T) {
			t.Setenv("PATH", fakeGo(t, `[ "$1" = env ] && { echo go1.21.0; exit 0; }; echo 'compile: writing output: no space left on device'; exit 1`))
		}, "no space left on device; look at Go's installation"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.do(t)
			r, err := Grade(t.Context(), e, started(t, e), Options{Seed: seed, NoKVM: true})
			if fault.Status(err) != fault.StatusHost || err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, report %+v; want %q", err, r, tt.want)
			}
		})
	}
}

// fakeGo is a directory with a go command that is a script.
func fakeGo(t *testing.T, script string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "go"), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestTooOld(t *testing.T) {
	for version, want := range map[string]bool{"go1.20.14": true, "go1.4": true, "": true, "go1.21": false, "go1.21.0": false, "go1.26.8": false,
		"go1.27-devel_1234": false, "devel go1.30-abc": false} {
		if got := tooOld(version); got != want {
			t.Errorf("%q: %v", version, got)
		}
	}
}

// TestBuildInterrupted interrupts builds at many moments, and wants nothing left behind.
func TestBuildInterrupted(t *testing.T) {
	e := find(t, 1)
	dir := started(t, e)
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	for after := time.Duration(0); after < 200*time.Millisecond; after += 25 * time.Millisecond {
		ctx, cancel := context.WithTimeout(t.Context(), after)
		_, err := Grade(ctx, e, dir, Options{Seed: seed, NoKVM: true, Limit: time.Second})
		cancel()
		if err != nil && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) {
			t.Logf("after %v: %v", after, err)
		}
		left, err := os.ReadDir(tmp)
		if err != nil || len(left) > 0 {
			t.Fatalf("interrupted after %v: %v, error %v", after, left, err)
		}
	}
}
