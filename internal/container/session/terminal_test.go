package session

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"terem/internal/container"
)

// newTerminal is a terminal: what a program would have, and the user's side of it.
func newTerminal(t *testing.T) (tty, user *os.File) {
	t.Helper()
	user, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip(err)
	}
	n, err := unix.IoctlGetUint32(int(user.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(user.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(int(user.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 33, Col: 99})
	}
	if err != nil {
		t.Fatal(err)
	}
	tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return tty, user
}

// user types at a terminal and reads what it shows.
type user struct {
	t     *testing.T
	f     *os.File
	shown chan string
	all   strings.Builder
}

func newUser(t *testing.T, f *os.File) *user {
	u := &user{t: t, f: f, shown: make(chan string, 100)}
	go func() {
		for buf := make([]byte, 4096); ; {
			n, err := f.Read(buf)
			if err != nil {
				close(u.shown)
				return
			}
			u.shown <- string(buf[:n])
		}
	}()
	return u
}

// expect waits until the terminal has shown a text, and forgets all up to it.
func (u *user) expect(text string) {
	u.t.Helper()
	timeout := time.After(20 * time.Second)
	for !strings.Contains(u.all.String(), text) {
		select {
		case s := <-u.shown:
			u.all.WriteString(s)
		case <-timeout:
			u.t.Fatalf("the terminal shows %q, not %q", u.all.String(), text)
		}
	}
	_, rest, _ := strings.Cut(u.all.String(), text)
	u.all.Reset()
	u.all.WriteString(rest)
}

func (u *user) types(text string) {
	u.t.Helper()
	if _, err := u.f.WriteString(text); err != nil {
		u.t.Fatal(err)
	}
}

// TestJobControl types at a shell. What it prints is put together from parts, so that the
// echo of a command is not taken for its output.
func TestJobControl(t *testing.T) {
	root := newRoot(t)
	b, err := os.ReadFile("/bin/busybox")
	if err != nil {
		t.Skip("needs a static busybox")
	}
	if err := os.WriteFile(filepath.Join(root, "busybox"), b, 0o755); err != nil {
		t.Fatal(err)
	}
	tty, far := newTerminal(t)
	t.Cleanup(func() { far.Close() })
	before, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	u := newUser(t, far)
	c := container.Config{Root: root, Argv: []string{"/busybox", "sh"}, Env: []string{"PS1=ready> ", "ENV="}, Stdin: tty, Stdout: tty, Stderr: tty}
	done := make(chan int)
	go func() {
		status, err := Run(&Options{Config: c})
		if err != nil {
			t.Error(err)
		}
		done <- status
	}()
	u.expect("ready> ")
	u.types("/busybox stty size; /busybox tty\r")
	u.expect("33 99")
	u.expect("/dev/pts/0")
	u.expect("ready> ")
	u.types("/busybox sleep 1000; echo ended-$?\r")
	time.Sleep(300 * time.Millisecond)
	u.types("\x03")
	u.expect("ready> ")
	u.types("/busybox sleep 1000\r")
	time.Sleep(300 * time.Millisecond)
	u.types("\x1a")
	u.expect("Stopped")
	u.expect("ready> ")
	u.types("exit 42\r") // refused once, because of the job
	u.expect("stopped jobs")
	u.types("exit 42\r")
	select {
	case status := <-done:
		if status != 42 {
			t.Errorf("status %d, want 42", status)
		}
	case <-time.After(20 * time.Second):
		for len(u.shown) > 0 {
			u.all.WriteString(<-u.shown)
		}
		t.Fatalf("the shell does not end: %q", u.all.String())
	}
	after, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
	if err != nil || *after != *before {
		t.Errorf("the terminal is not as before: %+v, %+v, %v", after, before, err)
	}
}

func TestQuitKey(t *testing.T) {
	root := newRoot(t)
	tty, far := newTerminal(t)
	t.Cleanup(func() { far.Close() })
	u := newUser(t, far)
	c := config(root, "deaf")
	c.Stdin, c.Stdout, c.Stderr = tty, tty, tty
	done := make(chan int)
	go func() {
		status, err := Run(&Options{Config: c})
		if err != nil {
			t.Error(err)
		}
		done <- status
	}()
	u.expect("ready")
	u.types("\x01x")
	u.expect("terem: ended by Ctrl-A x")
	if status := <-done; status != 0 {
		t.Errorf("status %d", status)
	}
}
