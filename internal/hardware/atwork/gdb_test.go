package atwork

import (
	"bufio"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"terem/guest"
)

// stub is a client of terem's gdb server.
type stub struct {
	t    *testing.T
	conn net.Conn
	r    *bufio.Reader
}

// meetStub connects to a machine that has just been started.
func meetStub(t *testing.T, path string) *stub {
	t.Helper()
	for end := time.Now().Add(limit); ; time.Sleep(50 * time.Millisecond) {
		conn, err := net.Dial("unix", path)
		if err == nil {
			t.Cleanup(func() { conn.Close() })
			s := &stub{t, conn, bufio.NewReader(conn)}
			s.want("QStartNoAckMode", "OK")
			return s
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

func (s *stub) send(text string) {
	s.t.Helper()
	sum := byte(0)
	for i := range len(text) {
		sum += text[i]
	}
	if _, err := fmt.Fprintf(s.conn, "$%s#%02x", text, sum); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stub) answer() string {
	s.t.Helper()
	_ = s.conn.SetReadDeadline(time.Now().Add(limit))
	text, err := s.r.ReadString('#')
	if err == nil {
		_, err = s.r.Discard(2)
	}
	if err != nil {
		s.t.Fatalf("no answer: %q, %v", text, err)
	}
	_, text, _ = strings.Cut(text, "$")
	return strings.TrimSuffix(text, "#")
}

func (s *stub) ask(text string) string {
	s.t.Helper()
	s.send(text)
	return s.answer()
}

func (s *stub) want(text, answer string) {
	s.t.Helper()
	if got := s.ask(text); got != answer {
		s.t.Fatalf("%s: %q, want %q", text, got, answer)
	}
}

// number asks for 8 bytes, of a register or of memory.
func (s *stub) number(text string) (n uint64) {
	s.t.Helper()
	b, err := hex.DecodeString(s.ask(text))
	if err != nil || len(b) != 8 {
		s.t.Fatalf("%s: % x, %v", text, b, err)
	}
	for i := range b {
		n |= uint64(b[i]) << (8 * i)
	}
	return n
}

const (
	rip = "p10"
	rsp = "p7"
)

// kernelSymbols are addresses in the default guest's kernel.
func kernelSymbols(t *testing.T, names ...string) (addrs []uint64) {
	t.Helper()
	dir, err := guest.DefaultCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	a, err := guest.Find(dir)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(a.SystemMap)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		before, _, found := strings.Cut(string(b), " "+name+"\n")
		line := before[strings.LastIndexByte(before, '\n')+1:]
		addr, err := strconv.ParseUint(strings.Fields(line)[0], 16, 64)
		if !found || err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		addrs = append(addrs, addr)
	}
	return addrs
}

// background starts terem with a debugger's socket and gives that.
//
// Its input says when the guest may go on, so that no test depends on how fast that is.
func debugged(t *testing.T, args ...string) (path string, c *exec.Cmd, in io.WriteCloser, out *strings.Builder) {
	t.Helper()
	dir, err := os.MkdirTemp("", "gdb")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path = filepath.Join(dir, "s")
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	t.Cleanup(cancel)
	c = exec.CommandContext(ctx, "terem", append([]string{"run", "--quiet", "--gdb", "unix:" + path}, args...)...)
	out = &strings.Builder{}
	c.Stdout, c.Stderr = out, out
	in, err = c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
		if t.Failed() {
			t.Logf("terem says %q", out)
		}
	})
	return path, c, in, out
}

// TestGDB: a kernel waits before its first instruction, comes to start_kernel, which its caller has called, and goes on step by step;
// every vCPU is a thread; Ctrl-C stops the machine in the middle; the end has the command's status.
func TestGDB(t *testing.T) {
	emulated(t)
	own(t)
	sym := kernelSymbols(t, "start_kernel", "x86_64_start_reservations", "x86_64_start_kernel", "start_secondary", "jiffies_64")
	path, c, in, out := debugged(t, "--cpus", "2", "--", "sh", "-c", "read x; exit 7")
	s := meetStub(t, path)
	s.want("?", "T05thread:1;")
	if at := s.number(rip); at > 1<<32 {
		t.Errorf("the first instruction at %#x: it has run", at)
	}
	start := sym[0]
	s.want(fmt.Sprintf("Z0,%x,1", start), "OK")
	s.want(fmt.Sprintf("Z1,%x,1", sym[3]), "OK")
	s.want("vCont;c", "T05thread:1;swbreak:;")
	if at := s.number(rip); at != start {
		t.Fatalf("it stops at %#x, and start_kernel is %#x", at, start)
	}
	if from := s.number(fmt.Sprintf("m%x,8", s.number(rsp))); from < min(sym[1], sym[2]) || from > max(sym[1], sym[2])+0x400 {
		t.Errorf("start_kernel returns to %#x", from)
	}
	s.want(fmt.Sprintf("z0,%x,1", start), "OK")
	for range 3 {
		last := s.number(rip)
		s.want("vCont;s:1", "T05thread:1;")
		if at := s.number(rip); at == last {
			t.Fatalf("a step at %#x leads nowhere", at)
		}
	}
	s.want("vCont;c", "T05thread:2;hwbreak:;") // the second vCPU comes up
	s.want(fmt.Sprintf("z1,%x,1", sym[3]), "OK")
	s.want(fmt.Sprintf("Z2,%x,8", sym[4]), "OK")
	if got := s.ask("vCont;c"); !strings.HasSuffix(got, fmt.Sprintf("watch:%x;", sym[4])) {
		t.Errorf("a tick: %q", got)
	}
	s.want(fmt.Sprintf("z2,%x,8", sym[4]), "OK")
	s.send("vCont;c")
	_, _ = s.conn.Write([]byte{3})
	if got := s.answer(); !strings.HasPrefix(got, "T02thread:") {
		t.Fatalf("after Ctrl-C: %q", got)
	}
	if _, err := in.Write([]byte("\n")); err != nil {
		t.Fatal(err)
	}
	s.want("vCont;c", "W07")
	if err := c.Wait(); c.ProcessState.ExitCode() != 7 {
		t.Errorf("%v; %s", err, out)
	}
}

// TestGDBGone: a gdb that is gone leaves a machine that waits, or one that runs, as it was; one that detaches leaves one that runs.
func TestGDBGone(t *testing.T) {
	emulated(t)
	own(t)
	path, c, in, out := debugged(t, "--", "sh", "-c", "read x; echo $x")
	s := meetStub(t, path)
	s.want("?", "T05thread:1;")
	s.conn.Close()
	s = nextStub(t, path)
	s.want("D", "OK")
	s = nextStub(t, path)
	s.send("vCont;c")
	if b, err := s.r.ReadByte(); b != '+' { // else it may be lost before it is heard
		t.Fatalf("no acknowledgement: %q, %v", b, err)
	}
	s.conn.Close()
	if _, err := in.Write([]byte("hi\n")); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err != nil || out.String() != "hi\n" {
		t.Errorf("%v; %s", err, out)
	}
}

// nextStub connects once the connection before is over, of which the other side hears later.
func nextStub(t *testing.T, path string) *stub {
	t.Helper()
	for end := time.Now().Add(limit); ; time.Sleep(10 * time.Millisecond) {
		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		s := &stub{t, conn, bufio.NewReader(conn)}
		switch got := s.ask("?"); {
		case got == "T05thread:1;":
			return s
		case !strings.HasPrefix(got, "E.another gdb"):
			t.Fatalf("the next gdb is told %q", got)
		case time.Now().After(end):
			t.Fatal("the gdb before is not over")
		}
		conn.Close()
	}
}
