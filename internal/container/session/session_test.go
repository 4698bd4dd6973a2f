package session

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"terem/internal/cli/signals/signalstest"
	"terem/internal/cli/tty"
	"terem/internal/container"
)

func TestMain(m *testing.M) {
	if container.IsInit(os.Args) {
		os.Exit(container.Init())
	}
	if root := os.Getenv(playerRoot); root != "" {
		os.Exit(player(root, os.Args[1:]))
	}
	signalstest.Heed()
	os.Exit(m.Run())
}

// newRoot is a root file system with the probe of package container.
func newRoot(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can start such a container")
	}
	dir := t.TempDir()
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "probe"), "../testdata/probe")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, name := range []string{"proc", "sys", "dev", "tmp"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// play runs a session; when it says "ready", do is called with what it takes to end it.
func play(t *testing.T, o Options, ready func()) (status int, said string, err error) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	o.Config.Stdin, o.Config.Stdout, o.Config.Stderr = nil, w, w
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	o.Config.Stdin = null
	done := make(chan string)
	go func() {
		var all strings.Builder
		buf := make([]byte, 1024)
		for told := false; ; {
			n, err := r.Read(buf)
			all.Write(buf[:n])
			if !told && strings.Contains(all.String(), "ready\n") {
				told = true
				if ready != nil {
					ready()
				}
			}
			if err != nil {
				done <- all.String()
				return
			}
		}
	}()
	status, err = Run(&o)
	w.Close()
	return status, <-done, err
}

func config(root string, args ...string) container.Config {
	return container.Config{Root: root, Argv: append([]string{"/probe"}, args...)}
}

func TestRun(t *testing.T) {
	root := newRoot(t)
	// Signals reach this process, as they reach terem.
	signal := func(s syscall.Signal) func() {
		return func() { _ = syscall.Kill(os.Getpid(), s) }
	}
	for _, tt := range []struct {
		name   string
		o      Options
		ready  func()
		status int
		said   string
	}{
		{"status", Options{Config: config(root, "exit", "9")}, nil, 9, ""},
		{"output", Options{Config: config(root, "say", "a", "b")}, nil, 0, "a b\n"},
		{"time", Options{Config: config(root, "sleep"), Timeout: 300 * time.Millisecond}, nil, 124, "terem: the timeout of 300ms ran out\n"},
		{"a program that listens", Options{Config: config(root, "patient", "7")}, signal(syscall.SIGTERM), 7, "ready\n"},
		{"verbose", Options{Config: config(root, "patient", "0"), Verbose: true}, signal(syscall.SIGTERM), 0, "terem: namespace pid:["},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, said, err := play(t, tt.o, tt.ready)
			if err != nil || status != tt.status {
				t.Errorf("status %d, %v; want %d", status, err, tt.status)
			}
			if said != tt.said && !(tt.o.Verbose && strings.Contains(said, tt.said)) {
				t.Errorf("said %q, want %q", said, tt.said)
			}
		})
	}
}

func TestConclude(t *testing.T) {
	for _, tt := range []struct {
		name   string
		ended  int    // the status if terem ended it,
		why    string // for this reason
		o      container.Outcome
		quiet  bool
		status int
		said   string
	}{
		{"success", 0, "", container.Outcome{}, false, 0, ""},
		{"failure", 0, "", container.Outcome{Status: 3}, false, 3, ""},
		{"signal", 0, "", container.Outcome{Signal: syscall.SIGSEGV}, false, 139, "terem: the program was ended by a signal: segmentation fault\n"},
		{"bad call", 0, "", container.Outcome{Signal: syscall.SIGSYS}, true, 159,
			"terem: the program was ended by a signal: bad system call (most likely it became one for 32-bit x86; a container runs 64-bit programs)\n"},
		{"out of memory", 0, "", container.Outcome{Signal: syscall.SIGKILL, OutOfMemory: true}, true, 137,
			"terem: out of memory: the program went over the limit and was killed\n"},
		{"a child out of memory", 0, "", container.Outcome{OutOfMemory: true}, false, 0, "terem: out of memory: a process of the container was killed\n"},
		{"a child out of memory, quiet", 0, "", container.Outcome{OutOfMemory: true}, true, 0, ""},
		{"ended", 124, "time", container.Outcome{Signal: syscall.SIGKILL}, false, 124, "terem: time\n"},
	} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		s := &session{status: tt.ended, why: tt.why, voice: tty.NewVoice(w)}
		s.o = &Options{Quiet: tt.quiet, Config: container.Config{Stderr: w}}
		status := s.conclude(tt.o)
		s.voice.Close(t.Context())
		w.Close()
		said, err := io.ReadAll(r)
		r.Close()
		if err != nil || status != tt.status || string(said) != tt.said {
			t.Errorf("%s: status %d, %q, %v; want %d, %q", tt.name, status, said, err, tt.status, tt.said)
		}
	}
}
