package agent

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// local starts programs as children of the test.
type local struct{ gone bool }

type child struct{ cmd *exec.Cmd }

func (l local) Start(s Start, files [3]*os.File) (Process, error) {
	if l.gone {
		return nil, ErrGone
	}
	c := exec.Command(s.Argv[0], s.Argv[1:]...)
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if files[0] != nil {
		c.Stdin, c.Stdout, c.Stderr = files[0], files[1], files[2]
	}
	var no syscall.Errno
	if err := c.Start(); errors.As(err, &no) {
		return nil, &StartError{no, "execve"}
	} else if err != nil {
		return nil, &StartError{syscall.ENOENT, "execve"}
	}
	return child{c}, nil
}

func (c child) Pid() uint32        { return uint32(c.cmd.Process.Pid) }
func (c child) Terminal() *os.File { return nil }
func (c child) Resize(Size)        {}

func (c child) Signal(s syscall.Signal) { _ = syscall.Kill(-c.cmd.Process.Pid, s) }

func (c child) Wait() (Status, error) {
	_ = c.cmd.Wait() // its state says it
	ws := c.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if ws.Signaled() {
		return Status{Signal: ws.Signal()}, nil
	}
	return Status{Code: ws.ExitStatus()}, nil
}

// served is a connection with Serve at the other end.
func served(t testing.TB, s Starter) *net.UnixConn {
	t.Helper()
	ours, theirs := socketPair(t)
	done := make(chan struct{})
	go func() { Serve(theirs, s); close(done) }()
	t.Cleanup(func() {
		ours.Close()
		<-done
	})
	return ours
}

func socketPair(t testing.TB) (a, b *net.UnixConn) {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	var conns [2]*net.UnixConn
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "pair")
		c, err := net.FileConn(f)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		conns[i] = c.(*net.UnixConn)
	}
	return conns[0], conns[1]
}

// TestServe: both sides of the protocol, and a program in between.
func TestServe(t *testing.T) {
	big := strings.Repeat("0123456789abcdef", 20_000)
	for name, tt := range map[string]struct {
		s     Start
		input string
		want  answer
	}{
		"argv":     {Start{Argv: []string{"printf", "%s|", "a b", "", "é\n"}}, "", answer{out: "a b||é\n|"}},
		"streams":  {shell("echo out; echo err >&2; exit 3"), "", answer{status: Status{Code: 3}, out: "out\n", errs: "err\n"}},
		"input":    {shell("cat; echo end"), big, answer{out: big + "end\n"}},
		"unread":   {shell("exec <&-; exit 2"), big, answer{status: Status{Code: 2}}},
		"signal":   {shell("kill -9 $$"), "", answer{status: Status{Signal: syscall.SIGKILL}}},
		"missing":  {Start{Argv: []string{"no-such-program"}}, "", answer{err: &StartError{syscall.ENOENT, "execve"}}},
		"detached": {Start{Argv: []string{"true"}, Detach: true}, "", answer{}},
		"left":     {shell("echo hi; sleep 60 & exit 1"), "", answer{status: Status{Code: 1}, out: "hi\n"}},
		"much":     {shell("head -c 3000000 /dev/zero | tr '\\0' x; sleep 60 &"), "", answer{out: strings.Repeat("x", 3000000)}},
		"two":      {shell("for i in $(seq 200); do echo o$i; echo e$i >&2; done"), "", answer{out: numbered("o", 200), errs: numbered("e", 200)}},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errs bytes.Buffer
			st, err := Exec(served(t, local{}), tt.s, Streams{Stdin: strings.NewReader(tt.input), Stdout: &out, Stderr: &errs})
			if got := (answer{st, err, out.String(), errs.String()}); !sameAnswer(got, tt.want) {
				t.Errorf("%.200v, want %.200v", got, tt.want)
			}
		})
	}
	if _, err := Exec(served(t, local{gone: true}), shell("true"), Streams{}); !errors.Is(err, ErrGone) {
		t.Errorf("nothing is started any more: %v", err)
	}
}

func numbered(word string, n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(word + itoa(i+1) + "\n")
	}
	return b.String()
}

func itoa(n int) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return itoa(n/10) + itoa(n%10)
}

// TestServeSignals: they reach the program, and so does the end of who started it.
func TestServeSignals(t *testing.T) {
	signals := make(chan syscall.Signal, 1)
	st, err := Exec(served(t, local{}), shell("trap 'exit 5' TERM; echo ready; while :; do sleep 0.1; done"), Streams{Signals: signals, Stdout: writer(func(p []byte) (int, error) {
		signals <- syscall.SIGTERM
		return len(p), nil
	})})
	if err != nil || st.Code != 5 {
		t.Errorf("%+v, %v", st, err)
	}
	pid := make(chan uint32, 1)
	c := served(t, local{})
	go func() {
		_, _ = Exec(c, shell("sleep 1000"), Streams{Started: func(n uint32) { pid <- n }})
	}()
	n := int(<-pid)
	c.Close()
	for range 1000 {
		if syscall.Kill(n, 0) != nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("a program outlives its connection")
}

// TestServeStalled: a user who reads nothing holds up only his own program, and can still go.
func TestServeStalled(t *testing.T) {
	c := served(t, local{})
	first, err := (&Start{Argv: []string{"sh", "-c", "yes"}}).frame()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write(first); err != nil {
		t.Fatal(err)
	}
	time.Sleep(50 * time.Millisecond) // and the cleanup waits for Serve
}

// TestServeRefuses: who does not keep to the protocol is told so, and harms nobody.
func TestServeRefuses(t *testing.T) {
	begun := func(more ...[]byte) []byte {
		f, err := (&Start{Argv: []string{"sleep", "1000"}}).frame()
		if err != nil {
			t.Fatal(err)
		}
		return append(f, bytes.Join(more, nil)...)
	}
	over := bytes.Repeat([]byte{1}, window+1)
	for name, tt := range map[string]struct {
		says []byte
		want StartError
	}{
		"no START":         {appendFrame(nil, stdin, 1), StartError{syscall.EPROTO, "frame"}},
		"too long":         {claim(start, maxFrame+1), StartError{syscall.EPROTO, "frame"}},
		"empty":            {appendFrame(nil, start), StartError{syscall.EINVAL, "start"}},
		"no NUL":           {frame(start, "\x00\x00\x00\x00\x00\x00\x01\x00a\x00b\x00c"), StartError{syscall.EINVAL, "start"}},
		"no argv":          {frame(start, "\x00\x00\x00\x00\x00\x00\x00\x00a\x00b\x00"), StartError{syscall.EINVAL, "start"}},
		"short argv":       {frame(start, "\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00a\x00"), StartError{syscall.EINVAL, "start"}},
		"flags":            {frame(start, "\x04\x00\x00\x00\x00\x00\x01\x00\x00\x00a\x00"), StartError{syscall.EINVAL, "start"}},
		"both flags":       {frame(start, "\x03\x00\x00\x00\x00\x00\x01\x00\x00\x00a\x00"), StartError{syscall.EINVAL, "start"}},
		"many arguments":   {frame(start, "\x00\x00\x00\x00\x00\x00\x01\x10\x00\x00a\x00"), StartError{syscall.E2BIG, "start"}},
		"many variables":   {frame(start, "\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00a\x00"+strings.Repeat("x\x00", maxEnv+1)), StartError{syscall.E2BIG, "start"}},
		"START twice":      {begun(begun()), StartError{syscall.EPROTO, "frame"}},
		"window":           {begun(appendFrame(nil, stdin, over[:window]...), appendFrame(nil, stdin, over...)), StartError{syscall.EPROTO, "frame"}},
		"odd RESIZE":       {begun(appendFrame(nil, resize, 1)), StartError{syscall.EPROTO, "frame"}},
		"odd SIGNAL":       {begun(appendFrame(nil, signal)), StartError{syscall.EPROTO, "frame"}},
		"SIGNAL_ALL":       {begun(appendFrame(nil, signalAll, 9)), StartError{syscall.EPROTO, "frame"}},
		"a guest's frame":  {begun(appendFrame(nil, stdout, 9)), StartError{syscall.EPROTO, "frame"}},
		"no signal at all": {begun(appendFrame(nil, signal, 0), appendFrame(nil, signal, 65), appendFrame(nil, signal, 0, 0)), StartError{syscall.EPROTO, "frame"}},
	} {
		t.Run(name, func(t *testing.T) {
			c := served(t, local{})
			go func() { _, _ = c.Write(tt.says) }() // it may hang up in the middle
			st, err := Attach(quiet{c}, Streams{})
			var no *StartError
			if !errors.As(err, &no) || *no != tt.want {
				t.Errorf("%+v, %v, want %v", st, err, &tt.want)
			}
		})
	}
}

// quiet is a connection of which only what it says matters.
type quiet struct{ *net.UnixConn }

func (quiet) Write(p []byte) (int, error) { return len(p), nil }

// TestServeLeavesNothing: no goroutine and no descriptor stays, however a connection ends.
func TestServeLeavesNothing(t *testing.T) {
	descriptors := func() int {
		list, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	goroutines, files := runtime.NumGoroutine(), 0
	for round := range 2 {
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				a, b := socketPair(t)
				go Serve(b, local{})
				_, _ = Exec(a, shell("cat >/dev/null; echo hi"), Streams{Stdin: strings.NewReader("x"), Stdout: io.Discard})
			})
			wg.Go(func() { // says nothing, and goes
				a, b := socketPair(t)
				a.Close()
				Serve(b, local{})
			})
		}
		wg.Wait()
		if round == 0 {
			files = descriptors() // those that the runtime keeps
		}
	}
	for range 500 {
		if runtime.NumGoroutine() <= goroutines && descriptors() <= files {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines, before %d; %d descriptors, before %d", runtime.NumGoroutine(), goroutines, descriptors(), files)
}

// FuzzStart: what a host sends as START becomes one that it could have sent, or is refused.
func FuzzStart(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00a\x00"))
	f.Add([]byte("\x01\x00\x18\x00\x50\x00\x02\x00web\x00/tmp\x00sh\x00-i\x00A=1\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := parseStart(b)
		var no *StartError
		if err != nil {
			if !errors.As(err, &no) {
				t.Error(err)
			}
			return
		}
		again, err := s.frame()
		if err != nil && len(b) < maxFrame-header {
			t.Fatalf("%+v: %v", s, err)
		}
		if err != nil {
			return
		}
		if back, err := parseStart(again[header:]); err != nil || !reflect.DeepEqual(s, back) {
			t.Errorf("%+v became %+v, %v", s, back, err)
		}
	})
}
