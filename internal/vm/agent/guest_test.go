package agent

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	hangups "os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	guest "terem/guest/agent"
	"terem/guest/bare/baretest"
)

// guestAgent is the agent that a guest has, running on this machine, built so that it ends at its first mistake.
type guestAgent struct {
	path string
	cmd  *exec.Cmd
}

// startAgent starts the agent of the guest.
func startAgent(t testing.TB) *guestAgent {
	t.Helper()
	a := &guestAgent{path: filepath.Join(t.TempDir(), "s")}
	a.cmd = exec.Command(program(t), a.path)
	a.cmd.Stderr = os.Stderr
	a.cmd.Env = append(os.Environ(), "ASAN_OPTIONS=detect_leaks=0")
	if err := a.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.cmd.Process.Signal(syscall.Signal(0)); err != nil {
			t.Errorf("the agent has ended: %v", err)
		}
		a.cmd.Process.Kill()
		err := a.cmd.Wait()
		if ws, ok := a.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || ws.Signal() != syscall.SIGKILL {
			t.Errorf("the agent has ended by itself: %v", err)
		}
	})
	for range 500 {
		if c, err := net.Dial("unix", a.path); err == nil {
			c.Close()
			return a
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("the agent does not listen")
	return nil
}

var compiled struct {
	sync.Mutex
	path string
}

// program compiles the agent once for all tests.
func program(t testing.TB) string {
	t.Helper()
	compiled.Lock()
	defer compiled.Unlock()
	if compiled.path != "" {
		return compiled.path
	}
	b, err := os.ReadFile(baretest.CompileChecked(t, guest.Program()))
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "agent")
	if err != nil {
		t.Fatal(err)
	}
	compiled.path = filepath.Join(dir, "agent")
	if err := os.WriteFile(compiled.path, b, 0o700); err != nil {
		t.Fatal(err)
	}
	return compiled.path
}

// markVar makes the tests' program one that says it is ready and, at a SIGHUP, writes a file of that name. (A shell may lose a
// trap to a child with which it shares its memory.)
const markVar = "TEREM_TEST_MARK"

func waitForHangup(mark string) {
	heard := make(chan os.Signal, 1)
	hangups.Notify(heard, syscall.SIGHUP)
	os.Stdout.WriteString("ready\n")
	<-heard
	if err := os.WriteFile(mark, []byte("hup\n"), 0o600); err != nil {
		os.Exit(1)
	}
	os.Exit(0)
}

func TestMain(m *testing.M) {
	if mark := os.Getenv(markVar); mark != "" {
		waitForHangup(mark)
	}
	status := m.Run()
	if compiled.path != "" {
		os.RemoveAll(filepath.Dir(compiled.path))
	}
	os.Exit(status)
}

func (a *guestAgent) call(t testing.TB) *net.UnixConn {
	t.Helper()
	c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: a.path, Net: "unix"})
	for i := 0; i < 1000 && errors.Is(err, syscall.EAGAIN); i++ { // more calls wait than it has had time for
		time.Sleep(10 * time.Millisecond)
		c, err = net.DialUnix("unix", nil, &net.UnixAddr{Name: a.path, Net: "unix"})
	}
	if err != nil {
		t.Error(err)
		runtime.Goexit()
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// answer is what came of a program.
type answer struct {
	status    Status
	err       error
	out, errs string
}

func (a *guestAgent) run(t *testing.T, s Start, input string) (r answer) {
	t.Helper()
	var out, errs bytes.Buffer
	r.status, r.err = Exec(a.call(t), s, Streams{Stdin: strings.NewReader(input), Stdout: &out, Stderr: &errs})
	r.out, r.errs = out.String(), errs.String()
	return r
}

func shell(script string, more ...string) Start {
	return Start{Argv: append([]string{"sh", "-c", script}, more...)}
}

func TestGuestStarts(t *testing.T) {
	a := startAgent(t)
	for name, tt := range map[string]struct {
		s     Start
		input string
		want  answer
	}{
		"argv":              {Start{Argv: []string{"printf", "%s|", "a b", "", "é\n"}}, "", answer{out: "a b||é\n|"}},
		"streams":           {shell("echo out; echo err >&2; exit 3"), "", answer{status: Status{Code: 3}, out: "out\n", errs: "err\n"}},
		"input":             {shell("cat; echo end"), "some input", answer{out: "some inputend\n"}},
		"signal":            {shell("kill -9 $$"), "", answer{status: Status{Signal: syscall.SIGKILL}}},
		"directory":         {Start{Argv: []string{"pwd"}, Dir: "/usr/bin"}, "", answer{out: "/usr/bin\n"}},
		"default":           {shell("pwd; echo $HOME $USER $PATH"), "", answer{out: "/\n/root root /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"}},
		"variables":         {Start{Argv: []string{"sh", "-c", "echo $A $HOME"}, Env: []string{"A=1", "HOME=/x", "A=2"}}, "", answer{out: "2 /x\n"}},
		"their path":        {Start{Argv: []string{"cat", "/dev/null"}, Env: []string{"PATH=/nowhere"}}, "", answer{err: &StartError{syscall.ENOENT, "execve"}}},
		"missing":           {Start{Argv: []string{"no-such-program"}}, "", answer{err: &StartError{syscall.ENOENT, "execve"}}},
		"missing, terminal": {Start{Argv: []string{"/no/such"}, TTY: true}, "", answer{err: &StartError{syscall.ENOENT, "execve"}}},
		"a directory":       {Start{Argv: []string{"/usr"}}, "", answer{err: &StartError{syscall.EACCES, "execve"}}},
		"no directory":      {Start{Argv: []string{"true"}, Dir: "/no/such"}, "", answer{err: &StartError{syscall.ENOENT, "chdir"}}},
		"nobody":            {Start{Argv: []string{"true"}, User: "no-such-user"}, "", answer{err: &StartError{syscall.ENOENT, "user"}}},
		"no group":          {Start{Argv: []string{"true"}, User: "0:no-such-group"}, "", answer{err: &StartError{syscall.ENOENT, "user"}}},
		"empty name":        {Start{Argv: []string{""}}, "", answer{err: &StartError{syscall.ENOENT, "execve"}}},
		"detached":          {Start{Argv: []string{"true"}, Detach: true}, "", answer{}},
		"detached, missing": {Start{Argv: []string{"no-such-program"}, Detach: true}, "", answer{err: &StartError{syscall.ENOENT, "execve"}}},
		"its own group":     {shell("ps -o pid=,pgid=,sid= -p $$ | { read a b c; [ $a = $b ] && [ $a = $c ] && echo leads; }"), "", answer{out: "leads\n"}},
		"signals":           {shell("grep -E 'Sig(Blk|Ign)' /proc/self/status"), "", answer{out: "SigBlk:\t0000000000000000\n" + ignored(t)}},
		"descriptors":       {shell("for i in 3 4 5 6 7 8 9; do [ -e /proc/$$/fd/$i ] && echo $i; done; true"), "", answer{}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := a.run(t, tt.s, tt.input); !sameAnswer(got, tt.want) {
				t.Errorf("%+v, want %+v", got, tt.want)
			}
		})
	}
}

// ignored is the line of proc(5) about the signals that this program ignores, as whoever started it wanted, and so the agent.
func ignored(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if strings.HasPrefix(line, "SigIgn:") {
			return line
		}
	}
	t.Fatal("proc has no SigIgn")
	return ""
}

func sameAnswer(a, b answer) bool {
	var x, y *StartError
	if errors.As(a.err, &x) != errors.As(b.err, &y) || x != nil && *x != *y || x == nil && !errors.Is(a.err, b.err) {
		return false
	}
	a.err, b.err = nil, nil
	return a == b
}

// TestGuestUsers: they are looked up in the guest. As root alone, since who is not cannot become another.
func TestGuestUsers(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("not root")
	}
	a := startAgent(t)
	for user, want := range map[string]string{
		"":            "0:0",
		"root":        "0:0",
		"nobody":      "65534:65534",
		"65534":       "65534:65534",
		"4242":        "4242:0",
		"4242:17":     "4242:17",
		"nobody:root": "65534:0",
		"daemon:4243": "1:4243",
	} {
		r := a.run(t, Start{Argv: []string{"sh", "-c", "echo $(id -u):$(id -g)"}, User: user}, "")
		if r.out != want+"\n" || r.err != nil {
			t.Errorf("%q: %+v, want %s", user, r, want)
		}
	}
	r := a.run(t, Start{Argv: []string{"sh", "-c", "id -G; echo $HOME $USER $LOGNAME; echo named >/dev/stdout"}, User: "nobody"}, "")
	if r.out != "65534\n/nonexistent nobody nobody\nnamed\n" {
		t.Errorf("%+v", r)
	}
}

// TestGuestTerminal: it has the size that was asked for, follows changes, and is the user's.
func TestGuestTerminal(t *testing.T) {
	a := startAgent(t)
	var out watcher
	sizes := make(chan Size)
	in, inW := io.Pipe()
	go func() {
		out.wait("ready")
		sizes <- Size{50, 132}
		out.wait("50 132")
		io.WriteString(inW, "\x03")
	}()
	status, err := Exec(a.call(t), Start{Argv: []string{"sh", "-c", "stty size; tty; echo ready; until [ \"$(stty size)\" = \"50 132\" ]; do sleep 0.02; done; stty size; exec sleep 100"}, TTY: true, Rows: 24, Cols: 80},
		Streams{Stdin: in, Stdout: &out, Resize: sizes})
	if err != nil || status.Signal != syscall.SIGINT {
		t.Errorf("%+v, %v", status, err)
	}
	if got := out.String(); !strings.HasPrefix(got, "24 80\r\n/dev/pts/") || !strings.Contains(got, "50 132\r\n") {
		t.Errorf("output %q", got)
	}
	if r := a.run(t, Start{Argv: []string{"cat"}, TTY: true}, "typed\n"); r.out != "typed\r\ntyped\r\n" || r.status != (Status{}) {
		t.Errorf("an input that ends: %+v", r)
	}
	if r := a.run(t, Start{Argv: []string{"seq", "30000"}, TTY: true}, ""); len(r.out) != 30000+168894 || r.err != nil {
		t.Errorf("%d bytes of a long output, %v", len(r.out), r.err)
	}
}

// watcher is an output that somebody waits for.
type watcher struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (w *watcher) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Write(p)
}

func (w *watcher) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.String()
}

func (w *watcher) wait(text string) {
	for range 2000 {
		if strings.Contains(w.String(), text) {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// TestGuestLeavesBehind: what a program has left running delays nothing.
func TestGuestLeavesBehind(t *testing.T) {
	a := startAgent(t)
	since := time.Now()
	r := a.run(t, shell("echo hi; sleep 30 & exit 4"), "")
	if r.out != "hi\n" || r.status.Code != 4 || time.Since(since) > 10*time.Second {
		t.Errorf("after %v: %+v", time.Since(since), r)
	}
	r = a.run(t, shell("yes & echo $!; sleep 0.2; kill -STOP $!; exit 5"), "")
	if r.status.Code != 5 || r.err != nil {
		t.Errorf("status %+v, %v", r.status, r.err)
	}
	pid, _, _ := strings.Cut(r.out, "\n")
	exec.Command("kill", "-KILL", pid).Run()
}

// TestGuestNothingLost: what was written at the end arrives, from both streams, also if nobody reads for a while.
func TestGuestNothingLost(t *testing.T) {
	a := startAgent(t)
	const size = 1 << 20
	for range 5 {
		r := a.run(t, shell(fmt.Sprintf("head -c %d /dev/zero; head -c 65536 /dev/zero >&2", size)), "")
		if len(r.out) != size || len(r.errs) != 65536 || r.err != nil || r.status != (Status{}) {
			t.Errorf("%d and %d bytes, %v", len(r.out), len(r.errs), r.err)
		}
	}
	var out bytes.Buffer
	slow := writer(func(p []byte) (int, error) {
		if out.Len() == 0 {
			time.Sleep(300 * time.Millisecond)
		}
		return out.Write(p)
	})
	status, err := Exec(a.call(t), shell("head -c 60000 /dev/zero; exit 9"), Streams{Stdout: slow})
	if out.Len() != 60000 || status.Code != 9 || err != nil {
		t.Errorf("%d bytes, %+v, %v", out.Len(), status, err)
	}
}

type writer func([]byte) (int, error)

func (f writer) Write(p []byte) (int, error) { return f(p) }

// TestGuestEcho: megabytes through a program come back as they were.
func TestGuestEcho(t *testing.T) {
	a := startAgent(t)
	in := make([]byte, 8<<20)
	for i := range in {
		in[i] = byte(i * i >> 7)
	}
	since := time.Now()
	r := a.run(t, Start{Argv: []string{"cat"}}, string(in))
	if r.out != string(in) || r.err != nil {
		t.Errorf("%d of %d bytes, %v", len(r.out), len(in), r.err)
	}
	t.Logf("%.0f MB/s", float64(len(in))/time.Since(since).Seconds()/1e6)
}

// TestGuestSignals reach a process behind input that it does not read, and its group.
func TestGuestSignals(t *testing.T) {
	a := startAgent(t)
	signals := make(chan syscall.Signal)
	var out watcher
	go func() {
		out.wait("ready")
		time.Sleep(50 * time.Millisecond) // for the input
		signals <- syscall.SIGUSR1
		out.wait("bye")
	}()
	status, err := Exec(a.call(t), shell("trap 'echo bye; exit 7' USR1; sleep 100 & echo ready; wait"),
		Streams{Stdin: endless{}, Stdout: &out, Signals: signals})
	if status.Code != 7 || err != nil || out.String() != "ready\nbye\n" {
		t.Errorf("%+v, %v, %q", status, err, out.String())
	}
}

// endless is an input that is always there.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'y'
	}
	return len(p), nil
}

// TestGuestInputUnread: who does not read his input, or closes it, ends all the same.
func TestGuestInputUnread(t *testing.T) {
	a := startAgent(t)
	for _, script := range []string{"echo done", "exec <&-; sleep 0.2; echo done", "sleep 0.2; echo done", "head -n 1 </dev/null; sleep 0.2; echo done"} {
		var out bytes.Buffer
		status, err := Exec(a.call(t), shell(script), Streams{Stdin: endless{}, Stdout: &out})
		if out.String() != "done\n" || err != nil || status != (Status{}) {
			t.Errorf("%s: %q, %+v, %v", script, out.String(), status, err)
		}
	}
}

// TestGuestHangsUp: a client that disappears costs its program a SIGHUP, with a terminal and without.
func TestGuestHangsUp(t *testing.T) {
	a := startAgent(t)
	for _, terminal := range []bool{false, true} {
		mark := filepath.Join(t.TempDir(), "mark")
		s := Start{Argv: []string{os.Args[0]}, Env: []string{markVar + "=" + mark}, TTY: terminal}
		c := a.call(t)
		_, err := Exec(c, s, Streams{Stdout: writer(func([]byte) (int, error) { return 0, io.ErrClosedPipe })})
		var broken *OutputError
		if !errors.As(err, &broken) || !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("error %v", err)
		}
		for i := 0; ; i++ {
			if b, err := os.ReadFile(mark); err == nil && len(b) > 0 {
				break
			}
			if i == 1000 {
				t.Fatalf("no SIGHUP (terminal %t)", terminal)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
}

// TestGuestMany: two hundred at once, and one that reads nothing does not hold them up.
func TestGuestMany(t *testing.T) {
	a := startAgent(t)
	stalled := a.call(t)
	first, err := (&Start{Argv: []string{"yes"}}).frame()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stalled.Write(first); err != nil {
		t.Fatal(err)
	}
	silent := make([]net.Conn, 20)
	for i := range silent {
		silent[i] = a.call(t)
	}
	var all sync.WaitGroup
	for i := range 200 {
		all.Go(func() {
			r := a.run(t, shell("cat; exit $0", fmt.Sprint(i%100)), fmt.Sprint("number ", i))
			if r.out != fmt.Sprint("number ", i) || r.status.Code != i%100 || r.err != nil {
				t.Errorf("%d: %+v", i, r)
			}
		})
	}
	all.Wait()
}

// TestGuestFull: more connections than it takes. The silent make room, and when there is none left, it says so.
func TestGuestFull(t *testing.T) {
	a := startAgent(t)
	var held []*net.UnixConn
	for range 600 {
		held = append(held, a.call(t))
	}
	if r := a.run(t, shell("echo hi"), ""); r.out != "hi\n" || r.err != nil {
		t.Errorf("behind the silent: %+v", r)
	}
	for _, c := range held {
		c.Close()
	}
	first, err := (&Start{Argv: []string{"sleep", "100"}}).frame()
	if err != nil {
		t.Fatal(err)
	}
	held = held[:0]
	for range 512 {
		c := a.call(t)
		if _, err := c.Write(first); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c, make([]byte, header+4)); err != nil {
			t.Fatal(err)
		}
		held = append(held, c)
	}
	var full *StartError
	if r := a.run(t, shell("echo hi"), ""); !errors.As(r.err, &full) || full.Step != "connections" {
		t.Errorf("when it is full: %+v", r)
	}
	for _, c := range held {
		c.Close()
	}
	for i := 0; ; i++ {
		r := a.run(t, shell("ulimit -n; exit 1"), "")
		if r.status.Code == 1 {
			break
		}
		if i == 100 {
			t.Fatalf("there is no place after all have gone: %+v", r)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// TestGuestTerminalClosed: a program that closes its terminal for a while is not hung up, and costs nothing.
func TestGuestTerminalClosed(t *testing.T) {
	a := startAgent(t)
	before := a.ticks(t)
	r := a.run(t, Start{Argv: []string{"sh", "-c", "t=$(tty); exec <&- >&- 2>&-; sleep 1; echo back >$t; exit 3"}, TTY: true}, "")
	if r.out != "back\r\n" || r.status.Code != 3 || r.err != nil {
		t.Errorf("%+v", r)
	}
	if spent := a.ticks(t) - before; spent > 30 {
		t.Errorf("%d ticks of processor time", spent)
	}
}
