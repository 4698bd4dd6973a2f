package atwork

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
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
		{args: "-d web sleep 300"},
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
