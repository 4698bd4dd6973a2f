package place

import (
	"context"
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func newTestWorkspace(t *testing.T) *Workspace {
	t.Helper()
	w := &Workspace{ID: "test", dir: t.TempDir(), keeper: newKeeper()}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func start(t *testing.T, w *Workspace, script string) *Process {
	t.Helper()
	p, err := w.Start([]string{"sh", "-c", script})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestProcess(t *testing.T) {
	w := newTestWorkspace(t)
	p := start(t, w, `read -r secret; echo "ready $secret"; while read -r x; do echo "you said $x" >&2; echo end; done`)
	defer p.Stop()
	if err := p.Ask("42"); err != nil {
		t.Fatal(err)
	}
	if said, err := p.Until(t.Context(), "ready 42"); err != nil || len(said) > 0 {
		t.Errorf("%q, %v", said, err)
	}
	for range 2 {
		_ = p.Ask("hello")
		if said, err := p.Until(t.Context(), "end"); err != nil || len(said) != 1 || said[0] != "you said hello" {
			t.Errorf("%q, %v", said, err)
		}
	}
	p.in.Close()
	if _, err := p.Until(t.Context(), "end"); !errors.Is(err, ErrEnded) {
		t.Errorf("after its end: %v", err)
	}
}

// TestStop wants nothing to be left of a program that ignores what it is asked, nor of its children.
func TestStop(t *testing.T) {
	w := newTestWorkspace(t)
	p := start(t, w, `trap "" TERM; sleep 1000 & echo $!; echo ready; while :; do sleep 1; done`)
	said, err := p.Until(t.Context(), "ready")
	if err != nil {
		t.Fatal(err)
	}
	child, err := strconv.Atoi(said[0])
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.PidfdOpen(child, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	p.kill()
	ended := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	if n, err := unix.Poll(ended, -1); n != 1 || err != nil { // the child of a dead parent ends, or this does not
		t.Errorf("%d, %v", n, err)
	}
}

// TestFlood wants what is said for ever to be bounded, and not to keep Stop from ending it.
func TestFlood(t *testing.T) {
	w := newTestWorkspace(t)
	p := start(t, w, `head -c 3000 /dev/zero | tr '\0' x; echo; while :; do echo yes; done`)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	said, err := p.Until(ctx, "no")
	if !errors.Is(err, context.DeadlineExceeded) || len(said) > mostLines || len(said[0]) > longestLine {
		t.Errorf("%d lines, %v", len(said), err)
	}
	p.Stop()
}

// TestDescriptors counts them before and after.
func TestDescriptors(t *testing.T) {
	w := newTestWorkspace(t)
	count := func() int {
		names, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(names)
	}
	once := func() {
		p := start(t, w, "echo hi")
		_, _ = p.Until(t.Context(), never)
		p.Stop()
	}
	once() // the runtime opens what it needs
	before := count()
	for range 10 {
		once()
	}
	if after := count(); after > before {
		t.Errorf("%d descriptors, then %d", before, after)
	}
}

func TestRun(t *testing.T) {
	w := newTestWorkspace(t)
	if err := w.run(t.Context(), "sh", "-c", "echo fine"); err != nil {
		t.Error(err)
	}
	err := w.run(t.Context(), "sh", "-c", "echo 'terem: it is broken' >&2; exit 3")
	if err == nil || err.Error() != "sh: it is broken" {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.run(ctx, "sleep", "1000"); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// TestMissing says what cannot be had, and never lets a dangerous row onto this host.
func TestMissing(t *testing.T) {
	for _, tt := range []struct {
		name string
		w    Workspace
		n    Need
		want map[string]string // by place; the beginning of the reason
	}{
		{"all there", Workspace{root: true}, Need{Disposable: true}, nil},
		{"no KVM", Workspace{root: true, noKVM: "no KVM"}, Need{}, map[string]string{"vm": "no KVM"}},
		{"no KVM, danger", Workspace{root: true, noKVM: "no KVM"}, Need{Disposable: true},
			map[string]string{"process": "no KVM; this row harms", "container": "no KVM; this row harms", "hardened": "no KVM; this row harms", "vm": "no KVM"}},
		{"no root", Workspace{}, Need{}, map[string]string{"hardened": "no root"}},
		{"no root, in a machine", Workspace{}, Need{Disposable: true}, nil},
	} {
		for _, i := range All() {
			if got := i.Missing(&tt.w, tt.n); !strings.HasPrefix(got, tt.want[i.Name]) || (got == "") != (tt.want[i.Name] == "") {
				t.Errorf("%s, %s: %q", tt.name, i.Name, got)
			}
		}
	}
}

// TestGround: what is dangerous runs behind `terem exec`, the rest does not.
func TestGround(t *testing.T) {
	w := newTestWorkspace(t)
	w.terem = "/bin/terem"
	host, p, err := w.ground(t.Context(), Need{}, forOnce)
	if err != nil || len(host.front) > 0 || p.Where != "this host" {
		t.Errorf("%v, %+v, %v", host.front, p, err)
	}
	p.Close()
	m := &machine{w: w, name: "m"}
	if line := strings.Join(m.ground().line(Need{}, "x"), " "); line != "/bin/terem exec --interactive m x" {
		t.Errorf("%q", line)
	}
	if line := strings.Join(host.line(Need{OneCPU: true}, "x"), " "); !strings.Contains(line, "taskset -c ") {
		t.Errorf("%q", line)
	}
}
