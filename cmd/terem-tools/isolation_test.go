package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"terem/guest"
	"terem/internal/lab/experiment"
	"terem/internal/lab/result"
)

// needsLab skips a test that makes containers with limits.
func needsLab(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("starts tens of containers, in seconds")
	}
	if os.Getuid() != 0 {
		t.Skip("limits on containers need root")
	}
	cache, err := guest.DefaultCacheDir()
	if err == nil {
		_, err = guest.FindInitrd(cache)
	}
	if err != nil {
		t.Skipf("the guest's root file system: %v", err)
	}
}

// hostRows are the rows that run on this host, but for those that measure.
func hostRows() (names []string) {
	for _, e := range experiment.All() {
		if !e.Dangerous && !e.OneCPU {
			names = append(names, e.Name)
		}
	}
	return names
}

// TestIsolation runs each experiment that hurts no machine, as processes and in containers, and wants what mechanism expects.
func TestIsolation(t *testing.T) {
	needsLab(t)
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	page := filepath.Join(t.TempDir(), "page.html")
	o := terem(t, 0, "lab", "isolation", "--row", strings.Join(hostRows(), ","), "--column", "process,container,hardened", "--json", "-", "--html", page)
	if o.status != 0 {
		t.Fatalf("status %d: %s", o.status, o.stderr)
	}
	var m result.Matrix
	if err := json.Unmarshal([]byte(o.out), &m); err != nil {
		t.Fatal(err)
	}
	if len(m.Rows) != len(hostRows()) {
		t.Errorf("%d rows", len(m.Rows))
	}
	for _, x := range m.Rows {
		if len(x.Cells) != 3 {
			t.Fatalf("%s: %d cells", x.Name, len(x.Cells))
		}
		for _, c := range x.Cells {
			if c.Verdict != c.Expected {
				t.Errorf("%s, %s: %s, want %s: %s %s\nbefore %q\nattack %q\nafter %q", x.Name, c.Column, c.Verdict, c.Expected, c.Evidence, c.Why, c.Before, c.Attack, c.After)
			}
		}
	}
	if b, err := os.ReadFile(page); err != nil || !strings.Contains(string(b), "boot_id") {
		t.Errorf("the page: %v", err)
	}
	if left, _ := os.ReadDir(tmp); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestIsolationWithoutKVM wants one line that says why, and never an attack on this machine.
func TestIsolationWithoutKVM(t *testing.T) {
	needsLab(t)
	if _, err := os.Stat("/dev/kvm"); err == nil {
		t.Skip("there is a /dev/kvm")
	}
	o := terem(t, 0, "lab", "isolation", "--row", "panic,fork-bomb,kill", "--column", "process,vm", "--json", "-")
	var m result.Matrix
	if err := json.Unmarshal([]byte(o.out), &m); err != nil {
		t.Fatalf("%v: %s", err, o.stderr)
	}
	var verdicts []string
	for _, x := range m.Rows {
		for _, c := range x.Cells {
			verdicts = append(verdicts, x.Name+" "+c.Column+" "+string(c.Verdict))
			if c.Verdict == result.NotRun && !strings.HasPrefix(c.Why, "no KVM: ") {
				t.Errorf("why: %q", c.Why)
			}
		}
	}
	want := []string{"kill process harmed", "kill vm not run", "fork-bomb process not run", "fork-bomb vm not run", "panic process not run", "panic vm not run"}
	if !slices.Equal(verdicts, want) {
		t.Errorf("%q, want %q", verdicts, want)
	}
}

func TestIsolationUsage(t *testing.T) {
	for _, tt := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"--row", "nope"}, 64, "terem: --row nope: not one that is known; choose from kill,"},
		{[]string{"--targets=lxc"}, 64, "terem: --targets lxc: not one that is known; choose from found, crun, runc, runsc, podman, docker"},
		{[]string{"--targets="}, 64, "its value is empty"},
		{[]string{"--column", "jail"}, 64, "terem: --column jail: not one that is known; choose from process, container, hardened, vm"},
		{[]string{"--explain", "nope"}, 64, "terem: --explain nope: not one that is known"},
		{[]string{"--row", ""}, 64, "its value is empty"},
		{[]string{"--json", "/nope/x"}, 64, "terem: --json /nope/x: no such file or directory"},
		{[]string{"--json", "x", "--html", "./x"}, 64, "one would replace the other"},
		{[]string{"more"}, 64, "takes no arguments"},
		{[]string{"--explain", "panic"}, 0, ""},
	} {
		o := terem(t, 0, append([]string{"lab", "isolation"}, tt.args...)...)
		if o.status != tt.status || !strings.Contains(o.stderr, tt.want) {
			t.Errorf("%q: status %d, %q", tt.args, o.status, o.stderr)
		}
	}
}

// runtimes are those of the engines here that are no more than a program.
func runtimes(t *testing.T) string {
	t.Helper()
	var here []string
	for _, name := range []string{"crun", "runc"} {
		if _, err := exec.LookPath(name); err == nil {
			here = append(here, name)
		}
	}
	if here == nil {
		t.Skip("neither crun nor runc is here")
	}
	return strings.Join(here, ",")
}

// groups are the control groups of the lab's containers that are left.
func groups(t *testing.T) (left []string) {
	t.Helper()
	for _, pattern := range []string{"/sys/fs/cgroup/terem-lab-*", "/sys/fs/cgroup/*/terem-lab-*"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		left = append(left, found...)
	}
	return left
}

// TestIsolationTargets runs rows in containers of runtimes that are here, and wants what is expected, and nothing left.
func TestIsolationTargets(t *testing.T) {
	needsLab(t)
	names := runtimes(t)
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	o := terem(t, 0, "lab", "isolation", "--row", strings.Join(hostRows(), ","), "--column", "process", "--targets="+names, "--json", "-")
	var m result.Matrix
	if err := json.Unmarshal([]byte(o.out), &m); err != nil {
		t.Fatalf("%v: %s", err, o.stderr)
	}
	for _, x := range m.Rows {
		for _, c := range x.Cells {
			if c.Verdict != c.Expected {
				t.Errorf("%s, %s: %s, want %s: %s %s\nbefore %q\nattack %q\nafter %q", x.Name, c.Column, c.Verdict, c.Expected, c.Evidence, c.Why, c.Before, c.Attack, c.After)
			}
		}
	}
	if left, _ := os.ReadDir(tmp); len(left) > 0 || len(groups(t)) > 0 {
		t.Errorf("left behind: %v, %v", left, groups(t))
	}
}
