package session

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"terem/internal/cli/tty"
	"terem/internal/container"
)

// playerRoot, in its environment, makes this test's program a terem beside the test.
const playerRoot = "TEREM_TEST_SESSION"

func player(root string, args []string) int {
	c := config(root, args...)
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	status, err := Run(&Options{Config: c})
	if err != nil {
		fmt.Println(err)
	}
	return status
}

// beside starts this test's program as a terem beside the test.
func beside(t *testing.T, cmd *exec.Cmd, root string) (out io.Reader) {
	t.Helper()
	cmd.Env = append(os.Environ(), playerRoot+"="+root)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// endsWith7 wants it to end so, with nothing more to say.
func endsWith7(t *testing.T, cmd *exec.Cmd, out io.Reader) {
	t.Helper()
	rest, err := io.ReadAll(out)
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 7 || len(rest) != 0 {
		t.Errorf("status %v, %q; want 7", err, rest)
	}
	if err != nil {
		t.Error(err)
	}
}

// TestSignals: signals reach the program, which does with them what it likes.
func TestSignals(t *testing.T) {
	root := newRoot(t)
	cmd := exec.Command("/proc/self/exe", "relay", "7")
	out := beside(t, cmd, root)
	said := make(chan string)
	go func() {
		defer close(said)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			said <- lines.Text()
		}
	}()
	// Until it is answered a signal is repeated: terem may not have asked for it yet.
	answered := func(sig syscall.Signal, want string) {
		t.Helper()
		for end := time.Now().Add(time.Minute); ; {
			if err := cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			select {
			case line, open := <-said:
				if line == want {
					return
				}
				if !open {
					t.Fatalf("%v: it ended", sig)
				}
			case <-time.After(200 * time.Millisecond):
			}
			if time.Now().After(end) {
				t.Fatalf("%v: not answered by %q", sig, want)
			}
		}
	}
	answered(0, "ready")
	for _, sig := range []syscall.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGALRM,
		syscall.SIGPWR, syscall.SIGABRT, syscall.SIGSEGV, 37, lastRealTime} {
		answered(sig, fmt.Sprint("got ", int(sig)))
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	for range said {
	}
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 7 {
		t.Errorf("%v; want status 7", err)
	}
}

// TestEarlySignal: what comes while the container starts is for the program, and not lost.
func TestEarlySignal(t *testing.T) {
	o := &Options{Config: container.Config{Root: shellRoot(t), Argv: []string{"/busybox", "sleep", "1000"}}, Timeout: time.Minute} // which catches nothing
	s := &session{o: o, forced: make(chan struct{}), voice: tty.NewVoice(os.Stderr)}
	heard := make(chan os.Signal, 1)
	heard <- syscall.SIGUSR1
	err := s.start(heard)
	defer s.release()
	if err != nil {
		t.Fatal(err)
	}
	s.wait(heard)
	if _, err := s.k.Wait(); err != nil || s.status != statusSignal+int(syscall.SIGUSR1) {
		t.Errorf("status %d, %v", s.status, err)
	}
}

// TestIgnoredSignals: what terem was started to ignore, the program ignores.
func TestIgnoredSignals(t *testing.T) {
	root := newRoot(t)
	cmd := exec.Command("sh", "-c", `trap "" HUP INT; exec "$0" patient 7`, "/proc/"+fmt.Sprint(os.Getpid())+"/exe")
	out := beside(t, cmd, root)
	lines := bufio.NewScanner(out)
	if !lines.Scan() || lines.Text() != "ready" {
		t.Errorf("%q, want ready", lines.Text())
	}
	for _, sig := range []syscall.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGHUP, syscall.SIGTERM} {
		if err := cmd.Process.Signal(sig); err != nil {
			t.Error(err)
		}
	}
	endsWith7(t, cmd, out)
}

// shellRoot is a root file system with a shell that can do without libraries.
func shellRoot(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("/bin/busybox")
	if err != nil {
		t.Skip("needs a static busybox")
	}
	root := newRoot(t)
	if err := os.WriteFile(filepath.Join(root, "busybox"), b, 0o755); err != nil {
		t.Fatal(err)
	}
	return root
}

// TestInterrupt: a program without a handler would survive any signal but SIGKILL, and what
// a shell waits for would not hear of one that is for the shell.
func TestInterrupt(t *testing.T) {
	root := shellRoot(t)
	protect := make(chan os.Signal, 1) // this process, when the session listens no more
	signal.Notify(protect, syscall.SIGINT)
	defer signal.Stop(protect)
	for _, tt := range []struct {
		name, script string
		sig          syscall.Signal
		said         string
	}{
		{"a program that does not listen", "echo ready; exec /busybox sleep 1000", syscall.SIGINT, "ready\nterem: interrupt\n"},
		{"likewise, another signal", "echo ready; exec /busybox sleep 1000", syscall.SIGUSR2, "ready\nterem: user defined signal 2\n"},
		{"a child of a shell", "trap : INT; echo ready; /busybox sleep 1000; exit 130", syscall.SIGINT, "ready\n"},
	} {
		c := container.Config{Root: root, Argv: []string{"/busybox", "sh", "-c", tt.script}}
		ended := make(chan struct{})
		status, said, err := play(t, Options{Config: c}, func() {
			go func() { // again and again: at first it may not be sleep yet
				for {
					select {
					case <-ended:
						return
					case <-time.After(200 * time.Millisecond):
						_ = syscall.Kill(os.Getpid(), tt.sig)
					}
				}
			}()
		})
		close(ended)
		if want := statusSignal + int(tt.sig); err != nil || status != want || said != tt.said {
			t.Errorf("%s: status %d, %q, %v; want %d", tt.name, status, said, err, want)
		}
	}
}

func TestParseHandled(t *testing.T) {
	for text, want := range map[string]uint64{
		"": 0,
		"Name:\tx\nSigIgn:\t0000000000000001\nSigCgt:\t0000000000004000\nSigBlk:\tffffffffffffffff\n": 0x4001,
		"SigCgt:\tnonsense\n": 0,
		"SigIgn:":             0,
	} {
		if got := parseHandled(strings.NewReader(text)); got != want {
			t.Errorf("%q: %#x, want %#x", text, got, want)
		}
	}
}

func FuzzParseHandled(f *testing.F) {
	f.Add("SigCgt:\t0000000000004000\n")
	f.Fuzz(func(t *testing.T, s string) { parseHandled(strings.NewReader(s)) })
}
