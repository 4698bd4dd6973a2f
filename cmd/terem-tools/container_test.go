package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"terem/internal/fault"
	"terem/internal/kvmtest"
)

func TestContainerUsage(t *testing.T) {
	root := t.TempDir()
	file := write(t, "file", nil)
	for _, tt := range []struct {
		args   []string
		status int
		say    string
	}{
		{[]string{"--root", "/nowhere"}, 64, "--root /nowhere: no such file or directory"},
		{[]string{"--root", file}, 64, "not a directory"},
		{[]string{"--root="}, 64, "empty"},
		{[]string{"--root", root, "--memory", "lots"}, 64, "--memory lots"},
		{[]string{"--root", root, "--memory", "0"}, 64, "--memory 0"},
		{[]string{"--root", root, "--memory", "4K"}, 64, "8M or more"},
		{[]string{"--root", root, "--cpus", "0"}, 64, "--cpus 0"},
		{[]string{"--root", root, "--cpus", "-1"}, 64, "--cpus -1"},
		{[]string{"--root", root, "--cpus", "NaN"}, 64, "--cpus NaN"},
		{[]string{"--root", root, "--pids", "-1"}, 64, "--pids -1"},
		{[]string{"--root", root, "--io-read", "x"}, 64, "--io-read x"},
		{[]string{"--root", root, "--timeout", "-1s"}, 64, "--timeout -1s"},
		{[]string{"--root", root, "--network", "bridge"}, 64, "--net bridge"},
		{[]string{"--root", root, "--userns", "x"}, 64, "--userns x"},
		{[]string{"--root", root, "--workdir", "x"}, 64, "--workdir x"},
		{[]string{"--root", root, "--share", "/etc"}, 64, "--share /etc"},
		{[]string{"--root", root, "--share", "/etc:etc"}, 64, "--share /etc:etc"},
		{[]string{"--root", root, "--nope"}, 64, "--nope"},
	} {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			o := terem(t, 0, append([]string{"container", "run"}, tt.args...)...)
			if o.status != tt.status || !strings.Contains(o.stderr, tt.say) || strings.Count(o.stderr, "\n") != 1 || o.out != "" {
				t.Errorf("%+v; want status %d and one line with %q", o, tt.status, tt.say)
			}
		})
	}
}

// TestContainerProgram: the only program in this root is one that cannot be run.
func TestContainerProgram(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can start such a container")
	}
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "text"), []byte("no program"), 0o755); err != nil {
		t.Fatal(err)
	}
	for program, status := range map[string]int{"/nope": fault.StatusNoProgram, "nope": fault.StatusNoProgram, "/text": fault.StatusNotExecutable} {
		o := terem(t, 0, "container", "run", "--quiet", "--root", root, "--", program)
		if strings.Contains(o.stderr, "namespace") && os.Getenv(kvmtest.RequireVar) != "1" { // CI's host makes them
			t.Skip(o.stderr)
		}
		if o.status != status || !strings.HasPrefix(o.stderr, "terem: "+program+": ") || strings.Count(o.stderr, "\n") != 1 {
			t.Errorf("%s: %+v, want status %d", program, o, status)
		}
	}
	if o := terem(t, 65534, "container", "run", "--root", "/usr", "--memory", "64M", "--", "/nope"); o.status != 69 || strings.Count(o.stderr, "\n") != 1 {
		t.Errorf("an ordinary user's limit: %+v, want status 69", o)
	}
	private := filepath.Join(t.TempDir(), "private")
	if err := os.Mkdir(private, 0o700); err != nil {
		t.Fatal(err)
	}
	for dir := filepath.Dir(private); dir != "/" && dir != "/tmp"; dir = filepath.Dir(dir) { // up to where everybody may pass
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	wantError(t, terem(t, 65534, "container", "run", "--root", private, "--", "/nope"), 64, "--root", "permission denied", "that you may enter")
}
