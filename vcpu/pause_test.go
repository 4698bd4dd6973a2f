package vcpu

import (
	"sync/atomic"
	"testing"

	"terem/kvm"
)

// sequence is a bus whose reads give the bytes 0, 1, 2 and so on, each once. It holds up who reads, once, from
// number hold on.
type sequence struct {
	next, hold    int
	inside, leave chan struct{}
}

const never = 1 << 30

func (s *sequence) Read(_ uint64, p []byte) bool {
	if s.next >= s.hold {
		s.hold = never
		s.inside <- struct{}{}
		<-s.leave
	}
	for i := range p {
		p[i] = byte(s.next)
		s.next++
	}
	return true
}

func (s *sequence) Write(uint64, []byte) bool { return true }

// TestPauseWithinString pauses a guest while one instruction of it copies a string from device memory. Each
// element is an access of its own. When Pause comes back, all those that the device gave are in RAM and
// counted in the registers; and none is lost when the guest goes on.
func TestPauseWithinString(t *testing.T) {
	const to, length = 0x2000, 0x3000
	code := []byte{
		0xb8, 0x00, 0xa0, // mov ax, 0xa000
		0x8e, 0xd8, // mov ds, ax
		0x31, 0xf6, // xor si, si
		0xbf, to & 0xff, to >> 8, // mov di, to
		0xb9, length & 0xff, length >> 8, // mov cx, length
		0xf3, 0xa4, // rep movsb
		0xe6, 0x80, // out 0x80, al
		0xfa, 0xf4, // cli; hlt
	}
	g := newGuest(t, code, nil)
	bus := &sequence{inside: make(chan struct{}), leave: make(chan struct{})}
	g.r.conf.Memory = bus // before the first Resume, which hands it over
	copied := func(n int) {
		t.Helper()
		for i, b := range g.ram[to : to+length] {
			if i < n && b != byte(i) || i >= n && b != 0 {
				t.Fatalf("element %d is %#x, with %d copied", i, b, n)
			}
		}
	}
	for _, bus.hold = range []int{0, 1, 1500, 5000, length - 1} {
		check(t, g.r.Resume())
		<-bus.inside
		paused := make(chan error)
		go func() { paused <- g.r.Pause() }()
		eventually(t, "the request", g.r.request.Load)
		bus.leave <- struct{}{}
		check(t, <-paused)
		copied(bus.next)
		check(t, g.r.Do(func(c *kvm.VCPU) error {
			r, err := c.Regs()
			if n := uint64(bus.next); r.RDI != to+n || r.RCX != length-n || r.RSI != n {
				t.Errorf("DI %#x, SI %#x, CX %#x after %d elements", r.RDI, r.RSI, r.RCX, n)
			}
			return err
		}))
	}
	check(t, g.r.Resume())
	eventually(t, "the end of the string", func() bool { return g.ports.seen() > 0 })
	check(t, g.r.Pause())
	copied(length)
}

// TestPauseCompletesAccess asks for a pause while a device answers: the instruction whose access that
// is must be over when Pause comes back, in the registers and not only after the next entry.
func TestPauseCompletesAccess(t *testing.T) {
	bus := &doorkeeper{inside: make(chan struct{}), leave: make(chan struct{})}
	for name, code := range map[string][]byte{"port": in, "memory": mmio} {
		t.Run(name, func(t *testing.T) {
			g := newGuest(t, code, nil)
			g.r.conf.Ports, g.r.conf.Memory = bus, bus // before the first Resume, which hands them over
			check(t, g.r.Resume())
			<-bus.inside
			paused := make(chan error)
			go func() { paused <- g.r.Pause() }()
			eventually(t, "the request", g.r.request.Load)
			bus.leave <- struct{}{}
			check(t, <-paused)
			check(t, g.r.Do(func(c *kvm.VCPU) error {
				r, err := c.Regs()
				after := map[string]uint64{"port": entry + 4, "memory": entry + 8}[name]
				if r.RIP != after || byte(r.RAX) != answer {
					t.Errorf("RIP %#x, AL %#x: want %#x, %#x", r.RIP, byte(r.RAX), after, answer)
				}
				return err
			}))
		})
	}
}

// doorkeeper is a bus that holds up whoever reads.
type doorkeeper struct{ inside, leave chan struct{} }

const answer = 0x42

func (d *doorkeeper) Read(_ uint64, p []byte) bool {
	d.inside <- struct{}{}
	<-d.leave
	for i := range p {
		p[i] = answer
	}
	return true
}

func (d *doorkeeper) Write(uint64, []byte) bool { return true }

// gateBrake holds up whoever writes to port 0x80, until it is opened.
type gateBrake struct {
	open  chan struct{}
	waits atomic.Int64
}

func (b *gateBrake) Held(port uint64, n int) bool { return port == 0x80 && n == 1 }

func (b *gateBrake) Wait(stop <-chan struct{}) bool {
	b.waits.Add(1)
	select {
	case <-b.open:
		return true
	case <-stop:
		return false
	}
}

// TestBrake: a vCPU that is held up can be paused and stopped, is held up again when it goes on, and is
// not kicked again and again meanwhile.
func TestBrake(t *testing.T) {
	brake := &gateBrake{open: make(chan struct{})}
	g := newGuest(t, outs, nil)
	g.r.conf.Brake = brake
	check(t, g.r.Resume())
	eventually(t, "the first write", func() bool { return brake.waits.Load() > 0 })
	for range 20 {
		check(t, g.r.Pause())
		check(t, g.r.Do(func(c *kvm.VCPU) error {
			r, err := c.Regs()
			if r.RIP != entry+2 {
				t.Errorf("RIP %#x: want that after the OUT", r.RIP)
			}
			return err
		}))
		check(t, g.r.Resume())
	}
	if n := g.ports.seen(); n != 1 {
		t.Errorf("%d writes went past the brake", n)
	}
	brake.open <- struct{}{}
	eventually(t, "the next write", func() bool { return g.ports.seen() == 2 })
}

// strictBrake holds up whoever asks.
type strictBrake struct{ waits atomic.Int64 }

func (*strictBrake) Held(uint64, int) bool { return true }

func (b *strictBrake) Wait(stop <-chan struct{}) bool {
	b.waits.Add(1)
	<-stop
	return false
}

// TestBrakeLeavesReaders: who reads has written nothing that somebody must take, and may be what gets the
// other side going.
func TestBrakeLeavesReaders(t *testing.T) {
	brake := &strictBrake{}
	g := newGuest(t, in, nil)
	g.r.conf.Brake = brake
	check(t, g.r.Resume())
	eventually(t, "the answer in RAM", func() bool {
		check(t, g.r.Pause())
		got := g.ram[0x2000]
		check(t, g.r.Resume())
		return got == g.ports.value
	})
	if n := brake.waits.Load(); n != 0 {
		t.Errorf("the reader waited %d times", n)
	}
}

// holds is a debugger that holds whoever comes.
type holds struct{}

func (holds) Stopped(int, *kvm.VCPU) (Answer, error) { return Hold, nil }

// TestReleaseLeavesBrake: a vCPU that its debugger lets go still waits for its brake, and the other way round.
func TestReleaseLeavesBrake(t *testing.T) {
	brake := &gateBrake{open: make(chan struct{}, 1)}
	r := &Runner{conf: Config{Ports: &fakeBus{}, Brake: brake, Debug: holds{}}, nudge: make(chan struct{}, 1)}
	both := func() {
		r.port(kvm.IOExit{Port: 0x80, Out: true, Size: 1, Data: []byte{1}})
		if end := r.debugged(); end != nil {
			t.Fatal(end)
		}
	}
	both()
	r.unhold()
	if r.waits != braked {
		t.Errorf("released: %b", r.waits)
	}
	brake.open <- struct{}{}
	r.wait()
	if r.waits != 0 {
		t.Errorf("released, and the brake is open: %b", r.waits)
	}
	both()
	r.nudge <- struct{}{}
	r.wait() // for the debugger first
	if r.waits != braked|held || brake.waits.Load() != 1 {
		t.Errorf("nudged: %b", r.waits)
	}
}
