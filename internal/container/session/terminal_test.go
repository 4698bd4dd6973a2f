package session

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"terem/internal/cli/tty/ttytest"
	"terem/internal/container"
)

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
	far, tty := ttytest.Open(t)
	before, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	u := ttytest.NewUser(t, far)
	c := container.Config{Root: root, Argv: []string{"/busybox", "sh"}, Env: []string{"PS1=ready> ", "ENV="}, Stdin: tty, Stdout: tty, Stderr: tty}
	done := make(chan int)
	go func() {
		status, err := Run(&Options{Config: c})
		if err != nil {
			t.Error(err)
		}
		done <- status
	}()
	u.Expect("ready> ")
	u.Type("/busybox stty size; /busybox tty\r")
	u.Expect("33 99")
	u.Expect("/dev/pts/0")
	u.Expect("ready> ")
	u.Type("/busybox sleep 1000; echo ended-$?\r")
	time.Sleep(300 * time.Millisecond)
	u.Type("\x03")
	u.Expect("ready> ")
	u.Type("/busybox sleep 1000\r")
	time.Sleep(300 * time.Millisecond)
	u.Type("\x1a")
	u.Expect("Stopped")
	u.Expect("ready> ")
	u.Type("exit 42\r") // refused once, because of the job
	u.Expect("stopped jobs")
	u.Type("exit 42\r")
	select {
	case status := <-done:
		if status != 42 {
			t.Errorf("status %d, want 42", status)
		}
	case <-time.After(20 * time.Second):
		t.Fatalf("the shell does not end: %q", u.Rest(time.Second))
	}
	after, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
	if err != nil || *after != *before {
		t.Errorf("the terminal is not as before: %+v, %+v, %v", after, before, err)
	}
}

func TestQuitKey(t *testing.T) {
	root := newRoot(t)
	far, tty := ttytest.Open(t)
	u := ttytest.NewUser(t, far)
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
	u.Expect("ready")
	u.Type("\x01x")
	u.Expect("terem: ended by Ctrl-A x")
	if status := <-done; status != 0 {
		t.Errorf("status %d", status)
	}
}
