package atwork

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestIsolation: an attack on a neighbour and four on a machine, each in all four places, with the verdicts that are expected. The
// kernels that are harmed are disposable ones.
func TestIsolation(t *testing.T) {
	emulated(t)
	own(t)
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	s := terem(t, "", "lab", "isolation", "--row", "kill,memory,inotify,calls,panic", "--json", "-")
	var m struct {
		Rows []struct {
			Name  string
			Cells []struct {
				Column, Verdict, Expected, Evidence, Why, Where string
				Count                                           *int
			}
		}
	}
	if err := json.Unmarshal([]byte(s.out), &m); err != nil || s.status != 0 {
		t.Fatalf("status %d, %v: %s", s.status, err, s.stderr)
	}
	for _, x := range m.Rows {
		for _, c := range x.Cells {
			if c.Verdict != c.Expected {
				t.Errorf("%s, %s: %s, want %s: %s%s", x.Name, c.Column, c.Verdict, c.Expected, c.Evidence, c.Why)
			}
			if here := c.Where == "this host"; here != (x.Name == "kill" && c.Column != "vm") {
				t.Errorf("%s, %s ran on %s", x.Name, c.Column, c.Where)
			}
			if x.Name == "calls" && (c.Count == nil || (*c.Count == 0) != (c.Column == "vm")) {
				t.Errorf("%s, %s: %v calls", x.Name, c.Column, c.Count)
			}
		}
	}
	nothingLeft(t, tmp)
}

// nothingLeft wants no files, no machines and no children.
func nothingLeft(t *testing.T, tmp string) {
	t.Helper()
	if left, _ := os.ReadDir(tmp); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if ps := terem(t, "", "ps"); strings.Count(ps.out, "\n") != 1 {
		t.Errorf("machines are left: %s", ps.out)
	}
	left, err := filepath.Glob("/sys/fs/cgroup/terem*")
	for err == nil && len(left) > 0 { // what was killed is gone soon; what was not keeps the test here
		time.Sleep(10 * time.Millisecond)
		left, err = filepath.Glob("/sys/fs/cgroup/terem*")
	}
}

// TestIsolationInterrupted ends a run with machines at many moments, from the making of the snapshot on.
func TestIsolationInterrupted(t *testing.T) {
	emulated(t)
	own(t)
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0) }()
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	const moments, apart = 10, 1300 * time.Millisecond
	for moment := range moments {
		c := exec.Command("terem", "lab", "isolation", "--row", "kill,inotify", "--column", "container,hardened,vm")
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(moment+1) * apart)
		_ = c.Process.Signal(syscall.SIGINT) // it may have ended
		_ = c.Wait()
		if status := c.ProcessState.ExitCode(); status != 130 && status != 0 {
			t.Errorf("moment %d: status %d", moment, status)
		}
		for { // what was killed is gone soon
			if _, err := unix.Wait4(-1, nil, 0, nil); err != nil {
				break
			}
		}
		nothingLeft(t, tmp)
	}
}

// TestControlGroups: of both versions, in machines of terem's.
func TestControlGroups(t *testing.T) {
	emulated(t)
	own(t)
	t.Setenv("TMPDIR", t.TempDir())
	s := terem(t, "", "lab", "cgroups", "--only", "pids,v1-trees,v1-memory,hybrid", "--json")
	var demos []struct {
		Name, Why string
		Shown     bool
		Steps     []struct{ Lines []string }
	}
	if err := json.Unmarshal([]byte(s.out), &demos); err != nil || len(demos) != 4 {
		t.Fatalf("status %d, %v: %s", s.status, err, s.stderr)
	}
	for _, d := range demos {
		if !d.Shown {
			t.Errorf("%s was not shown: %s %+v", d.Name, d.Why, d.Steps)
		}
	}
}
