package session

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"terem/internal/cli/tty/ttytest"
	"terem/internal/container"
)

func TestOnce(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "a": "a", "a\r\nb\r\n": "a\nb\n", "a\rb": "a\rb", "\r\r\n": "\r\n", "a\r": "a", "\r": "", "a\nb\r\n\r": "a\nb\n",
	} {
		less, kept := once([]byte(text))
		if string(less) != want || kept == 1 != strings.HasSuffix(text, "\r") {
			t.Errorf("%q: %q and %d kept; want %q", text, less, kept, want)
		}
	}
}

// TestBackground: what a job in the background shows has each carriage return once.
func TestBackground(t *testing.T) {
	root := newRoot(t)
	keyboard, tty := openTerminal(t)
	u := ttytest.NewUser(t, keyboard)
	cmd := exec.Command("sh", "-m", "-c", `"$0" flood 2000 & wait`, "")
	cmd.Args[4] = fmt.Sprintf("/proc/%d/exe", os.Getpid()) // the test's own, not the shell's
	cmd.Env = append(os.Environ(), playerRoot+"="+root)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Run(); err != nil {
		t.Error(err)
	}
	shown := u.Rest(200 * time.Millisecond)
	if strings.Count(shown, "\r\n") < 2000 || strings.Contains(shown, "\r\r") || !strings.Contains(shown, "line 000000\r\nline 000001\r\n") {
		t.Errorf("the terminal shows %d bytes, %.200q", len(shown), shown)
	}
}

// TestClosedAndOpened: a program may close its terminal and open it again.
func TestClosedAndOpened(t *testing.T) {
	root := shellRoot(t)
	keyboard, tty := openTerminal(t)
	u := ttytest.NewUser(t, keyboard)
	c := container.Config{Root: root, Argv: []string{"/busybox", "sh", "-c", "exec <&- >&- 2>&-; /busybox sleep 1; echo late >/dev/tty"}}
	c.Stdin, c.Stdout, c.Stderr = tty, tty, tty
	done := begin(t, c)
	u.Expect("late")
	if status := <-done; status != 0 {
		t.Errorf("status %d", status)
	}
}
