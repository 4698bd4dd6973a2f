package compare

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"terem/guest"
	"terem/internal/compare/result"
	"terem/internal/fault"
	"terem/internal/kvmtest"
)

// quiet is a Progress that keeps what was said.
type quiet struct{ said []string }

func (*quiet) Plan(time.Duration, int)        {}
func (*quiet) Start(string, string, int, int) {}
func (*quiet) Done(string, string, error)     {}
func (q *quiet) Say(line string)              { q.said = append(q.said, line) }
func (*quiet) Close()                         {}

// options are for a comparison of these targets, in a TMPDIR of its own.
func options(t *testing.T, targets ...string) Options {
	t.Helper()
	dir, err := guest.DefaultCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := guest.FindInitrd(dir); err != nil {
		if os.Getenv(kvmtest.RequireVar) == "1" {
			t.Fatal(err)
		}
		t.Skipf("needs the guest's root file system: %v", err)
	}
	t.Setenv("TMPDIR", shortTemp(t))
	return Options{Targets: targets, Quick: true, Rounds: 6, Seed: 1, Gap: time.Millisecond, CacheDir: dir, Progress: &quiet{}}
}

// shortTemp is a directory with a short name: podman takes 50 characters for a path in it.
func shortTemp(t *testing.T) string {
	t.Helper()
	t.TempDir() // so that those to come are beside it, not in it
	for {
		dir := fmt.Sprintf("/tmp/t%04d", rand.IntN(10000))
		err := os.Mkdir(dir, 0o755)
		if errors.Is(err, os.ErrExist) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(dir) })
		return dir
	}
}

// fakes puts scripts before everything else in $PATH.
func fakes(t *testing.T, scripts map[string]string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range scripts {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
}

// run compares, and then looks for what is left behind.
func run(t *testing.T, ctx context.Context, o Options) (*result.Result, error) {
	t.Helper()
	fds, goroutines := len(entries(t, "/proc/self/fd")), runtime.NumGoroutine()
	c, err := newComparison(o)
	if err != nil {
		return nil, err
	}
	r, err := c.whole(ctx)
	if left := entries(t, os.Getenv("TMPDIR")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	for _, pattern := range []string{"/sys/fs/cgroup/*/", "/sys/fs/cgroup/"} {
		if left, _ := filepath.Glob(pattern + c.w.ID + "*"); len(left) > 0 {
			t.Errorf("cgroups left behind: %v", left)
		}
	}
	if left := marked(table(), c.w.ID); len(left) > 0 {
		t.Errorf("processes left behind: %+v", left)
	}
	for range 100 { // an AfterFunc of the context package may be under way
		if runtime.NumGoroutine() <= goroutines {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if now := len(entries(t, "/proc/self/fd")); now > fds || runtime.NumGoroutine() > goroutines {
		t.Errorf("%d descriptors before, %d after; %d goroutines, %d", fds, now, goroutines, runtime.NumGoroutine())
	}
	return r, err
}

func entries(t *testing.T, dir string) []os.DirEntry {
	t.Helper()
	e, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestProcess(t *testing.T) {
	o := options(t, "process")
	r, err := run(t, t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Targets) != 1 || r.Targets[0].State != result.Ready {
		t.Fatalf("targets %+v", r.Targets)
	}
	entry, output, gone := r.Find(result.StartEntry, "process", ""), r.Find(result.StartOutput, "process", ""), r.Find(result.StartGone, "process", "")
	for _, s := range []*result.Series{entry, output, gone} {
		if s == nil || len(s.Samples) != 6 || s.Failed != 0 || s.Summary.Median <= 0 {
			t.Fatalf("series %+v", s)
		}
	}
	for i := range 6 {
		if entry.Samples[i] > output.Samples[i] {
			t.Errorf("round %d: output after %v ns, and the first instruction after %v", i, output.Samples[i], entry.Samples[i])
		}
	}
	if r.Method.Overhead.Low >= r.Method.Overhead.High {
		t.Errorf("overhead %+v", r.Method.Overhead)
	}
}

func TestAllMeasuresOfProcess(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	o := options(t, "process")
	o.Quick, o.Explain, o.Groups = false, true, DefaultGroups()
	r, err := run(t, t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []string{result.WorkCompute, result.WorkSyscall, result.WorkFault, result.WorkFork, result.DiskSeq, result.DiskRand} {
		if s := r.Find(m, "process", ""); s == nil || s.Summary.N == 0 || s.Summary.Median <= 0 {
			t.Errorf("%s: %+v", m, s)
		}
	}
	if s := r.Find(result.Memory20, "process", result.PartProgram); s == nil || s.Summary.Median <= 0 || s.Summary.Median > 1<<20 {
		t.Errorf("memory %+v", s)
	}
	if s := r.Find(result.Memory1, "process", result.PartHelpers); s != nil {
		t.Errorf("a process has helpers: %+v", s)
	}
	if len(r.Inside) != 2 || r.Inside[1].Syscalls == 0 || r.Inside[1].Processes != 1 || r.Inside[1].Namespaces["pid"] != r.Inside[0].Namespaces["pid"] {
		t.Errorf("inside: %+v", r.Inside)
	}
}

// TestBadEngines has engines that hang, print garbage, die half-way, or lie.
func TestBadEngines(t *testing.T) {
	const version = `case "$*" in *--version*) echo 1.0; exit;; esac; `
	fakes(t, map[string]string{
		"crun":   version + "echo 'error: the moon is full' >&2; exit 3",
		"bwrap":  version + "head -c 200000 /dev/urandom; echo; echo start of nothing",
		"runc":   "echo 'fatal: config is broken' >&2; exit 1",
		"podman": version + "setsid sleep 1000 & echo start 1 1 # and leaves something",
	})
	r, err := run(t, t.Context(), options(t, "process", "crun", "bwrap", "runc", "podman", "jvm"))
	if err != nil {
		t.Fatal(err)
	}
	for name, why := range map[string]string{"crun": "status 3: error: the moon is full", "bwrap": "the program's line is not in its output",
		"runc": "status 1: fatal: config is broken"} {
		if g := r.Target(name); g.State != result.Failing || !strings.Contains(g.Why, why) {
			t.Errorf("%s: %+v, want %q", name, g, why)
		}
	}
	if r.Target("process").State != result.Ready {
		t.Error("the others' failures are the process's")
	}
}

// TestHangs has an engine that does not end: it is killed when its time is over.
func TestHangs(t *testing.T) {
	fakes(t, map[string]string{"bwrap": `case "$*" in *--version*) echo 1.0; exit;; esac; echo waiting for godot >&2; sleep 1000 & wait`})
	o := options(t, "process", "bwrap")
	o.Patience = 2 * time.Second
	r, err := run(t, t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if g := r.Target("bwrap"); g.State != result.Failing || !strings.Contains(g.Why, "took too long") || !strings.Contains(g.Why, "godot") {
		t.Errorf("%+v", g)
	}
}

func TestAbsent(t *testing.T) {
	o := options(t, "process", "crun", "docker")
	t.Setenv("PATH", t.TempDir())
	r, err := run(t, t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	for name, pkg := range map[string]string{"crun": "crun", "docker": "docker.io"} {
		if g := r.Target(name); g.State != result.Absent || g.Mend != "apt-get install -y "+pkg {
			t.Errorf("%s: %+v", name, g)
		}
	}
}

// TestInterrupt ends comparisons at many moments.
func TestInterrupt(t *testing.T) {
	names := []string{"process", "container", "bwrap", "crun", "podman"}
	for i := range 8 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(1+i*i*20)*time.Millisecond)
		o := options(t, names...)
		o.Quick, o.Groups = false, []string{result.GroupMemory, result.GroupPhases}
		r, err := run(t, ctx, o)
		cancel()
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("after %d: %v", i, err)
		}
		if errors.Is(err, context.DeadlineExceeded) && r.Ended == "" {
			t.Error("the result does not say that it is not whole")
		}
	}
}

// TestInterruptedDocker cuts commands off that the user's daemon carries out all the same,
// a container's even after a look for it.
func TestInterruptedDocker(t *testing.T) {
	const docker = `case "$*" in
--version) echo 1.0;;
version*) echo 1.0;;
import*) ln -s x $STATE/image; test -z "$SLOW_IMPORT" || exec sleep 1000;;
run*) ln -s y $STATE/container; exec sleep 1000;;
"ps --all --quiet --filter label=terem=terem-compare-"*) readlink $STATE/container || :;;
ps*) ;;
"rm --force --volumes y") rm $STATE/container;;
"images --quiet terem-compare-"*:root) readlink $STATE/image || :;;
"image rm --force terem-compare-"*:root) rm $STATE/image;;
*) exit 1;;
esac`
	for _, slow := range []string{"", "1"} {
		o := options(t, "docker")
		state := t.TempDir()
		t.Setenv("STATE", state)
		t.Setenv("SLOW_IMPORT", slow)
		fakes(t, map[string]string{"docker": docker})
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			defer cancel()
			for name := map[string]string{"": "container", "1": "image"}[slow]; ctx.Err() == nil; time.Sleep(time.Millisecond) {
				if _, err := os.Lstat(filepath.Join(state, name)); err == nil {
					return
				}
			}
		}()
		if _, err := run(t, ctx, o); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
		cancel()
		if left := entries(t, state); len(left) > 0 {
			t.Errorf("the daemon has %v still", left)
		}
	}
}

func TestRefusals(t *testing.T) {
	for _, o := range []Options{{Targets: []string{"no-such"}}, {Groups: []string{"beauty"}}} {
		o.Progress = &quiet{}
		var bad *fault.Error
		if _, err := Run(t.Context(), o); !errors.As(err, &bad) || bad.Class != fault.Usage || !strings.Contains(err.Error(), "choose from") {
			t.Errorf("error %v", err)
		}
	}
	o := options(t, "process")
	o.CacheDir = t.TempDir()
	if _, err := Run(t.Context(), o); !errors.Is(err, guest.ErrNotBuilt) {
		t.Errorf("error %v", err)
	}
	o = options(t, "process")
	t.Setenv("TMPDIR", "/proc/no/such")
	var bad *fault.Error
	if _, err := Run(t.Context(), o); !errors.As(err, &bad) || bad.Class != fault.Host {
		t.Errorf("error %v", err)
	}
}

func TestChosen(t *testing.T) {
	for _, tt := range []struct{ rounds, slow int }{{30, 8}, {8, 8}, {10, 3}, {3, 8}, {1, 1}} {
		n := 0
		for round := range tt.rounds {
			if chosen(round, tt.rounds, tt.slow) {
				n++
			}
		}
		if n != min(tt.rounds, tt.slow) {
			t.Errorf("%d of %d rounds: %d were chosen", tt.slow, tt.rounds, n)
		}
	}
}

func TestParse(t *testing.T) {
	for out, want := range map[string]moment{"start 12 34\n": {12, 34}, "noise\r\nidle 5 6\r\n": {5, 6}} {
		if m, err := parseStart(out); err != nil || m != want {
			t.Errorf("%q: %+v, %v", out, m, err)
		}
	}
	for _, out := range []string{"", "start", "start x y", "start -1 5", "begin 1 2"} {
		if _, err := parseStart(out); err == nil {
			t.Errorf("%q was read", out)
		}
	}
	if per, err := parseLoop("x\ncompute 10 1000\n", "compute"); err != nil || per != 100 {
		t.Errorf("%v, %v", per, err)
	}
	for _, out := range []string{"", "compute 0 5", "compute 5 0", "fork 1 1"} {
		if _, err := parseLoop(out, "compute"); err == nil {
			t.Errorf("%q was read", out)
		}
	}
}

// FuzzOutput reads what an engine or a guest may print.
func FuzzOutput(f *testing.F) {
	f.Add("start 1 2\ncompute 3 4\n", "{\"exits\": []}")
	f.Add("4 (a b) S 1", "x (y")
	f.Fuzz(func(t *testing.T, out, errs string) {
		if m, err := parseStart(out); err == nil && (m.tsc < 0 || m.ns < 0) {
			t.Errorf("negative: %+v", m)
		}
		if per, err := parseLoop(out, "compute"); err == nil && per <= 0 {
			t.Errorf("no time: %v", per)
		}
		parseLedger(errs)
		parseStat(errs)
		_ = fmt.Sprint(clip(out))
	})
}
