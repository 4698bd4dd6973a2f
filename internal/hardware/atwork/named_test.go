package atwork

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// background starts a machine, and returns when its command runs.
func background(t *testing.T, name, script string, flags ...string) {
	t.Helper()
	args := append([]string{"run", "--detach", "--name", name}, flags...)
	terem(t, "", append(args, "--", "sh", "-c", "echo begun; "+script)...).want(t, 0, name+"\n")
	for range int(limit / (50 * time.Millisecond)) {
		if s := terem(t, "", "logs", name); strings.Contains(s.out, "begun") {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("%s does not begin", name)
}

// own gives a test directories of its own for what runs, and sees that none is left.
func own(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("TEREM_RUNTIME_DIR", dir)
	t.Cleanup(func() {
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("left: %v, %v", left, err)
		}
	})
}

// TestNamed: a machine in the background is listed, stands still and goes on, says what it uses, and ends when it is told.
func TestNamed(t *testing.T) {
	emulated(t)
	own(t)
	background(t, "web", "trap 'echo bye; exit 3' TERM; while :; do sleep 0.1; done", "--exits", "--balloon")
	terem(t, "", "ps", "--quiet").want(t, 0, "web\n")
	for _, step := range []struct{ verb, state string }{{"pause", "paused"}, {"resume", "running"}} {
		terem(t, "", step.verb, "web").want(t, 0, "")
		if s := terem(t, "", "ps"); !strings.Contains(s.out, step.state) {
			t.Errorf("after %s: %q", step.verb, s.out)
		}
	}
	terem(t, "", "balloon", "web", "16M").want(t, 0, "")
	if s := terem(t, "", "balloon", "web", "1T"); s.status != 69 || !strings.Contains(s.stderr, "at most 96 MiB") {
		t.Errorf("a balloon that is too large: %+v", s)
	}
	var used []struct {
		CPU   int64 `json:"cpu_ns"`
		Guest *struct{ Total uint64 }
	}
	if s := terem(t, "", "stats", "--json"); json.Unmarshal([]byte(s.out), &used) != nil || len(used) != 1 || used[0].CPU == 0 || used[0].Guest == nil || used[0].Guest.Total == 0 {
		t.Errorf("stats: %+v", s)
	}
	var ledger struct {
		Exits []struct{ Count uint64 }
	}
	if s := terem(t, "", "exits", "web"); json.Unmarshal([]byte(s.out), &ledger) != nil || len(ledger.Exits) == 0 {
		t.Errorf("exits: %+v", s)
	}
	if s := terem(t, "", "run", "--name", "web", "--", "true"); s.status != 64 || !strings.Contains(s.stderr, "name web") {
		t.Errorf("a name twice: %+v", s)
	}
	waited := make(chan said, 1)
	go func() { waited <- terem(t, "", "wait", "web") }()
	for !strings.Contains(terem(t, "", "ps").out, "running") {
	}
	terem(t, "", "stop", "web").want(t, 0, "")
	(<-waited).want(t, 0, "3\n") // the program's own
	if s := terem(t, "", "stop", "web"); s.status != 64 || !strings.Contains(s.stderr, "terem ps") {
		t.Errorf("a stop of what is gone: %+v", s)
	}
}

// TestNamedEnds: what ends by itself says so to who waits; what is killed is gone, and so is one whose terem was killed; a
// paused one can be stopped.
func TestNamedEnds(t *testing.T) {
	emulated(t)
	own(t)
	background(t, "a", "while ! [ -e /tmp/go ]; do sleep 0.1; done; exit 5")
	ended := make(chan said, 1)
	go func() { ended <- terem(t, "", "wait", "a") }()
	time.Sleep(300 * time.Millisecond) // on a host that is slower than this, it meets nothing
	terem(t, "", "exec", "a", "touch", "/tmp/go").want(t, 0, "")
	(<-ended).want(t, 0, "5\n")
	background(t, "b", "sleep 1000")
	terem(t, "", "kill", "b").want(t, 0, "")
	background(t, "c", "sleep 1000")
	terem(t, "", "pause", "c").want(t, 0, "")
	terem(t, "", "stop", "--time", "30s", "c").want(t, 0, "")
	background(t, "d", "sleep 1000")
	pid := terem(t, "", "ps", "--json").out
	_, pid, _ = strings.Cut(pid, `"pid": `)
	pid, _, _ = strings.Cut(pid, ",")
	waited := make(chan said, 1)
	go func() { waited <- terem(t, "", "wait", "d") }()
	time.Sleep(200 * time.Millisecond) // it may come later, and meets nothing then: the same error
	if out, err := exec.Command("kill", "-KILL", pid).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if s := <-waited; s.status == 0 || strings.Count(s.stderr, "\n") != 1 {
		t.Errorf("the terem was killed: %+v", s)
	}
	for range 100 { // until the kernel has taken the process apart
		if terem(t, "", "ps", "--quiet").out == "" {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if list, err := filepath.Glob(os.Getenv("TEREM_RUNTIME_DIR") + "/*"); err != nil || len(list) > 0 {
		t.Errorf("left: %q, %v", list, err)
	}
}

// TestSecondUser: what one user runs another neither sees nor enters, and he is told so in one line.
func TestSecondUser(t *testing.T) {
	emulated(t)
	dir, err := os.MkdirTemp("/tmp", "second") // above it everybody may go
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(dir, "running")
	t.Setenv("TEREM_RUNTIME_DIR", dir)
	background(t, "web", "sleep 1000")
	defer func() { terem(t, "", "kill", "web").want(t, 0, "") }()
	for line, status := range map[string]int{"terem exec web true": 64, "terem stop web": 64, "terem ps": 69, "terem run --name web -- true": 69, "TEREM_RUNTIME_DIR= terem exec web true": 64} {
		s := run(t, "", "/bin/busybox", nil, "su", "-s", "/bin/sh", "nobody", "-c", "TEREM_RUNTIME_DIR="+dir+" XDG_CACHE_HOME=/root/.cache; export TEREM_RUNTIME_DIR XDG_CACHE_HOME; "+line)
		if s.status == 0 || strings.Count(s.stderr, "\n") != 1 || s.out != "" {
			t.Errorf("%s: %+v; want status %d and one line", line, s, status)
		}
	}
	terem(t, "", "ps", "--quiet").want(t, 0, "web\n")
}
