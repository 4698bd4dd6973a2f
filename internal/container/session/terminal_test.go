package session

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
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
	far, tty := openTerminal(t)
	before, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	u := ttytest.NewUser(t, far)
	c := container.Config{Root: root, Argv: []string{"/busybox", "sh"}, Env: []string{"PS1=ready> ", "ENV="}, Stdin: tty, Stdout: tty, Stderr: tty}
	done := begin(t, c)
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
	far, tty := openTerminal(t)
	u := ttytest.NewUser(t, far)
	c := config(root, "deaf")
	c.Stdin, c.Stdout, c.Stderr = tty, tty, tty
	done := begin(t, c)
	u.Expect("ready")
	u.Type("\x01x")
	u.Expect("terem: ended by Ctrl-A x")
	if status := <-done; status != 0 {
		t.Errorf("status %d", status)
	}
}

// begin runs a session beside the test, and gives its status when it ends.
func begin(t *testing.T, c container.Config) <-chan int {
	done := make(chan int, 1)
	go func() {
		status, err := Run(&Options{Config: c})
		if err != nil {
			t.Error(err)
		}
		done <- status
	}()
	return done
}

// TestPaste types more than a program reads for now, and than any buffer of the kernel's
// holds. Nothing is lost, and terem's own keys are heard behind it.
func TestPaste(t *testing.T) {
	root := newRoot(t)
	far, tty := openTerminal(t)
	u := ttytest.NewUser(t, far)
	c := config(root, "tardy")
	c.Stdin, c.Stdout, c.Stderr = tty, tty, tty
	text := strings.Repeat("eighty thousand lines of ten\n", 28_000)
	sum := fmt.Sprintf("%d %x", len(text), sha256.Sum256([]byte(text)))

	done := begin(t, c)
	u.Expect("ready")
	u.Type(text + "\x04")
	if err := syscall.Kill(os.Getpid(), syscall.SIGUSR1); err != nil {
		t.Error(err)
	}
	u.Expect("read " + sum)
	if status := <-done; status != 0 {
		t.Errorf("status %d", status)
	}

	// The first one reads its terminal for ever.
	far, tty = openTerminal(t)
	u = ttytest.NewUser(t, far)
	c.Stdin, c.Stdout, c.Stderr = tty, tty, tty
	done = begin(t, c)
	u.Expect("ready")
	u.Type(text + "\x01x")
	u.Expect("terem: ended by Ctrl-A x")
	if status := <-done; status != 0 {
		t.Errorf("status %d", status)
	}
}

// TestStalledTerminal: a terminal that takes nothing for a while loses nothing.
func TestStalledTerminal(t *testing.T) {
	root := newRoot(t)
	far, tty := openTerminal(t)
	const lines = 40_000
	c := config(root, "flood", strconv.Itoa(lines))
	c.Stdin, c.Stdout, c.Stderr = tty, tty, tty
	done := begin(t, c)
	time.Sleep(drain + drain/2)
	select {
	case status := <-done:
		t.Fatalf("it ended with status %d though nobody reads", status)
	default:
	}
	u := ttytest.NewUser(t, far)
	for i := 0; i < lines; i += 1000 {
		u.Expect(fmt.Sprintf("line %06d", i))
	}
	u.Expect(fmt.Sprintf("line %06d", lines-1))
	if status := <-done; status != 0 {
		t.Errorf("status %d", status)
	}
}

// TestStalledForGood: a signal ends the wait for a terminal that takes nothing.
func TestStalledForGood(t *testing.T) {
	root := newRoot(t)
	_, tty := openTerminal(t)
	c := config(root, "flood", "40000")
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	c.Stdin, c.Stdout, c.Stderr = tty, tty, null
	done := begin(t, c)
	protect := make(chan os.Signal, 1) // this process, when the session listens no more
	signal.Notify(protect, syscall.SIGHUP)
	defer signal.Stop(protect)
	// The first may reach the program, which runs as long as it is not done with writing.
	for end := time.Now().Add(time.Minute); ; {
		_ = syscall.Kill(os.Getpid(), syscall.SIGHUP)
		select {
		case status := <-done:
			if status != 128+int(syscall.SIGHUP) {
				t.Errorf("status %d", status)
			}
			return
		case <-time.After(500 * time.Millisecond):
			if time.Now().After(end) {
				t.Fatal("it waits for ever")
			}
		}
	}
}

// opened are files that stay open.
var opened []*os.File

// openTerminal is ttytest.Open with a descriptor of the terminal that stays open: a session that ends without its goroutines is the end of
// its process, but not of this one, where they would use a file that the test closes.
func openTerminal(t *testing.T) (keyboard, terminal *os.File) {
	t.Helper()
	keyboard, tty := ttytest.Open(t)
	fd, err := syscall.Dup(int(tty.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	terminal = os.NewFile(uintptr(fd), tty.Name())
	opened = append(opened, terminal)
	return keyboard, terminal
}

// TestStalledForAll: terem ends, though it has a last line for a terminal that takes nothing.
func TestStalledForAll(t *testing.T) {
	root := newRoot(t)
	protect := make(chan os.Signal, 1) // this process, when the session listens no more
	signal.Notify(protect, syscall.SIGTERM)
	defer signal.Stop(protect)
	for _, tt := range []struct {
		name  string
		o     Options
		again func(keyboard *os.File) // the first may come too early
	}{
		{"timeout", Options{Timeout: time.Second, Quiet: true}, func(*os.File) {}},
		{"signal", Options{Verbose: true}, func(*os.File) { _ = syscall.Kill(os.Getpid(), syscall.SIGTERM) }},
		{"key", Options{}, func(keyboard *os.File) { _, _ = keyboard.WriteString("\x01h\x01x") }},
	} {
		keyboard, tty := openTerminal(t) // whose keys no session of before reads
		tt.o.Config = config(root, "flood", "1000000")
		tt.o.Config.Stdin, tt.o.Config.Stdout, tt.o.Config.Stderr = tty, tty, tty
		done := make(chan error, 1)
		go func() {
			_, err := Run(&tt.o)
			done <- err
		}()
		for limit, ended := time.Now().Add(time.Minute), false; !ended; {
			select {
			case err := <-done:
				if ended = true; err != nil {
					t.Errorf("%s: %v", tt.name, err)
				}
			case <-time.After(500 * time.Millisecond):
				if time.Now().After(limit) {
					t.Fatalf("%s: it does not end", tt.name)
				}
				tt.again(keyboard)
			}
		}
	}
}

// TestGoneTerminal: when the user's terminal is gone, the program's is, too.
func TestGoneTerminal(t *testing.T) {
	root := newRoot(t)
	far, tty := openTerminal(t)
	c := config(root, "patient-hangup", "9")
	c.Stdin, c.Stdout, c.Stderr = tty, tty, tty
	done := begin(t, c)
	if lines := bufio.NewScanner(far); !lines.Scan() || lines.Text() != "ready" {
		t.Errorf("the terminal shows %q", lines.Text())
	}
	far.Close()
	if status := <-done; status != 9 {
		t.Errorf("status %d, want the program's own", status)
	}
}
