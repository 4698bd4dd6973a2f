package agent

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// held starts a program that stands still, and has a look at it before it goes on. It returns what came of it.
func (a *guestAgent) held(t *testing.T, s Start, input string, look func(pid int)) (r answer) {
	t.Helper()
	var out, errs bytes.Buffer
	s.Hold = true
	looked := false
	r.status, r.err = Exec(a.call(t), s, Streams{Stdin: strings.NewReader(input), Stdout: &out, Stderr: &errs, Held: func() error {
		looked = true
		look(a.child(t))
		return nil
	}})
	if !looked && r.err == nil {
		t.Errorf("%q did not stand still", s.Argv)
	}
	r.out, r.errs = out.String(), errs.String()
	return r
}

// child is the agent's only one.
func (a *guestAgent) child(t *testing.T) int {
	pid := strconv.Itoa(a.cmd.Process.Pid)
	b, err := os.ReadFile(filepath.Join("/proc", pid, "task", pid, "children"))
	if err != nil {
		t.Error(err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		t.Errorf("children %q", b)
	}
	return n
}

func proc(t *testing.T, pid int, file string) string {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), file))
	if err != nil {
		t.Error(err)
	}
	return string(b)
}

// TestGuestHolds: a program that stands still is executed and has done nothing; afterwards it is as any other.
func TestGuestHolds(t *testing.T) {
	a := startAgent(t)
	for name, s := range map[string]Start{
		"static or not": {Argv: []string{"sh", "-c", "cat; echo err >&2; exit 7"}},
		"a directory":   {Argv: []string{"sh", "-c", "cat; echo err >&2; exit 7"}, Dir: "/"}, // which is another way to start it
	} {
		r := a.held(t, s, "some\x04thing", func(pid int) {
			if line := proc(t, pid, "cmdline"); !strings.HasPrefix(line, "sh\x00-c\x00") {
				t.Errorf("%s: it is %q", name, line)
			}
			if state := proc(t, pid, "status"); !strings.Contains(state, "State:\tt (tracing stop)") {
				t.Errorf("%s: it does not stand still: %s", name, state)
			}
			if maps := proc(t, pid, "maps"); strings.Contains(maps, "libc.so") {
				t.Errorf("%s: its loader has run: %s", name, maps)
			}
		})
		if r.err != nil || r.status.Code != 7 || r.out != "some\x04thing" || r.errs != "err\n" {
			t.Errorf("%s: %+v", name, r)
		}
	}
	r := a.held(t, shell("grep TracerPid /proc/self/status; kill -TERM $$"), "", func(int) {})
	if r.err != nil || r.status.Signal != syscall.SIGTERM || r.out != "TracerPid:\t0\n" {
		t.Errorf("a signal: %+v", r)
	}
}

// TestGuestHoldTerminal: it has the size that its host has when it goes on.
func TestGuestHoldTerminal(t *testing.T) {
	a := startAgent(t)
	var out bytes.Buffer
	s := Start{Argv: []string{"stty", "size"}, TTY: true, Hold: true, Rows: 30, Cols: 90}
	st, err := Exec(a.call(t), s, Streams{Stdout: &out})
	if err != nil || st.Code != 0 || out.String() != "30 90\r\n" {
		t.Errorf("%v, %v, %q", st, err, out.String())
	}
}

// TestGuestHoldRandom: its random bytes are not those that the kernel drew for it, and so are nobody's else.
func TestGuestHoldRandom(t *testing.T) {
	a := startAgent(t)
	in, end := io.Pipe()
	var drawn, given []byte
	_, err := Exec(a.call(t), Start{Argv: []string{"cat", "-", "-"}, Env: []string{"A=1", "B="}, Hold: true}, Streams{
		Stdin: in,
		Held: func() error {
			drawn = randomOf(t, a.child(t))
			return nil
		},
		Started: func(pid uint32) {
			given = randomOf(t, int(pid))
			end.Close()
		},
	})
	if err != nil || bytes.Equal(drawn[:8], given[:8]) || bytes.Equal(drawn[8:], given[8:]) {
		t.Errorf("%v; the kernel drew %x, and it was given %x", err, drawn, given)
	}
}

// randomOf reads the 16 bytes at AT_RANDOM of a process (getauxval(3)).
func randomOf(t *testing.T, pid int) []byte {
	const atRandom, size = 25, 16
	b := make([]byte, size)
	auxv := []byte(proc(t, pid, "auxv"))
	for ; len(auxv) >= 16; auxv = auxv[16:] {
		if binary.LittleEndian.Uint64(auxv) != atRandom {
			continue
		}
		f, err := os.Open(filepath.Join("/proc", strconv.Itoa(pid), "mem"))
		if err != nil {
			t.Error(err)
			return b
		}
		defer f.Close()
		if _, err := f.ReadAt(b, int64(binary.LittleEndian.Uint64(auxv[8:]))); err != nil {
			t.Error(err)
		}
		return b
	}
	t.Error("it has no random bytes")
	return b
}

// TestGuestHoldSetUser: whoever traces is root, and so a set-user-ID program has its rights, in whatever way it is started.
func TestGuestHoldSetUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("not root")
	}
	dir, err := os.MkdirTemp("/var/tmp", "hold") // users can get there
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	program := filepath.Join(dir, "id")
	b, err := os.ReadFile("/usr/bin/id")
	if err == nil {
		err = errors.Join(os.WriteFile(program, b, 0o755), os.Chmod(program, 0o755|os.ModeSetuid), os.Chmod(dir, 0o755))
	}
	if err != nil {
		t.Fatal(err)
	}
	a := startAgent(t)
	s := Start{Argv: []string{program, "-u"}, User: "54321"}
	want := a.run(t, s, "")
	if r := a.held(t, s, "", func(int) {}); r.err != nil || r.out != want.out {
		t.Errorf("%+v; without standing still it is %+v", r, want)
	}
	if want.out != "0\n" {
		t.Log("here a set-user-ID program has no rights anyway")
	}
}

// TestGuestHoldEnds: what cannot be executed says so, and who is killed while he stands still has ended so.
func TestGuestHoldEnds(t *testing.T) {
	a := startAgent(t)
	never := func(int) { t.Error("what is not there stands still") }
	for _, dir := range []string{"", "/"} {
		var no *StartError
		r := a.held(t, Start{Argv: []string{"no-such-program"}, Dir: dir}, "", never)
		if !errors.As(r.err, &no) || no.Exit() != 127 {
			t.Errorf("a program that is not there: %+v", r)
		}
		if r = a.held(t, Start{Argv: []string{"/etc/passwd"}, Dir: dir}, "", never); !errors.As(r.err, &no) || no.Exit() != 126 {
			t.Errorf("what is no program: %+v", r)
		}
	}
	r := a.held(t, shell("exit 3"), "", func(pid int) {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Error(err)
		}
	})
	if r.err != nil || r.status.Signal != syscall.SIGKILL {
		t.Errorf("killed: %+v", r)
	}
	r = a.held(t, shell("exit 3"), "", func(pid int) {
		if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
			t.Error(err)
		}
	})
	if r.err != nil || r.status.Signal != syscall.SIGTERM {
		t.Errorf("a signal before it goes on: %+v", r)
	}
}

// TestGuestHoldForgotten: a host that goes leaves nothing that stands still.
func TestGuestHoldForgotten(t *testing.T) {
	a := startAgent(t)
	c := a.call(t)
	first, err := (&Start{Argv: []string{"true"}, Hold: true}).frame()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write(first); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, header+4)
	if _, err := io.ReadFull(c, b); err != nil || kind(b[0]) != held {
		t.Fatalf("%x, %v", b, err)
	}
	pid := a.child(t)
	c.Close()
	for i := 0; syscall.Kill(pid, 0) == nil; i++ {
		if i == 500 {
			t.Fatal("it still stands there")
		}
		time.Sleep(10 * time.Millisecond)
	}
	if r := a.run(t, shell("echo hi"), ""); r.out != "hi\n" {
		t.Errorf("afterwards: %+v", r)
	}
}

// TestHeld: what a guest may say of a program that stands still, and when.
func TestHeld(t *testing.T) {
	stands := frame(held, "\x07\x00\x00\x00")
	for name, tt := range map[string]struct {
		says []byte
		hold bool
		err  string
	}{
		"once":              {fromGuest(stands, begins, ends), true, ""},
		"not at all":        {fromGuest(begins, ends), true, ""},
		"unasked":           {fromGuest(stands, begins, ends), false, "nobody has asked for"},
		"twice":             {fromGuest(stands, stands, begins, ends), true, "nobody has asked for"},
		"when it runs":      {fromGuest(begins, stands, ends), true, "where it has no place"},
		"short":             {fromGuest(frame(held, ""), begins, ends), true, "a frame 22 of 0 bytes"},
		"output of a stone": {fromGuest(stands, frame(stdout, "x"), begins, ends), true, "where it has no place"},
	} {
		t.Run(name, func(t *testing.T) {
			calls := 0
			_, err := Exec(peer(t, tt.says, 1<<20), Start{Argv: []string{"x"}, Hold: tt.hold}, Streams{Held: func() error {
				calls++
				return nil
			}})
			if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) || calls > 1 {
				t.Errorf("%v, looked at %d times", err, calls)
			}
		})
	}
}

// TestResume: the size of a terminal is the new host's.
func TestResume(t *testing.T) {
	host, guest := net.Pipe()
	heard := make(chan []byte)
	go listen(guest, heard)
	go func() {
		guest.Write(frame(held, "\x07\x00\x00\x00"))
		if f := <-heard; !bytes.Equal(f, frame(goOn, "\x18\x00\x50\x00")) {
			t.Errorf("the host said %x", f)
		}
		guest.Write(fromGuest(begins, ends))
		for range heard {
		}
	}()
	if st, err := Resume(host, Size{24, 80}, Streams{}); err != nil || st.Code != 3 {
		t.Errorf("%v, %v", st, err)
	}
}

// TestGuestHoldStorm: signals that come before its first instruction stop a program that is traced, and hold up nobody.
func TestGuestHoldStorm(t *testing.T) {
	a := startAgent(t)
	over := make(chan struct{})
	var storm sync.WaitGroup
	children := filepath.Join("/proc", strconv.Itoa(a.cmd.Process.Pid), "task", strconv.Itoa(a.cmd.Process.Pid), "children")
	storm.Go(func() {
		for {
			select {
			case <-over:
				return
			default:
			}
			b, _ := os.ReadFile(children)
			for _, f := range strings.Fields(string(b)) {
				if pid, err := strconv.Atoi(f); err == nil {
					_ = syscall.Kill(pid, syscall.SIGWINCH)
				}
			}
		}
	})
	stuck := time.AfterFunc(time.Minute, func() {
		t.Error("the agent serves nobody any more")
		a.cmd.Process.Kill()
	})
	for i := range 100 {
		s := Start{Argv: []string{"sh", "-c", "exit 3"}, Hold: true}
		st, err := Exec(a.call(t), s, Streams{})
		if err != nil || st.Code != 3 {
			t.Fatalf("%d: %+v, %v", i, st, err)
		}
	}
	stuck.Stop()
	close(over)
	storm.Wait()
}

// TestGuestHoldSignal: a signal that its host has for a program that stands still comes to it when it goes on.
func TestGuestHoldSignal(t *testing.T) {
	a := startAgent(t)
	c := a.call(t)
	first, err := (&Start{Argv: []string{"sleep", "100"}, Hold: true}).frame()
	if err != nil {
		t.Fatal(err)
	}
	hear := func(k kind, rest string) {
		t.Helper()
		b := make([]byte, header+len(rest))
		if _, err := io.ReadFull(c, b); err != nil || kind(b[0]) != k || k == exit && string(b[header:]) != rest {
			t.Fatalf("%x, %v; want a frame %d", b, err, k)
		}
	}
	say := func(b []byte) {
		t.Helper()
		if _, err := c.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	say(first)
	hear(held, "1234")
	pid := a.child(t)
	say(frame(signal, "\x0f"))
	if r := a.run(t, shell("echo hi"), ""); r.out != "hi\n" { // by then the signal has been heard
		t.Errorf("%+v", r)
	}
	status := proc(t, pid, "status")
	for _, pending := range []string{"SigPnd:\t0000000000000000\n", "ShdPnd:\t0000000000000000\n"} {
		if !strings.Contains(status, pending) {
			t.Errorf("a signal waits in the program: %s", status)
		}
	}
	say(frame(goOn, "\x00\x00\x00\x00"))
	hear(started, "1234")
	hear(exit, "\x01\x0f")
}

// TestHeldFirst: a host has no signal for a program before that goes, and it does not go if what it stood still for has failed.
func TestHeldFirst(t *testing.T) {
	for _, failed := range []error{nil, errors.New("the disk is full")} {
		host, guest := net.Pipe()
		heard := make(chan []byte)
		go listen(guest, heard)
		go func() {
			<-heard // START
			guest.Write(frame(held, "\x07\x00\x00\x00"))
			f, ok := <-heard
			if ok != (failed == nil) || ok && kind(f[0]) != goOn {
				t.Errorf("%v: the host said %x", failed, f)
			}
			if ok {
				guest.Write(begins)
				for f := range heard {
					if kind(f[0]) == signal { // beside the end of the input
						break
					}
				}
				guest.Write(ends)
			}
			for range heard {
			}
		}()
		signals := make(chan syscall.Signal, 1)
		signals <- syscall.SIGTERM
		_, err := Exec(host, Start{Argv: []string{"x"}, Hold: true}, Streams{Signals: signals, Held: func() error { return failed }})
		if !errors.Is(err, failed) {
			t.Errorf("%v, want %v", err, failed)
		}
	}
}
