package agent

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// kept starts programs of this machine, and ends those that go on.
type kept struct {
	local
	mu    sync.Mutex
	begun []Process
}

func (k *kept) Start(s Start, files [3]*os.File) (Process, error) {
	p, err := k.local.Start(s, files)
	k.mu.Lock()
	defer k.mu.Unlock()
	if err == nil {
		k.begun = append(k.begun, p)
	}
	return p, err
}

func (k *kept) stop() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, p := range k.begun {
		p.Signal(syscall.SIGKILL)
	}
}

// patiently is the client's end of a connection that is served, and a channel that is closed when it is no more.
func patiently(s Starter, patience time.Duration) (net.Conn, <-chan struct{}) {
	client, server := net.Pipe()
	done := make(chan struct{})
	go func() {
		serve(server, s, patience)
		close(done)
	}()
	return client, done
}

func within(t *testing.T, what string, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal(what)
	}
}

// begin starts a program, and waits until it has said something.
func begin(t *testing.T, c net.Conn, s Start) {
	t.Helper()
	first, err := s.frame()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write(first); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, make([]byte, header+4+header+1)); err != nil { // STARTED, and the first byte of STDOUT
		t.Fatal(err)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// TestServeLetsGo: a program that does not heed a hangup keeps nothing but the goroutine that waits for its end.
func TestServeLetsGo(t *testing.T) {
	var s kept
	defer s.stop()
	const n = 10
	files, goroutines := descriptors(t), runtime.NumGoroutine()
	for range n {
		c, done := patiently(&s, time.Minute)
		begin(t, c, shell("trap '' HUP; echo ready; exec sleep 100"))
		c.Close()
		within(t, "a program holds up the end of its connection", done)
	}
	for i := 0; descriptors(t) > files+n || runtime.NumGoroutine() > goroutines+n; i++ { // os.Process has a descriptor, too
		if i == 300 {
			t.Fatalf("%d descriptors, %d before; %d goroutines, %d before", descriptors(t), files, runtime.NumGoroutine(), goroutines)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// TestServeBreaksPipe: a program that goes on writing is told by an error.
func TestServeBreaksPipe(t *testing.T) {
	var s kept
	defer s.stop()
	mark := filepath.Join(t.TempDir(), "mark")
	c, done := patiently(&s, time.Minute)
	begin(t, c, shell("trap '' HUP; echo ready; cat /dev/zero; echo over >"+mark))
	c.Close()
	within(t, "a program holds up the end of its connection", done)
	for i := 0; ; i++ {
		if b, err := os.ReadFile(mark); err == nil && string(b) == "over\n" {
			return
		}
		if i == 1000 {
			t.Fatal("the program still waits for a reader")
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// TestServeSilent: who says nothing, or not all of START, is let go.
func TestServeSilent(t *testing.T) {
	for _, says := range []string{"", "\x01\x10\x00\x00\x00"} {
		c, done := patiently(nil, 50*time.Millisecond)
		defer c.Close()
		if _, err := io.WriteString(c, says); err != nil {
			t.Fatal(err)
		}
		within(t, "a silent client stays", done)
	}
}

// TestServeNoSignal: one that there is not breaks the rules, as in a guest.
func TestServeNoSignal(t *testing.T) {
	for sig, want := range map[string]error{"\x09": nil, "\x00": syscall.EPROTO, "\x41": syscall.EPROTO} {
		var s kept
		defer s.stop()
		c, done := patiently(&s, time.Minute)
		begin(t, c, shell("echo x; exec sleep 100"))
		go c.Write(frame(signal, sig))
		said, err := io.ReadAll(c)
		if err != nil {
			t.Fatal(err)
		}
		end := string(frame(exit, "\x01\x09"))
		if want != nil {
			end = string(frame(failure, "\x47\x00\x00\x00frame"))
		}
		if !strings.HasSuffix(string(said), end) {
			t.Errorf("signal %q: %q", sig, said)
		}
		within(t, "it is still served", done)
	}
}

func TestErrnoOf(t *testing.T) {
	if n := errnoOf(os.NewSyscallError("pipe2", syscall.ENFILE)); n != syscall.ENFILE {
		t.Errorf("%v", n)
	}
	if n := errnoOf(errors.New("?")); n != syscall.EIO {
		t.Errorf("%v", n)
	}
}
