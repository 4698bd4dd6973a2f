package launch

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"terem/internal/cli/tty/ttytest"
	"terem/internal/kvmtest"
)

// onTerminal runs a guest whose console is a terminal, to its end, beside what its user does. It returns what the
// terminal showed that the user has not taken.
func onTerminal(t *testing.T, o Options, user func(*ttytest.User)) (status int, shown string) {
	t.Helper()
	kvmtest.Open(t)
	if testing.Short() {
		t.Skip("boots Linux: not in -short")
	}
	keyboard, terminal := ttytest.Open(t)
	u := ttytest.NewUser(t, keyboard)
	stderr := newSink(t)
	o.CacheDir, o.CPU, o.Console, o.Memory = defaultCache(t), "host", "stdio", 128<<20
	o.Timeout = 4 * time.Minute
	o.Stdin, o.Stdout, o.Stderr = terminal, terminal, stderr.w
	done := make(chan error)
	go func() {
		var err error
		status, err = Run(&o)
		done <- err
	}()
	user(u)
	if err := <-done; err != nil {
		t.Fatalf("Run: %v; standard error: %q", err, stderr.close())
	}
	stderr.close()
	return status, u.Rest(time.Second)
}

// TestTerminalOutputWhole looks at the end of a command's output. The process that leads the session of a terminal takes
// with it what the UART has not sent: so that must not be the command.
func TestTerminalOutputWhole(t *testing.T) {
	var want strings.Builder
	for i := range 60 {
		fmt.Fprintf(&want, "%d\r\n", i+1)
	}
	for _, cpus := range []int{1, 2} {
		for round := range 6 {
			status, shown := onTerminal(t, Options{CPUs: cpus, Command: []string{"seq", "1", "60"}}, func(*ttytest.User) {})
			if status != 0 || shown != want.String() {
				t.Errorf("%d vCPUs, round %d: status %d, the terminal shows %q", cpus, round, status, shown)
			}
		}
	}
}

// TestTerminalJobs presses the keys that the terminal makes signals of: in a shell they reach the job in the foreground, and a
// command that nobody could continue is not stopped.
func TestTerminalJobs(t *testing.T) {
	const sleeper = "sh -c 'echo up-$((1+1)); exec sleep 1000'\r"
	status, shown := onTerminal(t, Options{CPUs: 1, Command: []string{"env", "PS1=ready> ", "ENV=", "sh"}}, func(u *ttytest.User) {
		u.Expect("ready> ")
		u.Type("stty size; tty\r")
		u.Expect("33 99\r\n/dev/console\r\n")
		u.Expect("ready> ")
		u.Type(sleeper)
		u.Expect("up-2")
		u.Type("\x03")
		u.Expect("ready> ")
		u.Type(sleeper)
		u.Expect("up-2")
		u.Type("\x1a")
		u.Expect("Stopped")
		u.Expect("ready> ")
		u.Type("kill %1; exec sh -c 'trap \"echo got-it\" INT; echo up-$((1+1)); cat; cat; exit 42'\r")
		u.Expect("up-2")
		u.Type("\x1afirst\r")
		u.Expect("first\r\nfirst\r\n")
		u.Type("\x03")
		u.Expect("got-it")
		u.Type("\x04")
	})
	if status != 42 {
		t.Errorf("status %d, want 42; the terminal shows %q", status, shown)
	}
}
