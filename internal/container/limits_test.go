package container

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"terem/internal/fault"

	"golang.org/x/sys/unix"
)

// needGroups skips a test where limits cannot be kept.
func needGroups(t testing.TB, l Limits) {
	t.Helper()
	needRoot(t)
	g, err := makeGroups(l, "/")
	if err != nil {
		t.Skipf("no such limit on this host: %v", err)
	}
	if err := g.destroy(); err != nil {
		t.Fatal(err)
	}
}

func TestMemoryLimit(t *testing.T) {
	l := Limits{Memory: 64 << 20}
	needGroups(t, l)
	out, o := run(t, Config{Limits: l}, "eat", "256")
	if o.Signal != syscall.SIGKILL || !o.OutOfMemory || o.ExitStatus() != 137 {
		t.Errorf("%+v, %q; want killed, out of memory", o, out)
	}
	if out, o := run(t, Config{Limits: l}, "eat", "8"); o.ExitStatus() != 0 || o.OutOfMemory {
		t.Errorf("8 MiB of 64: %+v, %q", o, out)
	}
}

func TestProcessLimit(t *testing.T) {
	l := Limits{PIDs: 40}
	needGroups(t, l)
	if out, _ := run(t, Config{Limits: l}, "children", "100"); !strings.HasPrefix(out, "refused") {
		t.Errorf("%q, want a child refused", out)
	}
	if out, _ := run(t, Config{}, "children", "20"); out != "made all\n" {
		t.Errorf("without a limit: %q", out)
	}
}

// TestForksRefused counts what the limit on processes did not let start.
func TestForksRefused(t *testing.T) {
	l := Limits{PIDs: 40}
	needGroups(t, l)
	r := begin(t, Config{Limits: l}, "children", "100")
	if line := r.line(); !strings.HasPrefix(line, "refused") || r.ForksRefused() == 0 {
		t.Errorf("%q, and %d forks were refused", line, r.ForksRefused())
	}
	r.end()
	if n := r.ForksRefused(); n != 0 {
		t.Errorf("%d after the end, when the group is gone", n)
	}
}

// TestCPULimit compares CPU time with the time that passed, so that a busy host cannot
// make it fail.
func TestCPULimit(t *testing.T) {
	l := Limits{CPUs: 0.2}
	needGroups(t, l)
	begin := time.Now()
	_, o := run(t, Config{Limits: l}, "spin", "1000")
	wall := time.Since(begin)
	if used := o.User + o.System; used.Seconds() > 0.4*wall.Seconds() {
		t.Errorf("%v of CPU time in %v with a limit of 0.2", used, wall)
	}
}

// TestLimitsInForce reads back from the kernel what was set.
func TestLimitsInForce(t *testing.T) {
	l := Limits{Memory: 80 << 20, CPUs: 1.5, PIDs: 77, ReadBPS: 3 << 20, WriteBPS: 2 << 20}
	needGroups(t, l)
	r := begin(t, Config{Limits: l}, "patient", "0")
	r.line()
	var all strings.Builder
	for _, dir := range r.groups.dirs() {
		for _, name := range []string{
			"memory.limit_in_bytes", "cpu.cfs_quota_us", "pids.max", "blkio.throttle.read_bps_device", "blkio.throttle.write_bps_device",
			"memory.max", "cpu.max", "io.max",
		} {
			if b, err := os.ReadFile(filepath.Join(dir, name)); err == nil {
				all.WriteString(name + " " + strings.Join(strings.Fields(string(b)), " ") + "\n")
			}
		}
		procs, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
		if err != nil || len(strings.Fields(string(procs))) != 1 {
			t.Errorf("%s holds processes %q, %v; want the program", dir, procs, err)
		}
	}
	wants := []string{"memory.limit_in_bytes 83886080", "cpu.cfs_quota_us 150000", "pids.max 77", "read_bps_device", " 3145728", " 2097152"}
	if unified() {
		wants = []string{"memory.max 83886080", "cpu.max 150000 100000", "pids.max 77", "rbps=3145728", "wbps=2097152"}
	}
	for _, want := range wants {
		if !strings.Contains(all.String(), want) {
			t.Errorf("%q is not in force:\n%s", want, all.String())
		}
	}
	if err := r.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	r.end()
}

func TestLimitsRefused(t *testing.T) {
	for _, l := range []Limits{
		{Memory: 4096}, {Memory: 1 << 63}, {CPUs: -1}, {CPUs: 0.001}, {CPUs: 1e12}, {PIDs: -5},
	} {
		var e *fault.Error
		if err := l.check(); !errors.As(err, &e) || e.Class.Status() != fault.StatusUsage {
			t.Errorf("%+v: %v", l, err)
		}
	}
	if err := (Limits{Memory: 1 << 30, CPUs: 0.5, PIDs: 1}).check(); err != nil {
		t.Error(err)
	}
}

// TestResources is what both versions of control groups are asked for.
func TestResources(t *testing.T) {
	r := Limits{Memory: 1 << 30, CPUs: 0.5, PIDs: 9, ReadBPS: 5, WriteBPS: 6}.resources(blockDevice{8, 16})
	if r.Memory != 1<<30 || r.MemorySwap != 1<<30 || r.CpuQuota != 50_000 || r.CpuPeriod != 100_000 || *r.PidsLimit != 9 || !r.SkipDevices {
		t.Errorf("%+v", r)
	}
	if got := r.BlkioThrottleReadBpsDevice[0].StringName("rbps"); got != "8:16 rbps=5" {
		t.Error(got)
	}
	if got := r.BlkioThrottleWriteBpsDevice[0].String(); got != "8:16 6" {
		t.Error(got)
	}
	if r := (Limits{}).resources(blockDevice{}); r.Memory != 0 || r.CpuQuota != 0 || r.PidsLimit != nil || r.BlkioThrottleReadBpsDevice != nil {
		t.Errorf("no limits: %+v", r)
	}
}

func TestParentV2(t *testing.T) {
	for _, tt := range []struct {
		own  string
		root bool
		want string
	}{
		{"/user.slice/session-1.scope", true, "/sys/fs/cgroup/terem"},
		{"/user.slice/user@1000.service/app.slice/shell.scope", false, "/sys/fs/cgroup/user.slice/user@1000.service/app.slice/terem"},
		{"/", false, "/sys/fs/cgroup/terem"},
		{"", false, "/sys/fs/cgroup/terem"},
		{"/../../etc", false, "/sys/fs/cgroup/terem"},
	} {
		if got := parentV2(tt.own, tt.root); got != tt.want {
			t.Errorf("%q, root %v: %s, want %s", tt.own, tt.root, got, tt.want)
		}
	}
}

func TestCrowded(t *testing.T) {
	for _, tt := range []struct {
		name  string
		files map[string]string
		want  bool
	}{
		{"the top of the tree", map[string]string{"cgroup.procs": "1\n2\n"}, false},
		{"a service's", map[string]string{"cgroup.procs": "12\n", "cgroup.type": "domain\n"}, true},
		{"a slice", map[string]string{"cgroup.procs": "", "cgroup.type": "domain\n"}, false},
		{"no group", nil, false},
	} {
		dir := t.TempDir()
		for name, text := range tt.files {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got := crowded(dir); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
	if g, err := planCrowded("/sys/fs/cgroup", Limits{}); err != nil || g.manager != nil {
		t.Errorf("without limits: %+v, %v; want no groups", g, err)
	}
	var own *fault.Error
	if _, err := planCrowded("/sys/fs/cgroup", Limits{PIDs: 20}); !errors.As(err, &own) || own.Class.Status() != fault.StatusHost {
		t.Errorf("with a limit: %v", err)
	}
}

func TestMissingV2(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "cgroup.controllers"), []byte("cpuset cpu io\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := missingV2(dir, Limits{CPUs: 1, ReadBPS: 1}); err != nil {
		t.Error(err)
	}
	if err := missingV2(dir, Limits{PIDs: 1}); err == nil || !strings.Contains(err.Error(), "PIDs") {
		t.Errorf("%v, want one about PIDs", err)
	}
}

func TestGroupNames(t *testing.T) {
	o, ok := parseGroupName(newGroupName())
	if !ok || o != ownerOf(os.Getpid()) || o.start == 0 || o.namespace == 0 {
		t.Errorf("%+v, %v", o, ok)
	}
	for _, name := range []string{"", "terem", "1-2-3", "1-2-3-0000000", "1-2-x-00000000", "-1-2-3-00000000", "1-2-3-00000000-5", "system.slice"} {
		if o, ok := parseGroupName(name); ok {
			t.Errorf("%q is no name of ours, but %+v", name, o)
		}
	}
}

// TestSweep removes what nobody owns any more, and nothing else.
func TestSweep(t *testing.T) {
	dir := t.TempDir()
	me := ownerOf(os.Getpid())
	gone := nameGroup(owner{me.namespace, me.pid, me.start - 1})
	alive, foreign, used := nameGroup(me), nameGroup(owner{me.namespace + 1, me.pid, me.start - 1}), nameGroup(owner{me.namespace, 1 << 30, 5})
	for _, d := range []string{gone, alive, foreign, used + "/x", "user.slice"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	(&groups{parents: []string{dir, dir + "/missing"}}).sweep()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	left := map[string]bool{}
	for _, e := range entries {
		left[e.Name()] = true
	}
	if left[gone] || !left[alive] || !left[foreign] || !left[used] || !left["user.slice"] {
		t.Errorf("left: %v", left)
	}
}

func TestDiskOf(t *testing.T) {
	if _, err := diskOf("/proc"); err == nil || !strings.Contains(err.Error(), "no disk") {
		t.Errorf("/proc: %v", err)
	}
	if _, err := diskOf("/nowhere"); !errors.Is(err, unix.ENOENT) {
		t.Error(err)
	}
}

func FuzzParsers(f *testing.F) {
	f.Add("12 (a) b) S 1 1 1 0 -1 4194560 1 1 0 0 0 0 0 0 20 0 1 0 1951599 1 1")
	f.Add("root:100000:65536\nroot:4294967290:65536")
	f.Add("8:16\n")
	f.Add("1-2-3-00000000")
	f.Fuzz(func(t *testing.T, s string) {
		parseStart(s)
		if first := parseRange(strings.NewReader(s)); first <= 0 || first > 1<<32-1-mappedUsers {
			t.Errorf("%q maps to %d", s, first)
		}
		if d, err := parseDevice(s); err == nil && (d.major < 0 || d.minor < 0) {
			t.Errorf("%q is device %v", s, d)
		}
		parseGroupName(s)
	})
}

func TestParseRange(t *testing.T) {
	for text, want := range map[string]int{
		"":                                    firstUser,
		"alice:100000:65536\n":                165_536, // they are hers
		"bob:165536:9\nalice:100000:65536\n":  165_545,
		"alice:90000:10000\nbob:165536:9":     firstUser,
		"alice:100000:4294867295\n":           firstUser,
		"alice:1:2\nroot:200000:65536\n":      200_000,
		"root:300000:1000\nroot:400000:70000": 400_000,
		"root:0:65536":                        firstUser,
		"root:4294967295:65536":               firstUser,
		"0:500000:65536":                      500_000,
		"root:x:65536":                        firstUser,
	} {
		if got := parseRange(strings.NewReader(text)); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}
