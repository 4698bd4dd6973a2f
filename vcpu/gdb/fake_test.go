package gdb

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// fakeTarget is a machine of two vCPUs and a little memory at base. It stops when it is told to, or when a test says so.
type fakeTarget struct {
	mu     sync.Mutex
	regs   [2]Registers
	mem    []byte
	base   uint64
	points []Breakpoint
	what   []Action // of the last Resume; nil while it stands
	stop   Stop
	halts  int
	wake   chan struct{}
	done   chan struct{}
	killed bool
	early  bool // breakpoints beyond the first wait
	slow   bool // a step does not end
}

const fakeBase = 0xffff_ffff_8100_0000

func newFake() *fakeTarget {
	t := &fakeTarget{base: fakeBase, mem: make([]byte, 0x2000), wake: make(chan struct{}, 1), done: make(chan struct{})}
	t.regs[0].RIP, t.regs[0].RAX, t.regs[0].RSP, t.regs[0].RFLAGS = fakeBase+0x100, 0x1122334455667788, fakeBase+0x1ff0, 2
	t.regs[1].RIP = fakeBase + 0x200
	t.regs[0].CS.Selector, t.regs[0].CR3 = 0x10, 0x5000
	copy(t.regs[0].FX[160:], "sixteen bytes...")
	for i := range t.mem {
		t.mem[i] = 0x90
	}
	return t
}

func (t *fakeTarget) lock() func() { t.mu.Lock(); return t.mu.Unlock }

func (t *fakeTarget) CPUs() int            { return len(t.regs) }
func (t *fakeTarget) About(cpu int) string { return fmt.Sprintf("vCPU %d", cpu) }
func (t *fakeTarget) Registers(cpu int) (Registers, error) {
	defer t.lock()()
	return t.regs[cpu], nil
}

func (t *fakeTarget) SetRegisters(cpu int, r *Registers) error {
	defer t.lock()()
	t.regs[cpu] = *r
	return nil
}

var errNothing = errors.New("nothing there")

func (t *fakeTarget) Read(_ int, addr uint64, p []byte) (int, error) {
	defer t.lock()()
	if addr < t.base || addr-t.base >= uint64(len(t.mem)) {
		return 0, errNothing
	}
	return copy(p, t.mem[addr-t.base:]), nil
}

func (t *fakeTarget) Write(_ int, addr uint64, p []byte) error {
	defer t.lock()()
	if addr < t.base || addr-t.base > uint64(len(t.mem)-len(p)) {
		return errNothing
	}
	copy(t.mem[addr-t.base:], p)
	return nil
}

func (t *fakeTarget) SetBreakpoints(_ int, list []Breakpoint) error {
	defer t.lock()()
	if len(list) > 4 {
		return errors.New("too many")
	}
	t.points = slices.Clone(list)
	return nil
}

// Resume: a vCPU that steps is done at once, and one that comes to a breakpoint in the next bytes stops there.
func (t *fakeTarget) Resume(what []Action) error {
	defer t.lock()()
	t.what, t.stop = slices.Clone(what), Stop{}
	for i, a := range what {
		if a == Step && t.slow {
			return nil
		}
		if a == Step {
			t.regs[i].RIP++
			t.stop = Stop{Why: Stepped, CPU: i}
			t.wake <- struct{}{}
			return nil
		}
	}
	for _, p := range t.points {
		if what[0] == Go && p.Addr > t.regs[0].RIP && p.Addr < t.regs[0].RIP+0x100 {
			if p.Kind == Software || p.Kind == Hardware {
				t.regs[0].RIP = p.Addr
			}
			t.stop = Stop{Why: Hit, At: p}
			t.wake <- struct{}{}
			return nil
		}
	}
	return nil
}

// Waiting: as if there were one debug register, and no RAM.
func (t *fakeTarget) Waiting() []Breakpoint {
	defer t.lock()()
	if !t.early || len(t.points) == 0 {
		return nil
	}
	return t.points[1:]
}

func (t *fakeTarget) Wake() <-chan struct{} { return t.wake }

func (t *fakeTarget) Halt() (Stop, error) {
	defer t.lock()()
	t.halts++
	t.what = nil
	select {
	case <-t.wake:
	default:
	}
	return t.stop, nil
}

func (t *fakeTarget) Done() <-chan struct{} { return t.done }
func (t *fakeTarget) Status() uint8         { return 7 }
func (t *fakeTarget) Kill()                 { defer t.lock()(); t.killed = true }

func (t *fakeTarget) runs() bool { defer t.lock()(); return t.what != nil }

// client speaks the protocol.
type client struct {
	t    *testing.T
	conn net.Conn
	r    *bufio.Reader
}

func newClient(t *testing.T, target Target) *client {
	t.Helper()
	l := door(t)
	s := Start(l, target)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return dial(t, l.Addr())
}

// door is a place to listen at. A unix socket needs no network.
func door(t *testing.T) net.Listener {
	t.Helper()
	dir, err := os.MkdirTemp("", "gdb") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func dial(t *testing.T, to net.Addr) *client {
	t.Helper()
	conn, err := net.DialTimeout(to.Network(), to.String(), 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &client{t, conn, bufio.NewReader(conn)}
}

func (c *client) send(text string) {
	c.t.Helper()
	if _, err := c.conn.Write([]byte(text)); err != nil {
		c.t.Fatal(err)
	}
}

// answer reads a packet, after any acknowledgements.
func (c *client) answer() string {
	c.t.Helper()
	if err := c.conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		c.t.Fatal(err)
	}
	text, err := c.r.ReadString('#')
	if err == nil {
		_, err = io.ReadFull(c.r, make([]byte, 2))
	}
	if err != nil {
		c.t.Fatalf("no answer: %v, %q", err, text)
	}
	_, text, _ = strings.Cut(text, "$")
	return text[:len(text)-1]
}

// ask sends a packet and reads the answer.
func (c *client) ask(text string) string {
	c.t.Helper()
	c.send(string(frame(text)))
	return c.answer()
}

func (c *client) want(text, answer string) {
	c.t.Helper()
	if got := c.ask(text); got != answer {
		c.t.Errorf("%.60q: %.200q, want %.200q", text, got, answer)
	}
}

func digits(s string) string { return hex.EncodeToString([]byte(s)) }

func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for range 2000 {
		if f() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("not in ten seconds: %s", what)
}
