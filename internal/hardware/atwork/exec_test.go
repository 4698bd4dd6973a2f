package atwork

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"terem/internal/cli/tty/ttytest"
)

// TestExec: programs in a machine that runs, as somebody who knows other tools expects.
func TestExec(t *testing.T) {
	emulated(t)
	own(t)
	terem(t, "", "run", "--detach", "--name", "web", "--", "sleep", "1000").want(t, 0, "web\n")
	defer func() { terem(t, "", "kill", "web").want(t, 0, "") }()
	terem(t, "", "exec", "web", "echo", "waits for the guest to boot").want(t, 0, "waits for the guest to boot\n")
	big := strings.Repeat("0123456789\n", 100_000)
	for _, tt := range []struct {
		args, in string
		status   int
		out, err string
	}{
		{args: "web true"},
		{args: "web sh -c exit~7", status: 7},
		{args: "web sh -c kill~-9~$$", status: 137},
		{args: "web sh -c echo~o;echo~e~>&2;exit~3", status: 3, out: "o\n", err: "e\n"},
		{args: "-w /etc -e A=b -u 1000:1000 web sh -c pwd;echo~$A;id~-u;id~-g", out: "/etc\nb\n1000\n1000\n"},
		{args: "web cat", in: "nobody reads it"},
		{args: "-i web cat", in: big, out: big},
		{args: "web sh -c echo~hi;sleep~300&", out: "hi\n"},
		{args: "-D web sleep 300"},
		{args: "web nope", status: 127, err: "terem: nope: no such program in the guest\n"},
		{args: "web /etc", status: 126, err: "terem: /etc: the guest cannot execute it: permission denied\n"},
		{args: "-u nosuch web id", status: 126, err: "terem: id: no such user or group in the guest\n"},
		{args: "nope true", status: 64, err: "terem: name nope: nothing of yours runs under that name; see `terem ps`\n"},
	} {
		args := strings.Fields(tt.args)
		for i := range args {
			args[i] = strings.ReplaceAll(args[i], "~", " ")
		}
		if s := terem(t, tt.in, append([]string{"exec"}, args...)...); s.status != tt.status || s.out != tt.out || s.stderr != tt.err {
			t.Errorf("%.60q: status %d, %d bytes %.80q, %q; want %d, %d bytes %.80q, %q", tt.args, s.status, len(s.out), s.out, s.stderr, tt.status, len(tt.out), tt.out, tt.err)
		}
	}
}

// TestExecMany: a crowd at once; each gets what is its own.
func TestExecMany(t *testing.T) {
	emulated(t)
	own(t)
	terem(t, "", "run", "--detach", "--name", "web", "--memory", "512M", "--", "sleep", "1000").want(t, 0, "web\n")
	defer func() { terem(t, "", "kill", "web").want(t, 0, "") }()
	terem(t, "", "exec", "web", "true").want(t, 0, "")
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			terem(t, fmt.Sprintln(i), "exec", "-i", "web", "sh", "-c", "cat; sleep 1; exit 9").want(t, 9, fmt.Sprintln(i))
		})
	}
	wg.Wait()
}

// TestExecEnds: a machine that ends, is killed, or stands still tells those who are in it.
func TestExecEnds(t *testing.T) {
	emulated(t)
	own(t)
	for _, end := range []string{"stop", "kill"} {
		terem(t, "", "run", "--detach", "--name", "web", "--", "sleep", "1000").want(t, 0, "web\n")
		terem(t, "", "exec", "web", "true").want(t, 0, "")
		inside := make(chan said, 1)
		go func() { inside <- terem(t, "", "exec", "web", "sh", "-c", "trap '' TERM; touch /tmp/in; sleep 1000") }()
		for terem(t, "", "exec", "web", "test", "-e", "/tmp/in").status != 0 {
			time.Sleep(50 * time.Millisecond)
		}
		terem(t, "", "pause", "web").want(t, 0, "")
		if s := terem(t, "", "exec", "web", "true"); s.status != 69 || !strings.Contains(s.stderr, "paused") {
			t.Errorf("a machine that stands still: %+v", s)
		}
		terem(t, "", "resume", "web").want(t, 0, "")
		terem(t, "", end, "web").want(t, 0, "")
		if s := <-inside; s.status != 85 && s.status != 137 || end == "kill" && s.status != 85 || strings.Count(s.stderr, "\n") > 1 {
			t.Errorf("%s: %+v", end, s)
		}
	}
}

// TestExecTerminal: a shell in a machine, on a terminal: its size, also when that changes; Ctrl-C is for what runs in the
// shell; Ctrl-A x leaves; a program that is missing does not hang.
func TestExecTerminal(t *testing.T) {
	emulated(t)
	own(t)
	terem(t, "", "run", "--detach", "--name", "web", "--", "sleep", "1000").want(t, 0, "web\n")
	defer func() { terem(t, "", "kill", "web").want(t, 0, "") }()
	resize := func(f *os.File, rows, cols uint16) {
		if err := unix.IoctlSetWinsize(int(f.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: rows, Col: cols}); err != nil {
			t.Fatal(err)
		}
	}
	onTerminal := func(user func(*ttytest.User, *os.File), args ...string) int {
		keyboard, terminal := ttytest.Open(t)
		resize(keyboard, 33, 99)
		u := ttytest.NewUser(t, keyboard)
		c := exec.Command("terem", append([]string{"exec", "-it", "web"}, args...)...)
		c.Stdin, c.Stdout, c.Stderr = terminal, terminal, terminal
		c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		user(u, keyboard)
		_ = c.Wait() // its status says it
		return c.ProcessState.ExitCode()
	}
	status := onTerminal(func(u *ttytest.User, keyboard *os.File) {
		u.Type("stty size\r")
		u.Expect("33 99")
		resize(keyboard, 20, 70)
		for {
			u.Type("stty size | tr ' ' x; echo =$((40+2))\r")
			if strings.Contains(u.Expect("=42"), "20x70") {
				break
			}
		}
		u.Type("sleep 1000; echo interrupted=$((1+1))\r")
		time.Sleep(time.Second) // until the shell has started it
		u.Type("\x03")
		u.Type("echo then=$((2+2)); tty; exit 4\r")
		if said := u.Expect("/dev/pts/"); !strings.Contains(said, "then=4") || strings.Contains(said, "interrupted=2") {
			t.Errorf("after Ctrl-C: %q", said)
		}
	})
	if status != 4 {
		t.Errorf("status %d, want 4", status)
	}
	status = onTerminal(func(u *ttytest.User, _ *os.File) {
		u.Type("echo ready=$((3+3))\r")
		u.Expect("ready=6")
		u.Type("\x01x")
	})
	if status != 0 {
		t.Errorf("left by Ctrl-A x: status %d", status)
	}
	status = onTerminal(func(u *ttytest.User, _ *os.File) { u.Expect("no such program in the guest") }, "nope")
	if status != 127 {
		t.Errorf("a program that is missing: status %d, want 127", status)
	}
}
