package atwork

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"terem/internal/cli/tty/ttytest"
)

// ownRandom is a script that prints the 16 bytes that the kernel has drawn for the shell (AT_RANDOM, getauxval(3)) and where they are.
const ownRandom = `at=$(od -An -v -t u8 /proc/$$/auxv | awk '$1 == 25 {print $2}'); echo $at; dd if=/proc/$$/mem bs=1 skip=$at count=16 2>/dev/null | od -An -tx1`

// TestWarmProgram: a command that stood still at its first instruction is as one that has just been started.
func TestWarmProgram(t *testing.T) {
	emulated(t)
	own(t)
	cache := emptyCache(t)
	warm := func(in string, args ...string) said {
		return terem(t, in, append([]string{"run", "--warm=program", "--timeout", "60s"}, args...)...)
	}
	kept := func(want int) {
		t.Helper()
		if l, err := os.ReadDir(cache); err != nil || len(l) != want {
			t.Errorf("the cache has %v, %v; want %d", l, err, want)
		}
	}
	warm("", "--", "nope").wantAll(t, 127, "", "terem: nope: no such program in the guest\n")
	warm("", "--", "/etc/passwd").wantAll(t, 126, "", "terem: /etc/passwd: the guest cannot execute it: permission denied\n")
	kept(1) // the guest that is ready, and nothing of what cannot be executed
	for i, in := range []string{"", "some\x04thing", strings.Repeat("0123456789abcde\n", 20_000)} {
		s := warm(in, "--verbose", "--", "sh", "-c", "cat; echo err >&2; exit 3")
		if s.status != 3 || s.out != in || !strings.HasSuffix(s.stderr, "err\n") || i > 0 && strings.Contains(s.stderr, "no snapshot") {
			t.Errorf("run %d: status %d, %d bytes of %d, %q", i, s.status, len(s.out), len(in), s.stderr)
		}
	}
	kept(2)
	for range 2 {
		warm("", "--", "sh", "-c", "kill -9 $$").want(t, 137, "")
		warm("", "--cpus", "2", "--", "nproc").want(t, 0, "2\n")
		warm("", "--", "sh", "-c", "grep Tracer /proc/self/status; tty").want(t, 1, "TracerPid:\t0\nnot a tty\n")
		if s := warm("", "--", "sh", "-c", "echo c >/proc/sysrq-trigger"); s.status != 82 {
			t.Errorf("a panic: %+v", s)
		}
	}
	if s := terem(t, "", "cache", "ls"); s.status != 0 || !strings.Contains(s.out, `program sh -c "kill -9 $$"`) || !strings.Contains(s.out, "ready\n") {
		t.Errorf("the cache's list: %+v", s)
	}
	for range 10 {
		s := warm("", "--", "date", "+%s")
		if at, err := strconv.ParseInt(strings.TrimSpace(s.out), 10, 64); err != nil || time.Since(time.Unix(at, 0)).Abs() > 30*time.Second {
			t.Errorf("the date is %q", s.out)
		}
	}
}

// TestWarmProgramRandom: machines of one command's snapshot share where it lies, and draw nothing that another one draws.
func TestWarmProgramRandom(t *testing.T) {
	emulated(t)
	own(t)
	emptyCache(t)
	drawn, places := map[string]bool{}, map[string]bool{}
	for range 5 {
		s := terem(t, "", "run", "--warm=program", "--timeout", "60s", "--", "sh", "-c", ownRandom+"; head -c 16 /dev/urandom | od -An -tx1; cat /proc/sys/kernel/random/boot_id")
		lines := strings.Split(strings.TrimSpace(s.out), "\n")
		if s.status != 0 || len(lines) != 4 {
			t.Fatalf("%+v", s)
		}
		places[lines[0]] = true
		for _, l := range lines[1:] {
			if drawn[l] || len(l) < 32 {
				t.Errorf("not of its own: %q in %+v", l, s)
			}
			drawn[l] = true
		}
	}
	if len(places) != 1 {
		t.Errorf("the layout of addresses is another one each time: %v", places)
	}
}

// TestWarmProgramTerminal: the terminal is the user's of now, with his size; Ctrl-C and Ctrl-A x do what they do.
func TestWarmProgramTerminal(t *testing.T) {
	emulated(t)
	own(t)
	emptyCache(t)
	run := []string{"run", "--warm=program", "--timeout", "60s"}
	for _, size := range [][2]uint16{{24, 80}, {50, 132}} {
		status := onTerminal(t, size, func(u *ttytest.User) {
			u.Type("stty size; tty; cat\r")
			u.Expect(fmt.Sprintf("%d %d\r\n", size[0], size[1]))
			u.Expect("/dev/pts/")
			u.Type("typed\r")
			u.Expect("typed\r\ntyped\r\n") // cat is there
			u.Type("\x03")
			u.Expect("# ") // what is typed before that is lost
			u.Type("echo interrupted=$?\r")
			u.Expect("interrupted=130")
			u.Type("exit 4\r")
		}, run...)
		if status != 4 {
			t.Errorf("status %d, want 4", status)
		}
	}
	status := onTerminal(t, [2]uint16{24, 80}, func(u *ttytest.User) {
		u.Type("echo ready=$((3+3))\r")
		u.Expect("ready=6")
		u.Type("\x01x")
	}, run...)
	if status != 0 {
		t.Errorf("left by Ctrl-A x: status %d", status)
	}
	terem(t, "", "ps", "--quiet").want(t, 0, "")
}

// TestWarmProgramRace: those that find no snapshot at the same time all run, and leave one.
func TestWarmProgramRace(t *testing.T) {
	emulated(t)
	own(t)
	cache := emptyCache(t)
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			terem(t, "x", "run", "--warm=program", "--timeout", "60s", "--", "sh", "-c", "cat; exit 5").want(t, 5, "x")
		})
	}
	all.Wait()
	if l, err := os.ReadDir(cache); err != nil || len(l) != 2 {
		t.Errorf("the cache has %v, %v", l, err)
	}
	terem(t, "y", "run", "--warm=program", "--timeout", "60s", "--", "sh", "-c", "cat; exit 5").want(t, 5, "y")
}

// TestSnapshotAt: a snapshot on the way, and what goes on from it.
func TestSnapshotAt(t *testing.T) {
	emulated(t)
	own(t)
	tmp := t.TempDir()
	ready, program, empty := filepath.Join(tmp, "ready"), filepath.Join(tmp, "program"), filepath.Join(tmp, "empty")
	terem(t, "first", "run", "--snapshot-at", "ready="+ready, "--", "sh", "-c", "cat; exit 3").want(t, 3, "first")
	terem(t, "", "snapshot", "verify", ready).want(t, 0, ready+": whole\n")
	terem(t, "again", "restore", ready).want(t, 3, "again")
	terem(t, "again", "restore", ready, "--", "sh", "-c", "cat; exit 4").want(t, 4, "again")
	terem(t, "", "restore", ready, "--", "nope").wantAll(t, 127, "", "terem: nope: no such program in the guest\n")
	refused(t, "it exists; name another directory\n", 64, "run", "--snapshot-at", "ready="+ready, "--", "true")

	terem(t, "first", "run", "--snapshot-at", "program="+program, "--", "sh", "-c", "cat; exit 5").want(t, 5, "first")
	for range 2 {
		terem(t, "again", "restore", program).want(t, 5, "again")
	}
	refused(t, "its programs run already", 64, "restore", program, "--", "true")
	if status := onTerminal(t, [2]uint16{24, 80}, func(u *ttytest.User) { u.Type("typed\r\x04"); u.Expect("typed\r\ntyped\r\n") }, "restore", program); status != 5 {
		t.Errorf("on a terminal: status %d", status)
	}
	terem(t, "", "run", "--snapshot-at", "program="+filepath.Join(tmp, "never"), "--", "nope").wantAll(t, 127, "", "terem: nope: no such program in the guest\n")

	terem(t, "exit 6\n", "run", "--snapshot-at", "ready="+empty).want(t, 6, "")
	terem(t, "", "restore", "--detach", "--name", "waits", empty).want(t, 0, "waits\n")
	terem(t, "", "exec", "waits", "echo", "hi").want(t, 0, "hi\n")
	terem(t, "", "kill", "waits").want(t, 0, "")
	terem(t, "exit 7\n", "restore", empty).want(t, 7, "")
	if l, err := os.ReadDir(tmp); err != nil || len(l) != 3 {
		t.Errorf("left: %v, %v", l, err)
	}
}
