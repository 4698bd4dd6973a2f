package signals

import (
	"context"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"terem/internal/cli/signals/signalstest"
)

const childVar = "TEREM_TEST_SIGNALS"

// TestMain is also a program that says which signals reach it, until SIGTERM does.
func TestMain(m *testing.M) {
	if os.Getenv(childVar) == "" {
		signalstest.Heed()
		os.Exit(m.Run())
	}
	got := make(chan os.Signal, 8)
	Listen(got, syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM)
	os.Stdout.WriteString("ready\n")
	for s := range got {
		os.Stdout.WriteString(s.String() + "\n")
		if s == syscall.SIGTERM {
			os.Exit(0)
		}
	}
}

// TestIgnoredStaysIgnored: what a program was started to ignore does not reach it.
func TestIgnoredStaysIgnored(t *testing.T) {
	for trap, want := range map[string]string{
		"":                 "ready hangup interrupt terminated",
		`trap "" HUP;`:     "ready interrupt terminated",
		`trap "" HUP INT;`: "ready terminated",
	} {
		c := exec.Command("sh", "-c", trap+` exec "$0"`, os.Args[0])
		c.Env = append(os.Environ(), childVar+"=1", "GORACE=atexit_sleep_ms=0")
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		said := ""
		for _, s := range []syscall.Signal{0, syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM} {
			if s != 0 {
				_ = c.Process.Signal(s) // it is there: it has not ended yet
			}
			if s == 0 || strings.Contains(want, s.String()) {
				buf := make([]byte, 100)
				n, _ := out.Read(buf) // the end is looked at below
				said += string(buf[:n])
			}
		}
		if err := c.Wait(); err != nil || strings.Join(strings.Fields(said), " ") != want {
			t.Errorf("%s it hears %q, %v; want %q", trap, said, err, want)
		}
	}
}

// TestFaults: a fault that somebody else sends is a signal like another.
func TestFaults(t *testing.T) {
	got := make(chan os.Signal, 1)
	Listen(got, Faults()...)
	defer signal.Stop(got)
	for _, s := range Faults() {
		if err := syscall.Kill(os.Getpid(), s); err != nil {
			t.Fatal(err)
		}
		if heard := <-got; heard != s {
			t.Errorf("%v is heard as %v", s, heard)
		}
	}
}

func TestContext(t *testing.T) {
	ctx, stop := Context(t.Context(), syscall.SIGUSR2)
	if err := syscall.Kill(os.Getpid(), syscall.SIGUSR2); err != nil {
		t.Fatal(err)
	}
	select {
	case <-ctx.Done():
	case <-time.After(10 * time.Second):
		t.Error("a signal does not end it")
	}
	stop()
	signal.Ignore(syscall.SIGUSR2)
	defer signal.Reset(syscall.SIGUSR2)
	ctx, stop = Context(t.Context(), syscall.SIGUSR2)
	_ = syscall.Kill(os.Getpid(), syscall.SIGUSR2)
	time.Sleep(20 * time.Millisecond)
	if ctx.Err() != nil {
		t.Error("an ignored signal ends it")
	}
	stop()
	if ctx.Err() != context.Canceled {
		t.Error("stop does not end it")
	}
}
