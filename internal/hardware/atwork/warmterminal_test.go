package atwork

import (
	"os/exec"
	"syscall"
	"testing"

	"terem/internal/cli/tty/ttytest"
)

// TestWarmTerminal: a warm shell on a terminal, by the cold way and by the warm one; Ctrl-A x leaves; and a missing program has a line.
func TestWarmTerminal(t *testing.T) {
	emulated(t)
	own(t)
	onTerminal := func(user func(*ttytest.User), args ...string) int {
		t.Helper()
		return onTerminal(t, [2]uint16{ttytest.Rows, ttytest.Cols}, user, append([]string{"run", "--warm", "--timeout", "60s"}, args...)...)
	}
	for range 2 {
		status := onTerminal(func(u *ttytest.User) {
			u.Type("echo then=$((2+2)); tty; exit 4\r")
			u.Expect("then=4")
			u.Expect("/dev/pts/")
		})
		if status != 4 {
			t.Errorf("status %d, want 4", status)
		}
	}
	status := onTerminal(func(u *ttytest.User) {
		u.Type("echo ready=$((3+3))\r")
		u.Expect("ready=6")
		u.Type("\x01x")
	})
	if status != 0 {
		t.Errorf("left by Ctrl-A x: status %d", status)
	}
	if status = onTerminal(func(u *ttytest.User) { u.Expect("no such program in the guest") }, "--", "nope"); status != 127 {
		t.Errorf("a missing program: status %d", status)
	}
	terem(t, "", "ps", "--quiet").want(t, 0, "")
}

// onTerminal runs terem on a terminal of so many rows and columns, at which a user does something.
func onTerminal(t *testing.T, size [2]uint16, user func(*ttytest.User), args ...string) int {
	t.Helper()
	keyboard, terminal := ttytest.Open(t)
	ttytest.Resize(t, keyboard, size[0], size[1])
	u := ttytest.NewUser(t, keyboard)
	c := exec.Command("terem", args...)
	c.Stdin, c.Stdout, c.Stderr = terminal, terminal, terminal
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	user(u)
	_ = c.Wait() // its status says it
	return c.ProcessState.ExitCode()
}
