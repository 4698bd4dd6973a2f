package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"

	"terem/internal/lab/demo"
)

// TestDemos wants each demonstration to show what it tells.
func TestDemos(t *testing.T) {
	needsLab(t)
	t.Setenv("TMPDIR", t.TempDir())
	for name, all := range map[string][]demo.Demo{"namespaces": demo.Namespaces(), "image": demo.Image()} {
		o := terem(t, 0, "lab", name, "--json")
		var given []demo.Done
		if err := json.Unmarshal([]byte(o.out), &given); err != nil {
			t.Fatalf("%v: %s", err, o.stderr)
		}
		if len(given) != len(all) {
			t.Errorf("%d of %d were given", len(given), len(all))
		}
		for _, d := range given {
			if _, err := exec.LookPath("unshare"); err != nil && d.Name == "time" {
				continue
			}
			if !d.Shown {
				t.Errorf("%s was not shown: %s\n%q", d.Name, d.Why, d.Steps)
			}
		}
	}
	if o := terem(t, 0, "lab", "namespaces", "--only", "uts"); !strings.Contains(o.out, "\n  => ") {
		t.Errorf("%s%s", o.out, o.stderr)
	}
	if _, err := os.Stat("/dev/kvm"); err != nil { // one line, for seven demonstrations
		o := terem(t, 0, "lab", "cgroups")
		if o.status != 69 || o.out != "" || strings.Count(o.stderr, "\n") != 1 || !strings.HasPrefix(o.stderr, "terem: a virtual machine, in which this is shown: no KVM: ") {
			t.Errorf("status %d, %q, %q", o.status, o.out, o.stderr)
		}
	}
	if o := terem(t, 0, "lab", "cgroups", "--only", "nope"); o.status != 64 || !strings.Contains(o.stderr, "terem: --only nope: not one that is known; choose from pids, memory,") {
		t.Errorf("status %d, %s", o.status, o.stderr)
	}
}
