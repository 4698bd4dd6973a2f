package launch

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestBeside: snapshots are waited for, and begin no more after the machine's end; a terminal that takes nothing is not.
func TestBeside(t *testing.T) {
	var b beside
	b.end(true) // nothing has begun
	b = beside{}
	stuck := make(chan struct{})
	defer close(stuck)
	b.begin(func() { <-stuck })
	if !b.enter() {
		t.Fatal("no snapshot may begin")
	}
	written := false
	b.work.Go(func() {
		defer b.work.Done()
		written = true
	})
	b.end(false)
	if !written {
		t.Error("a snapshot was under way")
	}
	if b.enter() {
		t.Error("one begins after the end")
	}
}

// TestEndLeavesNoSnapshot: of a machine that has ended, or that somebody has told to end, there is no snapshot any more, and no command runs.
func TestEndLeavesNoSnapshot(t *testing.T) {
	dir := t.TempDir()
	o := &Options{SnapshotAt: Moment{WarmProgram, filepath.Join(dir, "snap")}}
	s := newSession(o, time.Now())
	if err := s.beginSnapshot(); err != nil {
		t.Fatal(err)
	}
	s.warmth.end(true)
	if err := s.pass(WarmProgram); !errors.Is(err, errNoSnapshot) {
		t.Errorf("%v", err)
	}
	s.because(statusSignal+int(syscall.SIGTERM), "terminated")
	if _, err := s.takeUnasked(s.saved.w, request{}); !errors.Is(err, errAsked) {
		t.Errorf("%v", err)
	}
	s.endSnapshot()
	if l, err := os.ReadDir(dir); err != nil || len(l) != 0 {
		t.Errorf("left: %v, %v", l, err)
	}
}
