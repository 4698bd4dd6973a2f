package atwork

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// vsockGuest is a guest in which this test binary listens.
type vsockGuest struct {
	path string // of the socket
	c    *exec.Cmd
	out  *bufio.Reader
}

// startVsock boots it. The program is on a disk.
func startVsock(t *testing.T, args ...string) *vsockGuest {
	t.Helper()
	dir := t.TempDir()
	program, err := os.ReadFile(must(os.Executable()))
	if err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(dir, "root")
	if err := os.Mkdir(root, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "server"), program, 0o755); err != nil {
		t.Fatal(err)
	}
	disk := filepath.Join(dir, "disk")
	if s := terem(t, "", "disk", "from-dir", root, disk); s.status != 0 {
		t.Fatalf("disk from-dir: status %d, %q", s.status, s.stderr)
	}
	g := &vsockGuest{path: filepath.Join(dir, "v")}
	args = append([]string{"run", "--vsock", g.path, "--disk", disk + ",ro", "--root", "none"}, args...)
	g.c = exec.Command("terem", append(args, "--", "sh", "-c", "mount -o ro /dev/vda /mnt && exec /mnt/server "+vsockServer)...)
	g.c.Stderr = os.Stderr
	out, err := g.c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := g.c.Start(); err != nil {
		t.Fatal(err)
	}
	guard := time.AfterFunc(2*limit, func() { _ = g.c.Process.Kill() })
	t.Cleanup(func() { guard.Stop(); _ = g.c.Process.Kill(); _ = g.c.Wait() })
	g.out = bufio.NewReader(out)
	if line, err := g.out.ReadString('\n'); line != "listening\n" {
		t.Fatalf("the guest says %q, %v", line, err)
	}
	return g
}

// dial connects to a port of the guest, or gives the reason why not.
func (g *vsockGuest) dial(port int) (*net.UnixConn, error) {
	c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: g.path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	_ = c.SetDeadline(time.Now().Add(limit))
	fmt.Fprintf(c, "CONNECT %d\n", port)
	var line []byte
	for b := []byte{0}; b[0] != '\n'; line = append(line, b[0]) {
		if _, err := io.ReadFull(c, b); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	if !strings.HasPrefix(string(line), "OK ") {
		return nil, errors.Join(errors.New(string(line)), c.Close())
	}
	return c, nil
}

func (g *vsockGuest) mustDial(t *testing.T, port int) *net.UnixConn {
	t.Helper()
	c, err := g.dial(port)
	if err != nil {
		t.Fatalf("port %d: %v", port, err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// TestVsock: streams between programs of the host and of a Linux guest.
func TestVsock(t *testing.T) {
	emulated(t)
	g := startVsock(t)
	t.Run("refuses", func(t *testing.T) {
		start := time.Now()
		if c, err := g.dial(portNobody); err == nil || !strings.HasPrefix(err.Error(), "ERR connection refused") {
			t.Errorf("%v, %v", c, err)
		}
		t.Logf("refused after %v", time.Since(start))
	})
	t.Run("echo", g.testEcho)
	t.Run("half-close", g.testHalfClose)
	t.Run("slow reader", g.testSlowReader)
	t.Run("throughput", g.testThroughput)
	t.Run("goes away", g.testGoesAway)
	t.Run("calls", g.testCalls)
	t.Run("300 at once", g.testMany)
	t.Run("leaves nothing", g.testLeavesNothing)
	g.mustDial(t, portEnd)
	rest, err := io.ReadAll(g.out)
	if len(rest) > 0 || err != nil {
		t.Errorf("the guest says %q, %v", rest, err)
	}
	if err := g.c.Wait(); err != nil {
		t.Error(err)
	}
}

func (g *vsockGuest) testEcho(t *testing.T) {
	c := g.mustDial(t, portEcho)
	start := time.Now()
	const rounds = 50
	for i := range rounds {
		msg := fmt.Sprintf("message %d", i)
		if _, err := io.WriteString(c, msg); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, len(msg))
		if _, err := io.ReadFull(c, b); err != nil || string(b) != msg {
			t.Fatalf("%q came back as %q, %v", msg, b, err)
		}
	}
	t.Logf("a round trip: %v", time.Since(start)/rounds)
}

// testHalfClose: the guest answers when we have said all.
func (g *vsockGuest) testHalfClose(t *testing.T) {
	want := make([]byte, 1<<20)
	for i := range want {
		want[i] = byte(i*7 + i>>8 + i>>16)
	}
	c := g.mustDial(t, portWhole)
	if _, err := c.Write(want); err != nil {
		t.Fatal(err)
	}
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(c); !bytes.Equal(got, want) || err != nil {
		t.Errorf("%d bytes came back, %v; want the %d that were sent", len(got), err, len(want))
	}
}

// testSlowReader: one that does not read holds up nobody else, and gets all in the end.
func (g *vsockGuest) testSlowReader(t *testing.T) {
	const n = 4 << 20
	slow := g.mustDial(t, portSource)
	if err := binary.Write(slow, binary.LittleEndian, uint64(n)); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second)
	g.testEcho(t)
	if got, err := io.Copy(io.Discard, slow); got != n || err != nil {
		t.Errorf("%d bytes came, %v; want %d", got, err, n)
	}
}

func (g *vsockGuest) testThroughput(t *testing.T) {
	const n = 32 << 20
	c := g.mustDial(t, portSource)
	start := time.Now()
	if err := binary.Write(c, binary.LittleEndian, uint64(n)); err != nil {
		t.Fatal(err)
	}
	if got, err := io.Copy(io.Discard, c); got != n || err != nil {
		t.Errorf("%d bytes came, %v; want %d", got, err, n)
	}
	t.Logf("guest to host: %.1f MB/s", n/1e6/time.Since(start).Seconds())
	c = g.mustDial(t, portSink)
	start = time.Now()
	if _, err := io.CopyN(c, zeros{}, n); err != nil {
		t.Fatal(err)
	}
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(c); string(got) != fmt.Sprint(n) || err != nil {
		t.Errorf("the guest has heard %q bytes, %v; want %d", got, err, n)
	}
	t.Logf("host to guest: %.1f MB/s", n/1e6/time.Since(start).Seconds())
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// testGoesAway: a host that goes while the guest sends ends neither the guest's program nor ours.
func (g *vsockGuest) testGoesAway(t *testing.T) {
	for range 20 {
		c := g.mustDial(t, portSource)
		if err := binary.Write(c, binary.LittleEndian, uint64(1<<30)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.CopyN(io.Discard, c, 100_000); err != nil {
			t.Fatal(err)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	g.testEcho(t)
}

// testCalls: the guest calls a program of the host, which is there or not.
func (g *vsockGuest) testCalls(t *testing.T) {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: g.path + "_777", Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	heard := make(chan string, 1)
	go func() {
		c, err := l.AcceptUnix()
		if err != nil {
			heard <- err.Error()
			return
		}
		defer c.Close()
		_, _ = io.WriteString(c, "who is there?")
		_ = c.CloseWrite()
		b, err := io.ReadAll(c)
		heard <- fmt.Sprint(string(b), err)
	}()
	for port, want := range map[uint32]string{777: "done", 778: "connection reset by peer"} {
		c := g.mustDial(t, portCall)
		start := time.Now()
		if err := binary.Write(c, binary.LittleEndian, port); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(c); string(got) != want || err != nil {
			t.Errorf("port %d: %q, %v; want %q", port, got, err, want)
		}
		t.Logf("%q after %v", want, time.Since(start))
	}
	if got := <-heard; got != "who is there?<nil>" {
		t.Errorf("the host's program hears %q", got)
	}
}

// testMany has 300 connections open at the same time, and uses all of them.
func (g *vsockGuest) testMany(t *testing.T) {
	const n = 300
	start := time.Now()
	var all, opened sync.WaitGroup
	opened.Add(n)
	for i := range n {
		all.Go(func() {
			c, err := g.dial(portEcho)
			opened.Done()
			if err != nil {
				t.Errorf("connection %d: %v", i, err)
				return
			}
			defer c.Close()
			opened.Wait()
			msg := bytes.Repeat([]byte{byte(i)}, 5000+i)
			go func() {
				_, _ = c.Write(msg)
				_ = c.CloseWrite()
			}()
			if b, err := io.ReadAll(c); !bytes.Equal(b, msg) || err != nil {
				t.Errorf("connection %d: %d bytes came back, %v", i, len(b), err)
			}
		})
	}
	all.Wait()
	t.Logf("%d connections took %v", n, time.Since(start))
}

// testLeavesNothing opens and closes 300 connections, one after the other, and looks what terem holds afterwards.
func (g *vsockGuest) testLeavesNothing(t *testing.T) {
	held := func() int {
		fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", g.c.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		return len(fds)
	}
	g.testEcho(t)
	runtime.Gosched()
	before := held()
	start := time.Now()
	for range 300 {
		c, err := g.dial(portEcho)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("300 connections, one by one: %v", time.Since(start))
	for deadline := time.Now().Add(30 * time.Second); held() > before; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("terem holds %d descriptors, before %d", held(), before)
		}
	}
}
