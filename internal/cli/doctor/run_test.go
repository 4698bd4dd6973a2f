package doctor

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestFirstLine(t *testing.T) {
	tests := []struct {
		name, script, want string
		fails              bool
	}{
		{"first of two lines", "echo one; echo two", "one", false},
		{"standard error", "echo one >&2", "one", false},
		{"blank lines first", "echo; echo ' one '", "one", false},
		{"nothing", ":", "", false},
		{"a failure with its words", "echo no; exit 3", "no", true},
		{"control characters", `printf '\033[31mred\007\n'`, "[31mred", false},
		{"a child that keeps the output", `sleep 60 & echo $! >"$0.child"; echo one`, "one", true},
	}
	dir := t.TempDir()
	path := func(i int) string { return filepath.Join(dir, string(rune('a'+i))) }
	for i, test := range tests {
		writeProgram(t, path(i), test.script)
	}
	o := Options{ProbeTime: patience}.withDefaults()
	for i, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			line, err := firstLine(context.Background(), o, path(i))
			if line != test.want || (err != nil) != test.fails {
				t.Errorf("%q, %v; want %q, failure %v", line, err, test.want, test.fails)
			}
			if child, err := os.ReadFile(path(i) + ".child"); err == nil {
				ends(t, strings.TrimSpace(string(child)))
			}
		})
	}
}

// ends waits for the end of a process. One that nobody has waited for yet has ended, too.
func ends(t *testing.T, pid string) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		stat, err := os.ReadFile("/proc/" + pid + "/stat")
		if err != nil || strings.Contains(string(stat), ") Z ") {
			return
		}
	}
	t.Errorf("process %s is left", pid)
}

// TestFirstLineOfNoEnd calls off programs that do not end, as soon as they have said what they say.
func TestFirstLineOfNoEnd(t *testing.T) {
	tests := []struct{ name, script, want string }{
		{"no end of output", `echo 0123456789; : >"$0.said"; while :; do echo 0123456789; done`, "0123456789"},
		{"no output", `: >"$0.said"; exec sleep 60`, ""},
		{"deaf to signals", `trap '' TERM INT; echo one; : >"$0.said"; while :; do sleep 60; done`, "one"},
		{"a child that goes on", `sleep 60 & echo one; : >"$0.said"; wait`, "one"},
	}
	dir := t.TempDir()
	path := func(i int) string { return filepath.Join(dir, string(rune('a'+i))) }
	for i, test := range tests {
		writeProgram(t, path(i), test.script)
	}
	for i, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				defer cancel()
				for ctx.Err() == nil {
					if _, err := os.Stat(path(i) + ".said"); err == nil {
						return
					}
					time.Sleep(time.Millisecond)
				}
			}()
			begin := time.Now()
			line, err := firstLine(ctx, Options{ProbeTime: patience}.withDefaults(), path(i))
			if line != test.want || !errors.Is(err, context.Canceled) {
				t.Errorf("%q, %v; want %q, %v", line, err, test.want, context.Canceled)
			}
			if took := time.Since(begin); took > 50*time.Second {
				t.Errorf("took %v: it waited for the program", took)
			}
		})
	}
}

// TestHangingEngine: the time of one that does not answer runs out, and the report is as good as ever. No other is
// installed: on a busy host it might not answer in this time either.
func TestHangingEngine(t *testing.T) {
	h := loadHost(t, "testdata/intel-laptop.host")
	h.programs = []string{"podman"}
	h.options.ProbeTime = 200 * time.Millisecond
	writeProgram(t, filepath.Join(h.options.Root, "podman"), "sleep 60")
	begin := time.Now()
	r := Examine(context.Background(), h.options)
	if took := time.Since(begin); took > 50*time.Second {
		t.Errorf("took %v", took)
	}
	podman := r.Engines[1]
	if podman.State != Warn || !strings.Contains(podman.Why, "no answer within 200ms") || podman.Mend == "" {
		t.Errorf("%+v", podman)
	}
	if docker := r.Engines[0]; docker.State != Missing || !r.OK() {
		t.Errorf("one that hangs spoils the rest: %+v, %s", docker, r.Summary)
	}
}

func TestDockerWithoutDaemon(t *testing.T) {
	o := loadHost(t, "testdata/intel-laptop.host").options
	writeProgram(t, filepath.Join(o.Root, "docker"), `[ "$1" = --version ] && echo Docker 28 && exit; echo cannot connect >&2; exit 1`)
	docker := Examine(context.Background(), o).Engines[0]
	if docker.State != Warn || docker.Version != "Docker 28" || docker.Mend != "sudo systemctl start docker" {
		t.Errorf("%+v", docker)
	}
}

func TestCancelledContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	r := Examine(ctx, loadHost(t, "testdata/amd-server.host").options)
	for _, e := range r.Engines {
		if e.State != Warn {
			t.Errorf("%s: %s, want a warning", e.Name, e.State)
		}
	}
	_, err := firstLine(ctx, Options{}.withDefaults(), "/bin/true")
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want %v", err, context.Canceled)
	}
}
