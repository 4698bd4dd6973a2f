package spawn

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const limit = 20 * time.Second

func newHost(t *testing.T) *Host {
	t.Helper()
	h, err := NewHost([]string{"MARK=here"}, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	return h
}

func shell(script string) Command { return Command{Argv: []string{"sh", "-c", script}} }

func TestRun(t *testing.T) {
	h := newHost(t)
	for _, tt := range []struct {
		script, out, err string
		status           int
	}{
		{"echo one; echo two >&2", "one\n", "two\n", 0},
		{"exit 7", "", "", 7},
		{"kill -9 $$", "", "", 137},
		{"cat", "", "", 0}, // its input is empty
	} {
		p, err := h.Run(t.Context(), shell(tt.script), limit)
		if err != nil {
			t.Fatalf("%s: %v", tt.script, err)
		}
		if p.Out.String() != tt.out || p.Err.String() != tt.err || p.Status() != tt.status {
			t.Errorf("%s: said %q and %q, status %d", tt.script, p.Out.String(), p.Err.String(), p.Status())
		}
		if p.Began == 0 || p.Ended < p.Began || (p.First == 0) != (tt.out == "") || p.First > p.Ended {
			t.Errorf("%s: began %d, first %d, ended %d", tt.script, p.Began, p.First, p.Ended)
		}
	}
}

// TestTimes has a program that pauses before its output and after it.
func TestTimes(t *testing.T) {
	const pause = 100 * time.Millisecond
	p, err := newHost(t).Run(t.Context(), shell("sleep 0.1; echo x; sleep 0.1"), limit)
	if err != nil {
		t.Fatal(err)
	}
	if p.First-p.Began < int64(pause) || p.Ended-p.First < int64(pause) {
		t.Errorf("first byte after %d ns, end %d ns later", p.First-p.Began, p.Ended-p.First)
	}
}

func TestReadLate(t *testing.T) {
	c := shell("echo one; echo two >&2; exit 4")
	c.Late = true
	p, err := newHost(t).Run(t.Context(), c, limit)
	if err != nil || p.Out.String() != "one\n" || p.Err.String() != "two\n" || p.Status() != 4 || p.First != 0 || p.Ended == 0 {
		t.Errorf("%+v, %v", p, err)
	}
}

// TestMuchOutput is more than pipes hold.
func TestMuchOutput(t *testing.T) {
	p, err := newHost(t).Run(t.Context(), shell("head -c 300000 /dev/zero; head -c 300000 /dev/zero >&2; echo end"), limit)
	if err != nil || p.Status() != 0 || !strings.HasSuffix(p.Out.String(), "end\n") {
		t.Errorf("status %d, %v", p.Status(), err)
	}
}

func TestBare(t *testing.T) {
	took, err := newHost(t).Bare(shell("sleep 0.1; echo x"))
	if err != nil || took < 100*time.Millisecond {
		t.Errorf("took %v, %v", took, err)
	}
}

func TestEnvironmentAndDirectory(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("WHAT", "that")
	c := shell("pwd; echo $WHAT $MARK")
	c.Dir, c.Env = dir, []string{"WHAT=this"}
	p, err := newHost(t).Run(t.Context(), c, limit)
	if err != nil || p.Out.String() != dir+"\nthis here\n" {
		t.Errorf("said %q, %v", p.Out.String(), err)
	}
}

func TestLate(t *testing.T) {
	// The child of the shell is killed too: it is in the process group.
	p, err := newHost(t).Run(t.Context(), shell("sleep 1000 & echo $!; wait"), 200*time.Millisecond)
	if !errors.Is(err, ErrLate) || p.Status() != 137 {
		t.Fatalf("error %v", err)
	}
	child := strings.TrimSpace(p.Out.String())
	for range 1000 {
		stat, err := os.ReadFile("/proc/" + child + "/stat")
		if err != nil || strings.Contains(string(stat), ") Z ") { // gone, or waiting for its new parent
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Error("the child lives on")
}

// TestOtherGroup has a program that leaves its process group: it is killed all the same.
func TestOtherGroup(t *testing.T) {
	const script = "import os, time; os.setpgid(0, os.getpgid(os.getppid())); print(1, flush=True); time.sleep(1000)"
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("needs python3")
	}
	p, err := newHost(t).Run(t.Context(), Command{Argv: []string{"python3", "-c", script}}, 2*time.Second)
	if !errors.Is(err, ErrLate) || p.Status() != 137 || p.Out.String() != "1\n" {
		t.Errorf("error %v, said %q", err, p.Out.String())
	}
}

// TestEndlessOutput has a writer that is never behind the reader: /dev/zero.
func TestEndlessOutput(t *testing.T) {
	fd, err := unix.Open("/dev/zero", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	p := &Process{pidfd: -1, pipes: [2]int{fd, -1}}
	defer p.close()
	done := make(chan struct{})
	go func() { defer close(done); p.drain(0, 1) }()
	select {
	case <-done:
	case <-time.After(limit):
		t.Fatal("the reader never ends")
	}
}

func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, err := newHost(t).Run(ctx, shell("sleep 1000"), limit); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// TestHelperHoldsPipe leaves a process behind that keeps standard output open: the run is
// over all the same.
func TestHelperHoldsPipe(t *testing.T) {
	p, err := newHost(t).Run(t.Context(), shell("setsid sleep 3 & echo $!"), limit)
	if err != nil || p.Status() != 0 {
		t.Fatalf("%v", err)
	}
	if time.Duration(p.Ended-p.Began) > 2*time.Second {
		t.Error("the run waited for the helper")
	}
	if pid, err := strconv.Atoi(strings.TrimSpace(p.Out.String())); err == nil {
		_ = unix.Kill(pid, unix.SIGKILL)
	}
}

func TestLineAndSignal(t *testing.T) {
	p, err := newHost(t).Start(shell("trap 'exit 3' TERM; echo ready; while :; do sleep 0.01; done"))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Kill()
	if line, err := p.Line(t.Context(), limit); err != nil || line != "ready" {
		t.Fatalf("line %q, %v", line, err)
	}
	if err := p.Signal(unix.SIGTERM, limit); err != nil || p.Status() != 3 {
		t.Errorf("%v, status %d", err, p.Status())
	}
}

func TestLineOfTheDead(t *testing.T) {
	p, err := newHost(t).Start(shell("echo fatal: no luck >&2; exit 1"))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Kill()
	if _, err := p.Line(t.Context(), limit); err == nil || !strings.Contains(err.Error(), "fatal: no luck") {
		t.Errorf("error %v", err)
	}
}

func TestNoSuchProgram(t *testing.T) {
	h := newHost(t)
	if _, err := h.Run(t.Context(), Command{Argv: []string{"no-such-program"}}, limit); !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("error %v", err)
	}
	if _, err := h.Run(t.Context(), Command{Argv: []string{"/etc/passwd"}}, limit); !errors.Is(err, os.ErrPermission) {
		t.Errorf("error %v", err)
	}
}

// TestPrivateMounts takes a mount away for the programs alone.
func TestPrivateMounts(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	h, err := NewHost(nil, true, "/proc")
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	p, err := h.Run(t.Context(), shell("test -e /proc/self"), limit)
	if err != nil || p.Status() == 0 {
		t.Errorf("%v: the program sees /proc", err)
	}
	if _, err := os.Stat("/proc/self"); err != nil {
		t.Errorf("so do we not: %v", err)
	}
}

func TestNothingLeft(t *testing.T) {
	h := newHost(t)
	if _, err := h.Run(t.Context(), shell("true"), limit); err != nil { // the runtime opens what it keeps
		t.Fatal(err)
	}
	fds, goroutines := count(t), runtime.NumGoroutine()
	for range 50 {
		if _, err := h.Run(t.Context(), shell("echo x; exit 1"), limit); err != nil {
			t.Fatal(err)
		}
		p, err := h.Start(shell("sleep 1000"))
		if err != nil {
			t.Fatal(err)
		}
		p.Kill()
	}
	for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > goroutines && time.Now().Before(end); {
		time.Sleep(time.Millisecond) // one that has been waited for may not have ended yet
	}
	if now := count(t); now != fds || runtime.NumGoroutine() > goroutines {
		t.Errorf("%d descriptors before, %d after; %d goroutines, %d", fds, now, goroutines, runtime.NumGoroutine())
	}
}

func count(t *testing.T) int {
	t.Helper()
	e, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(e)
}
