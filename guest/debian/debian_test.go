package debian

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"terem/internal/cli/tty/ttytest"
)

// What `make test-debian` sets: the image, and the terem to boot it with.
const (
	imageVar = "TEREM_DEBIAN_IMAGE"
	teremVar = "TEREM_BINARY"
)

// patience bounds a boot, a login and an orderly end; on a software backend they take one minute of a quiet host.
const patience = 12 * time.Minute

// TestLogin boots to the login prompt on a terminal, logs in, looks round and powers off. The image stays as it is:
// an overlay takes what the guest writes, and holds a file system that was left in order.
func TestLogin(t *testing.T) {
	base, terem := os.Getenv(imageVar), os.Getenv(teremVar)
	if testing.Short() || base == "" || terem == "" {
		t.Skip("boots Debian, in a minute or more: run `make test-debian`")
	}
	overlay := filepath.Join(t.TempDir(), "overlay")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c := start(ctx, t, terem, "run", "--disk", base+",overlay="+overlay)

	c.expect("debian login: ")
	c.enter("root")
	c.expect("root@debian:~# ")
	c.enter("echo Debian-$(cat /etc/debian_version); mount | grep ' / '; ps -o pid= -C init; poweroff")
	c.expect("Debian-12.")
	c.expect("/dev/vda on / type ext4 (rw,")
	c.expect("    1\r\n")
	if err := c.end(); err != nil {
		t.Errorf("terem: %v; the screen:\n%s", err, c.screen)
	}

	out, err := exec.CommandContext(ctx, terem, "disk", "check", overlay).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "the file system (ext4): clean\n") {
		t.Errorf("disk check: %v, %s", err, out)
	}
}

// console is the user's side of a terminal with a terem on it.
type console struct {
	t        *testing.T
	keyboard *os.File
	cmd      *exec.Cmd
	output   chan []byte // closed when the terminal is
	screen   []byte      // all that came so far
	seen     int         // how much of it was expected
}

func start(ctx context.Context, t *testing.T, name string, args ...string) *console {
	t.Helper()
	keyboard, terminal := ttytest.Open(t)
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(unix.SIGTERM) }
	cmd.WaitDelay = 30 * time.Second
	cmd.Stdin, cmd.Stdout, cmd.Stderr = terminal, terminal, terminal
	cmd.SysProcAttr = &unix.SysProcAttr{Setsid: true, Setctty: true}
	err := cmd.Start()
	terminal.Close() // the process has it: what it leaves open ends the output
	if err != nil {
		t.Fatal(err)
	}
	c := &console{t: t, keyboard: keyboard, cmd: cmd, output: make(chan []byte)}
	go c.read()
	t.Cleanup(func() { // after a failure; at the end there is nothing left to do
		if cmd.ProcessState == nil {
			_ = cmd.Cancel()
			_ = c.end()
		}
	})
	return c
}

// read hands on what appears until nobody has the terminal open any more.
func (c *console) read() {
	defer close(c.output)
	for {
		b := make([]byte, 4096)
		n, err := c.keyboard.Read(b)
		if n > 0 {
			c.output <- b[:n]
		}
		if err != nil {
			return
		}
	}
}

// expect waits until a text has appeared after the one that was expected before.
func (c *console) expect(text string) {
	c.t.Helper()
	for {
		if i := bytes.Index(c.screen[c.seen:], []byte(text)); i >= 0 {
			c.seen += i + len(text)
			return
		}
		b, more := <-c.output
		if !more {
			c.t.Fatalf("the guest ended, or was ended, before it said %q; the screen:\n%s", text, c.screen)
		}
		c.screen = append(c.screen, b...)
	}
}

func (c *console) enter(line string) {
	c.t.Helper()
	if _, err := io.WriteString(c.keyboard, line+"\r"); err != nil {
		c.t.Fatal(err)
	}
}

// end waits for terem's end.
func (c *console) end() error {
	for b := range c.output {
		c.screen = append(c.screen, b...)
	}
	return c.cmd.Wait()
}
