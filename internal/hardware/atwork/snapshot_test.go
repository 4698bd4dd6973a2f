package atwork

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestSnapshot: a machine, its clones, and a clone's clone: each goes on where the snapshot was taken, by itself.
func TestSnapshot(t *testing.T) {
	emulated(t)
	own(t)
	dir := filepath.Join(t.TempDir(), "snap")
	terem(t, "", "run", "--detach", "--name", "web", "--cpus", "2").want(t, 0, "web\n")
	terem(t, "", "exec", "web", "sh", "-c", "echo before >/tmp/x; sleep 1000 &").want(t, 0, "")
	terem(t, "", "snapshot", "web", dir).want(t, 0, "")
	terem(t, "", "snapshot", "verify", dir).want(t, 0, dir+": whole\n")
	terem(t, "", "exec", "web", "sh", "-c", "cat /tmp/x; echo after >/tmp/x").want(t, 0, "before\n")

	terem(t, "", "restore", "--detach", "--name", "one", dir).want(t, 0, "one\n")
	terem(t, "", "restore", "--name", "many", "--number", "3", dir).want(t, 0, "many-1\nmany-2\nmany-3\n")
	terem(t, "", "kill", "web").want(t, 0, "")
	const look = "cat /tmp/x; ps | grep -q '[s]leep 1000' && echo sleeps; nproc; echo >>/tmp/x; wc -l </tmp/x"
	for _, name := range []string{"one", "many-1", "many-2", "many-3"} {
		terem(t, "", "exec", name, "sh", "-c", look).want(t, 0, "before\nsleeps\n2\n2\n")
		terem(t, "", "exec", name, "sleep", "0.1").want(t, 0, "") // a timer
	}
	terem(t, "", "snapshot", "--force", "one", dir).want(t, 0, "")
	terem(t, "", "kill", "one", "many-1", "many-2", "many-3").want(t, 0, "")
	terem(t, "", "restore", "--detach", "--name", "again", dir).want(t, 0, "again\n")
	terem(t, "", "exec", "again", "sh", "-c", "wc -l </tmp/x").want(t, 0, "2\n")
	terem(t, "", "stop", "--time", "1h", "again").want(t, 0, "")
}

// TestSnapshotOfStreams: a command that counts goes on counting, to whom the machine is now.
func TestSnapshotOfStreams(t *testing.T) {
	emulated(t)
	own(t)
	dir := filepath.Join(t.TempDir(), "snap")
	terem(t, "", "run", "--detach", "--name", "counts", "--", "sh", "-c", "i=0; while [ $i -lt 100 ]; do i=$((i+1)); echo $i; sleep 0.05; done; cat; exit 7").want(t, 0, "counts\n")
	terem(t, "", "exec", "counts", "sleep", "1").want(t, 0, "")
	terem(t, "", "snapshot", "counts", dir).want(t, 0, "")
	terem(t, "", "kill", "counts").want(t, 0, "")
	s := terem(t, "", "restore", dir)
	lines := strings.Fields(s.out)
	if s.status != 7 || s.stderr != "" || len(lines) == 0 || lines[len(lines)-1] != "100" || lines[0] == "1" {
		t.Errorf("status %d, %.60q ... %q", s.status, s.out, s.stderr)
	}
}

// TestRestoreRefuses: what cannot be restored is one line, and nothing is started.
func TestRestoreRefuses(t *testing.T) {
	emulated(t)
	own(t)
	tmp := t.TempDir()
	dir, image := filepath.Join(tmp, "snap"), filepath.Join(tmp, "disk")
	if err := os.WriteFile(image, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	terem(t, "", "run", "--detach", "--name", "writes", "--root", "none", "--disk", image).want(t, 0, "writes\n")
	refused(t, "the guest may write to it", 69, "snapshot", "writes", dir)
	terem(t, "", "kill", "writes").want(t, 0, "")
	terem(t, "", "run", "--detach", "--name", "reads", "--root", "none", "--disk", image+",ro").want(t, 0, "reads\n")
	terem(t, "", "exec", "reads", "true").want(t, 0, "")
	terem(t, "", "snapshot", "reads", dir).want(t, 0, "")
	refused(t, "it exists", 69, "snapshot", "reads", dir)
	refused(t, "not a snapshot", 69, "snapshot", "--force", "reads", tmp)
	terem(t, "", "kill", "reads").want(t, 0, "")

	change(t, filepath.Join(dir, "memory"), func(b []byte) []byte { b[len(b)/2] ^= 1; return b })
	refused(t, "", 64, "restore", "--detach", dir)
	change(t, filepath.Join(dir, "memory"), func(b []byte) []byte { b[len(b)/2] ^= 1; return b })
	terem(t, "", "restore", "--detach", "--name", "copied", dir).want(t, 0, "copied\n") // whole again, though another file
	terem(t, "", "exec", "copied", "true").want(t, 0, "")
	terem(t, "", "kill", "copied").want(t, 0, "")
	change(t, filepath.Join(dir, "state"), func(b []byte) []byte { b[len(b)/2] ^= 1; return b })
	refused(t, "", 64, "restore", "--detach", dir)
	change(t, filepath.Join(dir, "state"), func(b []byte) []byte { b[len(b)/2] ^= 1; return b })
	change(t, image, func(b []byte) []byte { b[0]++; return b })
	refused(t, "not the file that it was", 64, "restore", "--detach", dir)
	change(t, filepath.Join(dir, "memory"), func(b []byte) []byte { return b[:len(b)/2] })
	refused(t, "", 64, "restore", "--detach", dir)
	terem(t, "", "ps", "--quiet").want(t, 0, "")
}

func change(t *testing.T, path string, f func([]byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, f(b), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func refused(t *testing.T, why string, status int, args ...string) {
	t.Helper()
	s := terem(t, "", args...)
	if s.status != status || !strings.Contains(s.stderr, why) || strings.Count(s.stderr, "\n") != 1 || s.out != "" {
		t.Errorf("%q: %+v; want %d and %q", args, s, status, why)
	}
	t.Logf("%s", s.stderr)
}

// emptyCache empties the cache of warm starts, before and after the test. It returns where that is.
func emptyCache(t *testing.T) string {
	t.Helper()
	cache := filepath.Join(os.Getenv("HOME"), ".cache", "terem", "warm")
	if dir := os.Getenv("XDG_CACHE_HOME"); dir != "" {
		cache = filepath.Join(dir, "terem", "warm")
	}
	if err := os.RemoveAll(cache); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(cache) })
	return cache
}

// TestWarm: a command in a guest that has booted before is as one in a guest that boots.
func TestWarm(t *testing.T) {
	emulated(t)
	own(t)
	cache := emptyCache(t)
	warm := func(in string, args ...string) said {
		return terem(t, in, append([]string{"run", "--warm", "--timeout", "60s"}, args...)...)
	}
	for range 2 { // the first boots, the second does not
		warm("", "--", "sh", "-c", "echo out; echo err >&2; exit 3").wantAll(t, 3, "out\n", "err\n")
	}
	if l, err := os.ReadDir(cache); err != nil || len(l) != 1 {
		t.Errorf("the cache has %v, %v", l, err)
	}
	warm("some\x04thing", "--", "cat").want(t, 0, "some\x04thing")
	if s := warm("", "--verbose", "--", "true"); s.status != 0 || strings.Contains(s.stderr, "the guest boots") {
		t.Errorf("it has booted: %+v", s)
	}
	warm("", "--", "sh", "-c", "kill -9 $$").want(t, 137, "")
	warm("", "--", "nope").wantAll(t, 127, "", "terem: nope: no such program in the guest\n")
	if s := warm("", "--", "reboot", "-f"); s.status != 80 {
		t.Errorf("a reset: %+v", s)
	}
	if s := warm("", "--", "sh", "-c", "echo c >/proc/sysrq-trigger"); s.status != 82 {
		t.Errorf("a panic: %+v", s)
	}
	for range 2 {
		warm("", "--cpus", "2", "--", "nproc").want(t, 0, "2\n")
	}
	drawn := map[string]bool{}
	for range 4 {
		s := warm("", "--", "sh", "-c", "head -c 16 /dev/urandom | od -An -tx1; cat /proc/sys/kernel/random/boot_id")
		if s.status != 0 || drawn[s.out] {
			t.Errorf("not of its own: %+v", s)
		}
		drawn[s.out] = true
	}
	s := warm("", "--", "date", "+%s")
	if at, err := strconv.ParseInt(strings.TrimSpace(s.out), 10, 64); err != nil || time.Since(time.Unix(at, 0)).Abs() > 30*time.Second {
		t.Errorf("the date is %q", s.out)
	}
}
