package container

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// ticks is the processor time of a process, in clock ticks.
func ticks(t *testing.T, pid int) uint64 {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	return parseStat(string(stat), statTimes)
}

// TestPause: all processes stand still, those too that came later, and go on; a program cannot enter meanwhile.
func TestPause(t *testing.T) {
	needRoot(t)
	run(t, Config{}, "exit", "0")
	before := survey(t)
	r := begin(t, Config{}, "spin", "3600000")
	p, err := r.Exec(Program{Argv: []string{"/probe", "spin", "3600000"}})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := errors.Join(r.Pause(), r.Pause()); err != nil {
			t.Fatal(err)
		}
		was := [2]uint64{ticks(t, r.Pid()), ticks(t, p.Pid())}
		time.Sleep(100 * time.Millisecond)
		if now := [2]uint64{ticks(t, r.Pid()), ticks(t, p.Pid())}; now != was {
			t.Errorf("paused, they went from %d to %d", was, now)
		}
		var no *Refusal
		if _, err := r.Exec(Program{Argv: []string{"/probe"}}); !errors.As(err, &no) || no.Errno != unix.EAGAIN {
			t.Errorf("while it is paused: %v", err)
		}
		if u, err := r.Usage(); err != nil || u.CPU == 0 || u.Memory == 0 {
			t.Errorf("usage: %+v, %v", u, err)
		}
		if err := errors.Join(r.Resume(), r.Resume()); err != nil {
			t.Fatal(err)
		}
		eventually(t, "they go on", func() bool { return ticks(t, r.Pid()) > was[0] && ticks(t, p.Pid()) > was[1] })
	}
	if err := r.Pause(); err != nil {
		t.Fatal(err)
	}
	if err := r.Kill(); err != nil { // which thaws
		t.Error(err)
	}
	if _, err := p.Wait(); !errors.Is(err, ErrEnded) {
		t.Errorf("a program in it: %v", err)
	}
	if _, o := r.end(); o.Signal != syscall.SIGKILL {
		t.Errorf("%+v", o)
	}
	r.out.Close()
	nothingLeft(t, before)
	if err := r.Pause(); !errors.Is(err, ErrEnded) {
		t.Errorf("after its end: %v", err)
	}
}

// TestPauseFamily: a container that makes processes all the time stands still all the same.
func TestPauseFamily(t *testing.T) {
	needRoot(t)
	r := begin(t, Config{Limits: Limits{PIDs: 200}}, "children", "1000")
	if err := r.Pause(); err != nil {
		t.Fatal(err)
	}
	list, err := r.processes()
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(50 * time.Millisecond)
	if now, err := r.processes(); err != nil || len(now) != len(list) {
		t.Errorf("%d processes, then %d, %v", len(list), len(now), err)
	}
	if err := r.Kill(); err != nil {
		t.Error(err)
	}
	r.end()
}

// TestPausedOrphan: what a terem that was killed has left frozen is thawed by the next one, and dies.
func TestPausedOrphan(t *testing.T) {
	needRoot(t)
	if unified() {
		t.Skip("what is frozen dies at once in version 2")
	}
	root := newRoot(t)
	c := exec.Command("/proc/self/exe")
	c.Args = []string{holderName, root, "sleep"}
	c.Env = append(os.Environ(), pauseIt)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	said := make([]byte, 100)
	n, err := out.Read(said)
	if err != nil || !strings.HasPrefix(string(said[:n]), "holding ") {
		t.Fatalf("%q, %v", said[:n], err)
	}
	pid := strings.Fields(string(said[:n]))[1]
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait() // killed
	eventually(t, "the orphan is gone", func() bool {
		run(t, Config{Root: root}, "exit", "0")
		_, err := os.Stat("/proc/" + pid)
		return err != nil
	})
	eventually(t, "its groups too", func() bool {
		run(t, Config{Root: root}, "exit", "0")
		return len(ownGroups(t)) == 0
	})
}
