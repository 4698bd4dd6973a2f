package doctor

import (
	"context"
	"errors"
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
		{"no end of output", "while :; do echo 0123456789; done", "0123456789", true},
		{"no output and no end", "exec sleep 60", "", true},
		{"a child that keeps the pipe", "sleep 60 & echo one", "one", true},
		{"deaf to signals", "trap '' TERM INT; echo one; while :; do sleep 60; done", "one", true},
	}
	dir := t.TempDir()
	for i, test := range tests {
		writeProgram(t, filepath.Join(dir, string(rune('a'+i))), test.script)
	}
	o := Options{ProbeTime: 300 * time.Millisecond}.withDefaults()
	for i, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			begin := time.Now()
			line, err := firstLine(context.Background(), o, filepath.Join(dir, string(rune('a'+i))))
			if line != test.want || (err != nil) != test.fails {
				t.Errorf("%q, %v; want %q, failure %v", line, err, test.want, test.fails)
			}
			if took := time.Since(begin); took > 10*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

func TestHangingEngine(t *testing.T) {
	o := loadHost(t, "testdata/intel-laptop.host").options
	o.ProbeTime = 200 * time.Millisecond
	writeProgram(t, filepath.Join(o.Root, "podman"), "sleep 60")
	begin := time.Now()
	r := Examine(context.Background(), o)
	if took := time.Since(begin); took > 20*time.Second {
		t.Errorf("took %v", took)
	}
	podman := r.Engines[1]
	if podman.State != Warn || !strings.Contains(podman.Why, "no answer within 200ms") || podman.Mend == "" {
		t.Errorf("%+v", podman)
	}
	if docker := r.Engines[0]; docker.State != OK || !r.OK() {
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
