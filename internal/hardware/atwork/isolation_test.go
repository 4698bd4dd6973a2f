package atwork

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
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
	long(t)
	own(t)
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	s := lab(t, "isolation", "--row", "kill,memory,inotify,calls,panic", "--json", "-")
	var m struct {
		Rows []struct {
			Name  string
			Cells []struct {
				Column, Verdict, Expected, Evidence, Why, Where string
				Count                                           *int
				TooMany                                         bool `json:"too_many"`
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
			if x.Name == "calls" && (c.TooMany || (c.Count == nil || *c.Count == 0) != (c.Column == "vm")) {
				t.Errorf("%s, %s: %s", x.Name, c.Column, c.Evidence)
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
	if left := soon(groupsLeft); len(left) > 0 {
		t.Errorf("control groups are left: %q", left)
	}
}

// soon waits until nothing is left, and gives what is left after a minute: what was killed is gone before.
func soon(left func() []string) []string {
	const patience, pause = time.Minute, 10 * time.Millisecond
	for until := time.Now().Add(patience); len(left()) > 0 && time.Now().Before(until); {
		time.Sleep(pause)
	}
	return left()
}

// groupsLeft are the control groups of containers.
func groupsLeft() []string {
	left, _ := filepath.Glob("/sys/fs/cgroup/terem*") // the pattern is a right one
	return left
}

// childrenLeft waits for the children that have ended, and gives those that have not, with their command lines.
func childrenLeft() (left []string) {
	for {
		if pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); err != nil || pid <= 0 {
			break
		}
	}
	lists, _ := filepath.Glob("/proc/self/task/*/children") // the pattern is a right one
	for _, list := range lists {
		b, _ := os.ReadFile(list) // the thread may have ended
		for _, pid := range strings.Fields(string(b)) {
			line, _ := os.ReadFile("/proc/" + pid + "/cmdline") // it may end now
			left = append(left, pid+" "+strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return left
}

// TestIsolationInterrupted ends a run with machines at many moments, from the making of the snapshot on.
func TestIsolationInterrupted(t *testing.T) {
	emulated(t)
	long(t)
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
		begun(t, c.Process.Pid, tmp)
		time.Sleep(time.Duration(moment) * apart)
		_ = c.Process.Signal(syscall.SIGINT) // it may have ended
		_ = c.Wait()
		how := c.ProcessState.Sys().(syscall.WaitStatus)
		ending := how.Signaled() && how.Signal() == syscall.SIGINT // it does not listen any more: nothingLeft looks what it has left
		if status := how.ExitStatus(); !ending && status != 130 && status != 0 {
			t.Errorf("moment %d: status %d, %v", moment, status, c.ProcessState)
		}
		if left := soon(childrenLeft); len(left) > 0 {
			t.Errorf("moment %d: processes are left: %q", moment, left)
		}
		nothingLeft(t, tmp)
	}
}

// begun waits until a terem has files, and so listens to signals, or has ended.
func begun(t *testing.T, pid int, tmp string) {
	t.Helper()
	name := "/proc/" + strconv.Itoa(pid) + "/stat"
	for range int(limit / (20 * time.Millisecond)) {
		files, _ := os.ReadDir(tmp)
		stat, err := os.ReadFile(name)
		if len(files) > 0 || err != nil || strings.Contains(string(stat), ") Z ") {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("process %d does not begin", pid)
}

// TestControlGroups: of both versions, in machines of terem's.
func TestControlGroups(t *testing.T) {
	emulated(t)
	long(t)
	own(t)
	t.Setenv("TMPDIR", t.TempDir())
	s := lab(t, "cgroups", "--only", "pids,v1-trees,v1-memory,hybrid", "--json")
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
