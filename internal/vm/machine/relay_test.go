package machine

import (
	"bytes"
	"errors"
	"sync"
	"testing"
	"time"

	"terem/kvm"
	"terem/memory"
)

// sluggish is an Output that takes so many bytes and then waits for more permission.
type sluggish struct {
	mu      sync.Mutex
	changed sync.Cond
	left    int // how many bytes it takes yet
	got     bytes.Buffer
	fail    error
}

func newSluggish(left int) *sluggish {
	s := &sluggish{left: left}
	s.changed.L = &s.mu
	return s
}

func (s *sluggish) TryWrite(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := min(s.left, len(p))
	s.left -= n
	s.got.Write(p[:n])
	return n, s.fail
}

func (s *sluggish) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for rest := p; len(rest) > 0; {
		for s.left == 0 {
			s.changed.Wait()
		}
		n := min(s.left, len(rest))
		s.left -= n
		s.got.Write(rest[:n])
		rest = rest[n:]
	}
	return len(p), nil
}

// allow lets it take n bytes more.
func (s *sluggish) allow(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left += n
	s.changed.Broadcast()
}

func (s *sluggish) bytes() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Clone(s.got.Bytes())
}

// TestRelay: what goes at once goes straight through; the rest waits, in order.
func TestRelay(t *testing.T) {
	s := newSluggish(5)
	r := &relay{out: s}
	stop := make(chan struct{}, 1)
	write := func(p string) {
		t.Helper()
		if n, err := r.Write([]byte(p)); n != len(p) || err != nil {
			t.Errorf("Write: %d, %v", n, err)
		}
	}
	write("abc")
	if string(s.bytes()) != "abc" || r.Held(memory.COM1Port, 1) || !r.Wait(stop) {
		t.Errorf("%q, held %t: want what was written, at once", s.bytes(), r.Held(memory.COM1Port, 1))
	}
	write("defg")
	write("hi")
	for _, at := range []struct {
		port uint64
		n    int
		held bool
	}{
		{memory.COM1Port, 1, true}, {memory.COM1Port, 4, true}, {memory.COM1Port - 1, 2, true}, {memory.COM1Port - 3, 4, true},
		{memory.COM1Port - 1, 1, false}, {memory.COM1Port + 1, 1, false}, {memory.CtlPort, 1, false}, {0, 4, false},
	} {
		if got := r.Held(at.port, at.n); got != at.held {
			t.Errorf("%d bytes at port %#x: held %t, want %t", at.n, at.port, got, at.held)
		}
	}
	stop <- struct{}{}
	if r.Wait(stop) {
		t.Error("Wait does not heed stop")
	}
	go s.allow(4)
	if !r.Wait(stop) || r.Held(memory.COM1Port, 1) {
		t.Error("Wait came back while something was kept")
	}
	write("j")
	s.allow(1)
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if string(s.bytes()) != "abcdefghij" {
		t.Errorf("it got %q", s.bytes())
	}
	s.fail = errors.New("gone")
	if _, err := r.Write([]byte("k")); !errors.Is(err, s.fail) {
		t.Errorf("an Output that fails: %v", err)
	}
}

// holder is an Output that takes nothing at once, and looks at what it was given only when it is told to.
type holder struct {
	inside, look chan struct{}
	got          []byte
}

func (*holder) TryWrite([]byte) (int, error) { return 0, nil }

func (h *holder) Write(p []byte) (int, error) {
	h.inside <- struct{}{}
	<-h.look
	h.got = append(h.got, p...)
	return len(p), nil
}

// TestRelayWhileWriting: what comes while the Output writes does not disturb what it writes.
func TestRelayWhileWriting(t *testing.T) {
	h := &holder{inside: make(chan struct{}), look: make(chan struct{})}
	r := &relay{out: h}
	for _, p := range []string{"one", "two"} {
		if n, err := r.Write([]byte(p)); n != len(p) || err != nil {
			t.Fatalf("Write: %d, %v", n, err)
		}
		if p == "one" {
			<-h.inside
		}
	}
	h.look <- struct{}{}
	<-h.inside
	h.look <- struct{}{}
	if err := r.Close(); err != nil || string(h.got) != "onetwo" {
		t.Errorf("it got %q, %v", h.got, err)
	}
}

// TestBlockedConsole pauses guests whose output nobody takes, stops one, and lets another go on: no
// byte is lost and none comes twice.
func TestBlockedConsole(t *testing.T) {
	leakCheck(t)
	// xor eax, eax; mov dx, 0x3f8; 1: out dx, al; inc al; jmp 1b
	bytewise := []byte{0x31, 0xc0, 0x66, 0xba, 0xf8, 0x03, 0xee, 0xfe, 0xc0, 0xeb, 0xfb}
	// cld; mov dx, 0x3f8; 1: mov esi, 0x110000; mov edi, esi; xor eax, eax; 2: stosb; inc al; jnz 2b;
	// mov ecx, 256; rep outsb; jmp 1b
	strings := []byte{0xfc, 0x66, 0xba, 0xf8, 0x03, 0xbe, 0x00, 0x00, 0x11, 0x00, 0x89, 0xf7, 0x31, 0xc0,
		0xaa, 0xfe, 0xc0, 0x75, 0xfb, 0xb9, 0x00, 0x01, 0x00, 0x00, 0xf3, 0x6e, 0xeb, 0xe9}
	for name, code := range map[string][]byte{"out": bytewise, "rep outsb": strings} {
		t.Run(name, func(t *testing.T) {
			out := newSluggish(700)
			c := tinyConfig(code)
			c.Out, c.CountExits = out, true
			m := newTiny(t, c)
			start(t, m)
			await(t, "the console blocks", func() bool { return m.relay.full.Load() })
			for range 20 {
				if err := m.Pause(); err != nil {
					t.Fatal(err)
				}
				if err := m.cpus[0].Do(func(c *kvm.VCPU) error { _, err := c.Regs(); return err }); err != nil {
					t.Fatal(err)
				}
				m.relay.mu.Lock()
				if n := len(m.relay.kept); n > 4096 {
					t.Errorf("%d bytes are kept: more than one instruction writes", n)
				}
				m.relay.mu.Unlock()
				if err := m.Resume(); err != nil {
					t.Fatal(err)
				}
				if m.halted() {
					t.Error("a guest that waits for its console is no halted one")
				}
			}
			if n := m.ledgers[0].Interrupted; n > 1000 {
				t.Errorf("it was interrupted %d times for 40 pauses", n)
			}
			out.allow(1000)
			await(t, "bytes come", func() bool { return len(out.bytes()) >= 1700 })
			for i, b := range out.bytes() {
				if b != byte(i) {
					t.Fatalf("byte %d is %d, want %d", i, b, byte(i))
				}
			}
			m.Kill()
			go out.allow(1 << 30) // as an Output that is called off
		})
	}
}

// await waits for a condition that another thread brings about.
func await(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within 30 seconds", what)
		}
	}
}
