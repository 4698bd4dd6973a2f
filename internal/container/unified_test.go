package container

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// unifiedVar names the terem, a static one, that TestUnified boots a guest with and takes
// into it; `make test-v2` sets it.
const unifiedVar = "TEREM_V2_BINARY"

// unifiedPatience bounds TestUnified, which takes four minutes on a software backend.
const unifiedPatience = 12 * time.Minute

// TestUnified starts containers where there is no control group but those of version 2:
// in a guest of terem's. testdata/unified.sh runs there, and says what it sees.
func TestUnified(t *testing.T) {
	terem := os.Getenv(unifiedVar)
	if testing.Short() || terem == "" {
		t.Skip("boots a guest and starts containers in it, in minutes: run `make test-v2`")
	}
	said := runUnified(t, terem, unifiedImage(t, terem))
	for _, part := range []struct {
		name  string
		check func(*testing.T, saying)
	}{
		{"host", checkV2Host},
		{"limits", func(t *testing.T, s saying) { checkV2Limits(t, s, said["host"]) }},
		{"memory", wantLines("terem: out of memory: the program went over the limit and was killed", "status 137")},
		{"pids", wantLines("sh: can't fork: Resource temporarily unavailable", "status 2",
			"terem: --pids 15: with cgroup v2 want 16 or more", "status 64")},
		{"birth", wantLines("terem: container: no process more is allowed here: fork/exec /proc/self/exe: resource temporarily unavailable; "+
			"look at ulimit -u, and at pids.max of the control groups", "status 69")},
		{"disk", checkV2Disk},
		{"user", checkV2User},
		{"inner", wantLines("terem: control groups: /sys/fs/cgroup has processes of its own, so it hands no limits on; "+
			"move them to a group below it, or leave the limits out", "status 69", "status 44", "type domain")},
		{"killed", wantLines("Killed", "groups 1", "status 0")},
		{"left", wantLines()},
	} {
		t.Run(part.name, func(t *testing.T) { part.check(t, said[part.name]) })
	}
	if _, whole := said["end"]; !whole {
		t.Error("the guest did not come to the end")
	}
}

// unifiedImage makes a disk with the root file system of the guest, the script, terem, and
// a root file system for containers.
func unifiedImage(t *testing.T, terem string) string {
	t.Helper()
	dir := t.TempDir()
	root, image := filepath.Join(dir, "root"), filepath.Join(dir, "image")
	for _, c := range [][]string{
		{terem, "guest", "root", root},
		{terem, "guest", "root", filepath.Join(root, "croot")},
		{"cp", terem, filepath.Join(root, "bin/terem")},
		{"cp", "testdata/unified.sh", root},
		{terem, "disk", "from-dir", root, image},
	} {
		if out, err := exec.Command(c[0], c[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%q: %v\n%s", c, err, out)
		}
	}
	return image
}

// saying is the lines of one part of the script.
type saying []string

// runUnified boots the guest and sorts what it says into parts.
func runUnified(t *testing.T, terem, image string) map[string]saying {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), unifiedPatience)
	defer cancel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd := exec.CommandContext(ctx, terem, "run", "--memory", "256M", "--disk", image, "--", "sh", "/unified.sh")
	cmd.Stdout, cmd.Stderr = w, w
	begin := time.Now()
	err = cmd.Start()
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	said, name := map[string]saying{}, "before"
	for lines := bufio.NewScanner(r); lines.Scan(); {
		line := lines.Text()
		t.Logf("%3.0f s  %s", time.Since(begin).Seconds(), line)
		if next, is := strings.CutPrefix(line, "== "); is {
			name = next
			said[name] = saying{}
			continue
		}
		said[name] = append(said[name], strings.TrimSpace(line))
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("terem run: %v", err)
	}
	return said
}

// wantLines expects these lines and no others.
func wantLines(want ...string) func(*testing.T, saying) {
	return func(t *testing.T, s saying) {
		if !slices.Equal(s, want) {
			t.Errorf("said %q,\nwant %q", []string(s), want)
		}
	}
}

// value is what follows a word at the beginning of a line.
func (s saying) value(word string) string {
	for _, line := range s {
		if v, ok := strings.CutPrefix(line, word+" "); ok {
			return v
		}
	}
	return ""
}

// namespaces are those that `ls -l /proc/self/ns` shows.
func (s saying) namespaces() map[string]string {
	m := map[string]string{}
	for _, line := range s {
		if before, to, ok := strings.Cut(line, " -> "); ok {
			m[before[strings.LastIndexByte(before, ' ')+1:]] = to
		}
	}
	return m
}

func checkV2Host(t *testing.T, s saying) {
	if !strings.HasPrefix(s.value("cgroup2"), "/sys/fs/cgroup ") {
		t.Errorf("no control groups of version 2 alone: %q", s)
	}
	for _, c := range []string{"cpu", "io", "memory", "pids"} {
		if !slices.Contains(strings.Fields(s.value("controllers")), c) {
			t.Errorf("the guest's kernel has no controller %s", c)
		}
	}
}

// checkV2Limits looks at a container with all limits, from inside and from outside.
func checkV2Limits(t *testing.T, s, host saying) {
	if !slices.Contains(s, "0::/") {
		t.Error("the group does not seem to be the top of the tree inside")
	}
	ours, theirs := host.namespaces(), s.namespaces()
	for _, name := range []string{"cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"} {
		if ours[name] == "" || theirs[name] == "" || ours[name] == theirs[name] {
			t.Errorf("namespace %s: %q outside, %q inside", name, ours[name], theirs[name])
		}
	}
	for file, want := range map[string]string{
		"memory.max": "67108864", "cpu.max": "50000 100000", "pids.max": "20", "process": "sh", "status": "42",
	} {
		if got := s.value(file); got != want {
			t.Errorf("%s %q, want %q", file, got, want)
		}
	}
	if v := s.value("io.max"); !strings.Contains(v, " rbps=3145728 wbps=2097152 ") {
		t.Errorf("io.max %q", v)
	}
	if o, ok := parseGroupName(s.value("group")); !ok || o.start == 0 {
		t.Errorf("group %q", s.value("group"))
	}
	var used, periods, throttled float64 // used: in microseconds
	for name, v := range map[string]*float64{"usage_usec": &used, "nr_periods": &periods, "nr_throttled": &throttled} {
		if _, err := fmt.Sscan(s.value(name), v); err != nil {
			t.Errorf("%s %q: %v", name, s.value(name), err)
		}
	}
	if share := used / (periods * cpuPeriod); throttled == 0 || share > 0.75 {
		t.Errorf("throttled in %v of %v periods, %.2f of a CPU used; the limit is 0.5", throttled, periods, share)
	}
}

// checkV2Disk compares the time of the same writes, without a limit and with one. Bytes
// over time cannot be more than twice the limit, however busy the host.
func checkV2Disk(t *testing.T, s saying) {
	const written, limit = 4 * 128 << 10, 64 << 10
	var took []float64
	for _, line := range s {
		var from, to float64
		if _, err := fmt.Sscanf(line, "seconds %f %f", &from, &to); err == nil {
			took = append(took, to-from)
		}
	}
	if len(took) != 2 {
		t.Fatalf("%q: want two times", s)
	}
	if took[0] > written/limit/2 {
		t.Skipf("too slow a disk: %v s without a limit", took[0])
	}
	if rate := written / took[1]; rate > 2*limit {
		t.Errorf("%.0f bytes a second with a limit of %d", rate, limit)
	}
}

// checkV2User: the group lies beside the user's own.
func checkV2User(t *testing.T, s saying) {
	if group := s.value("terem: control group"); !strings.HasPrefix(group, "/sys/fs/cgroup/user/terem/") {
		t.Errorf("control group %q", group)
	}
	if len(s) < 2 || s[len(s)-2] != "0" || s[len(s)-1] != "status 43" {
		t.Errorf("%q: want user 0 and status 43 at the end", s)
	}
}
