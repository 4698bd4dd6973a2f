package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestLabInterrupted ends each of the lab's commands at many moments: each time nothing is left, no process, no file, no mount, no control group.
// Those that need KVM end at once where there is none.
func TestLabInterrupted(t *testing.T) {
	needsLab(t)
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0) }()
	work := filepath.Join(t.TempDir(), "one")
	if o := terem(t, 0, "lab", "start", "1", work); o.status != 0 {
		t.Fatal(o.stderr)
	}
	class := filepath.Dir(work)
	table := filepath.Join(t.TempDir(), "points.csv")
	for _, tt := range []struct {
		moments int
		args    []string
	}{
		{8, []string{"isolation", "--row", "reach-port,kill", "--column", "process,container,hardened"}},
		{4, []string{"isolation", "--row", "reach-port,kill", "--column", "process", "--targets"}}, // of the engines that are here
		{4, []string{"namespaces"}},
		{4, []string{"image"}},
		{3, []string{"types"}},
		{2, []string{"cgroups", "--only", "pids"}},
		{2, []string{"boot"}},
		{5, []string{"grade", "1", work, "--no-kvm"}},
		{3, []string{"grade", "1", class, "--all", "--csv", table, "--no-kvm"}},
	} {
		for moment := range tt.moments {
			interrupt(t, time.Duration(moment)*130*time.Millisecond, append([]string{"lab"}, tt.args...))
		}
	}
}

// interrupt starts terem, and sends it a SIGINT some time after it has begun.
func interrupt(t *testing.T, after time.Duration, args []string) {
	t.Helper()
	tmp := t.TempDir()
	mounts := mountPoints(t)
	c := exec.Command(os.Args[0], args...)
	c.Env = append(os.Environ(), runVar+"=1", "GORACE=atexit_sleep_ms=0", "TMPDIR="+tmp)
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	pid := strconv.Itoa(c.Process.Pid)
	await(func() bool { // from then on it has something to leave, and so it listens
		files, _ := os.ReadDir(tmp)
		return len(files) > 0 || len(family(pid)) > 1 || !lives(pid)
	})
	time.Sleep(after)
	all := family(pid)
	_ = c.Process.Signal(syscall.SIGINT) // it may have ended
	err := c.Wait()
	how := c.ProcessState.Sys().(syscall.WaitStatus)
	ending := how.Signaled() && how.Signal() == syscall.SIGINT // it does not listen any more: what follows sees that it has left nothing
	const wrong, noKVM = 1, 69
	allowed := []int{0, noKVM, 130}
	if args[1] == "grade" {
		allowed = append(allowed, wrong) // it was done: of work that was not begun
	}
	if status := how.ExitStatus(); !ending && !slices.Contains(allowed, status) {
		t.Errorf("%q after %v: status %d, %v", args, after, status, err)
	}
	await(func() bool { return len(children(t)) == 0 }) // what was killed is gone soon
	for _, child := range children(t) {
		line, _ := os.ReadFile("/proc/" + child + "/cmdline") // it may end now
		t.Errorf("%q after %v: process %s is left: %q", args, after, child, line)
	}
	if left, _ := os.ReadDir(tmp); len(left) > 0 {
		t.Errorf("%q after %v: left behind: %v", args, after, left)
	}
	if now := mountPoints(t); now > mounts {
		t.Errorf("%q after %v: %d mounts, %d before", args, after, now, mounts)
	}
	if left := groups(t); args[1] == "isolation" && len(left) > 0 {
		t.Errorf("%q after %v: control groups of an engine's are left: %v", args, after, left)
	}
	if left := groupsOf(t, all); len(left) > 0 {
		t.Errorf("%q after %v: control groups are left: %v", args, after, left)
	}
}

// await waits until something is so, or a minute has passed: what does not come is said by whoever looks then.
func await(so func() bool) {
	const patience, pause = time.Minute, 10 * time.Millisecond
	for until := time.Now().Add(patience); !so() && time.Now().Before(until); {
		time.Sleep(pause)
	}
}

// mountPoints counts what is mounted for this process.
func mountPoints(t *testing.T) int {
	t.Helper()
	b, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(b), "\n")
}

// groupsOf are the control groups of containers that one of these processes has made: their names begin with a namespace and the process.
func groupsOf(t *testing.T, pids []string) (list []string) {
	t.Helper()
	found, err := filepath.Glob("/sys/fs/cgroup/*/terem/*-*-*-*")
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range found {
		if fields := strings.Split(filepath.Base(g), "-"); slices.Contains(pids, fields[1]) {
			list = append(list, g)
		}
	}
	return list
}

// family are a process and all below it.
func family(pid string) (list []string) {
	list = []string{pid}
	lists, err := filepath.Glob("/proc/" + pid + "/task/*/children")
	if err != nil {
		return list
	}
	for _, name := range lists {
		b, _ := os.ReadFile(name) // the thread may have ended
		for _, child := range strings.Fields(string(b)) {
			list = append(list, family(child)...)
		}
	}
	return list
}

// children are this process's that live, those of dead children among them.
func children(t *testing.T) (living []string) {
	t.Helper()
	lists, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range lists {
		b, _ := os.ReadFile(list) // the thread may have ended
		for _, pid := range strings.Fields(string(b)) {
			if lives(pid) {
				living = append(living, pid)
			}
		}
	}
	return living
}

// lives: a process is there, and is no zombie.
func lives(pid string) bool {
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	_, rest, _ := strings.Cut(string(stat), ") ")
	return err == nil && !strings.HasPrefix(rest, "Z")
}
