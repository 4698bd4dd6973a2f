package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLab(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "one")
	r := terem(t, 0, "lab", "start", "1", dir)
	if r.stderr != "" || !strings.Contains(r.out, "README.md says what to do") {
		t.Fatalf("%+v", r)
	}
	if _, err := os.Stat(filepath.Join(dir, "realmode.go")); err != nil {
		t.Error(err)
	}
	wantError(t, terem(t, 0, "lab", "start", "1", dir), 64, "it is not empty")
	wantError(t, terem(t, 0, "lab", "start", "99", dir), 64, `"99" is no exercise`)
	wantError(t, terem(t, 0, "lab", "grade", "1", dir+"x"), 64, "no such file or directory; `terem lab start 1 DIR` makes")
	wantError(t, terem(t, 0, "lab", "grade", "1", dir, "--seed", "x"), 64, "--seed x")
	wantError(t, terem(t, 0, "lab", "grade", "1", dir, "--csv", "x"), 64, "--csv")
	if r := terem(t, 0, "lab", "exercises"); !strings.Contains(r.out, " 1  eight bytes of real mode\n") {
		t.Errorf("%+v", r)
	}
}

// TestLabGrade grades what nobody has worked on.
func TestLabGrade(t *testing.T) {
	if testing.Short() || os.Geteuid() != 0 {
		t.Skip("only root can start a container with limits")
	}
	dir := filepath.Join(t.TempDir(), "one")
	terem(t, 0, "lab", "start", "1", dir)
	r := terem(t, 0, "lab", "grade", "1", dir, "--json", "--no-kvm", "--seed", "7")
	var report struct {
		Seed   string
		Points int
		Checks []struct {
			State string
			Wrong *struct{ Cause string }
		}
	}
	if err := json.Unmarshal([]byte(r.out), &report); err != nil {
		t.Fatalf("%v of %+v", err, r)
	}
	if r.status != 1 || report.Seed != "0x7" || report.Points != 0 || report.Checks[0].Wrong == nil || report.Checks[0].Wrong.Cause != "StartState is as you got it" {
		t.Errorf("%+v", r)
	}
}
