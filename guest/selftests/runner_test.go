package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// script puts a shell script where the runner looks for programs.
func script(t *testing.T, text string) (runner, job) {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "x86"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "x86", "a"), []byte("#!/bin/sh\n"+text), 0o755); err != nil {
		t.Fatal(err)
	}
	return runner{tree: dir, scale: 1}, job{program: "x86/a", user: asRoot, limit: time.Minute}
}

func TestRun(t *testing.T) {
	for _, tt := range []struct {
		name, script, status string
		code                 int
		output               string
	}{
		{"pass", "echo ok 1 x; echo two >&2", ended, 0, "ok 1 x\ntwo\n"},
		{"fail", "exit 3", endedBad, 3, ""},
		{"skip", "echo no; exit 4", endedSkip, 4, "no\n"},
		{"signal", "echo last words; kill -SEGV $$", "signal:SIGSEGV", 0, "last words\n"},
		{"somebody is left", "sleep 60 & echo gone", ended, 0, "gone\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, j := script(t, tt.script)
			o := r.run(j)
			if o.status != tt.status || o.code != tt.code || o.output != tt.output {
				t.Errorf("%+v, want %s (%d) and %q", o, tt.status, tt.code, tt.output)
			}
		})
	}
}

func TestRunEndsWhatIsLate(t *testing.T) {
	r, j := script(t, "echo begun; sleep 60; echo never")
	j.limit = 300 * time.Millisecond
	if o := r.run(j); o.status != timedOut || o.output != "begun\n" {
		t.Errorf("%+v", o)
	}
}

func TestRunTriesAgainWhatIsTimed(t *testing.T) {
	count := filepath.Join(t.TempDir(), "count")
	r, j := script(t, "echo x >>"+count+"; test $(wc -l <"+count+") = 2")
	if o := r.run(j); o.status != endedBad {
		t.Errorf("the first try: %+v", o)
	}
	if err := os.Remove(count); err != nil {
		t.Fatal(err)
	}
	j.mark = markTiming
	if o := r.run(j); o.status != ended {
		t.Errorf("three tries: %+v", o)
	}
}

func TestRunWithoutProgram(t *testing.T) {
	r, j := script(t, "")
	j.program = "x86/b"
	if o := r.run(j); o.status != notRun || !strings.Contains(o.output, "no such file") {
		t.Errorf("%+v", o)
	}
}

func TestCommand(t *testing.T) {
	r := runner{tree: "/t"}
	c := r.command(job{program: "rseq/param_test", args: []string{"-T", "s"}, user: asUser})
	if got := strings.Join(c.Args, " "); got != "/t/rseq/param_test -T s" {
		t.Errorf("%q", got)
	}
	if c.SysProcAttr.Credential == nil || c.SysProcAttr.Credential.Uid == 0 {
		t.Error("the user is root")
	}
	if !strings.Contains(strings.Join(c.Env, " "), noLibraryRseq) {
		t.Errorf("environment %q", c.Env)
	}
	if c := r.command(job{program: "x86/a", user: asRoot}); c.SysProcAttr.Credential != nil {
		t.Error("root is a user")
	}
}

func TestEnding(t *testing.T) {
	for wait, want := range map[syscall.WaitStatus]string{0: ended, 1 << 8: endedBad, 4 << 8: endedSkip, 9: "signal:SIGKILL", 11 | 0x80: "signal:SIGSEGV"} {
		if got, _ := ending(wait); got != want {
			t.Errorf("ending(%#x) is %s, want %s", int(wait), got, want)
		}
	}
}
