package vcpu

import (
	"errors"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"terem/internal/kvmtest"
	"terem/kvm"
)

// Tiny guests in real mode, loaded and entered at address 0x1000.
var (
	spin = []byte{0xfb, 0xeb, 0xfe}       // sti; jmp .
	deaf = []byte{0xfa, 0xeb, 0xfe}       // cli; jmp .
	halt = []byte{0xfa, 0xf4, 0xeb, 0xfd} // cli; 1: hlt; jmp 1b
	outs = []byte{                        // 1: out 0x80, al; inc al; jmp 1b
		0xe6, 0x80, 0xfe, 0xc0, 0xeb, 0xfa,
	}
	in = []byte{ // mov dx, 0x1234; in al, dx; mov [0x2000], al; cli; hlt
		0xba, 0x34, 0x12, 0xec, 0xa2, 0x00, 0x20, 0xfa, 0xf4,
	}
	mmio = []byte{ // mov ax, 0xa000; mov ds, ax; mov al, [5]; mov [6], al; cli; hlt
		0xb8, 0x00, 0xa0, 0x8e, 0xd8, 0xa0, 0x05, 0x00, 0xa2, 0x06, 0x00, 0xfa, 0xf4,
	}
	stringOut = []byte{ // mov si, 0x1000; mov cx, 4; mov dx, 0x80; rep outsb; cli; hlt
		0xbe, 0x00, 0x10, 0xb9, 0x04, 0x00, 0xba, 0x80, 0x00, 0xf3, 0x6e, 0xfa, 0xf4,
	}
	undefined = []byte{0x0f, 0x0b} // ud2
)

const entry, ramSize = 0x1000, 0x10000

type access struct {
	addr  uint64
	write bool
	data  string
}

// fakeBus answers reads with value and remembers what it was asked.
type fakeBus struct {
	mu    sync.Mutex
	value byte
	log   []access
	limit int // how many accesses to remember
	count int
}

func (b *fakeBus) Read(addr uint64, p []byte) bool {
	for i := range p {
		p[i] = b.value
	}
	b.note(addr, false, p)
	return true
}

func (b *fakeBus) Write(addr uint64, p []byte) bool { b.note(addr, true, p); return true }

func (b *fakeBus) note(addr uint64, write bool, p []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.count++
	if len(b.log) < b.limit {
		b.log = append(b.log, access{addr, write, string(p)})
	}
}

func (b *fakeBus) seen() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.count
}

type guest struct {
	vm         *kvm.VM
	r          *Runner
	ram        []byte
	ports, mem *fakeBus
}

// newGuest makes a VM with one vCPU at the start of code.
func newGuest(t testing.TB, code []byte, ledger *Ledger) *guest {
	t.Helper()
	sys := kvmtest.Open(t)
	vm, err := sys.CreateVM()
	check(t, err)
	t.Cleanup(func() { check(t, vm.Close()) })
	g := &guest{vm: vm, ports: &fakeBus{value: 0x5a, limit: 16}, mem: &fakeBus{value: 0x77, limit: 16}}
	g.ram, err = unix.Mmap(-1, 0, ramSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	check(t, err)
	copy(g.ram[entry:], code)
	check(t, vm.Map(0, 0, g.ram, 0))
	check(t, vm.SetTSSAddr(0xfffbd000))
	check(t, vm.CreateIRQChip())
	g.r, err = Start(vm, Config{Ports: g.ports, Memory: g.mem, Ledger: ledger})
	check(t, err)
	t.Cleanup(func() {
		check(t, g.r.Stop())
		check(t, unix.Munmap(g.ram))
	})
	check(t, g.r.Do(atEntry))
	return g
}

func atEntry(c *kvm.VCPU) error {
	s, err := c.Sregs()
	if err != nil {
		return err
	}
	s.CS.Base, s.CS.Selector = 0, 0
	if err := c.SetSregs(s); err != nil {
		return err
	}
	return c.SetRegs(kvm.Regs{RIP: entry, RFLAGS: 2, RSP: 0x8000})
}

// noHandlers enters protected mode with an empty IDT: the next exception cannot be
// delivered, nor the double fault that follows from that.
func noHandlers(c *kvm.VCPU) error {
	s, err := c.Sregs()
	if err != nil {
		return err
	}
	flat := kvm.Segment{Limit: 0xffffffff, Selector: 8, Typ: 11, Present: 1, DB: 1, S: 1, G: 1}
	s.CS = flat
	flat.Selector, flat.Typ = 16, 3
	s.DS, s.ES, s.SS = flat, flat, flat
	s.CR0 |= 1 // PE
	s.IDT = kvm.Descriptor{}
	return c.SetSregs(s)
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// eventually waits for a condition that another thread brings about.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("%s: not within 30 seconds", what)
}

// within bounds the rounds of a test, for emulated processors, where one of these takes a thousand times as long: it is
// true until the time is over, and for the first rounds in any case.
func within(d time.Duration, least int) func(round int) bool {
	end := time.Now().Add(d)
	return func(round int) bool { return round < least || time.Now().Before(end) }
}

func TestPortAndMemory(t *testing.T) {
	for _, tt := range []struct {
		name       string
		code       []byte
		ports, mem []access
		at         int // RAM that the guest writes the answer to
		want       byte
	}{
		{"in", in, []access{{0x1234, false, "\x5a"}}, nil, 0x2000, 0x5a},
		{"mmio", mmio, nil, []access{{0xa0005, false, "\x77"}, {0xa0006, true, "\x77"}}, entry, mmio[0]},
		{"rep outsb", stringOut, []access{{0x80, true, "\xbe"}, {0x80, true, "\x00"}, {0x80, true, "\x10"}, {0x80, true, "\xb9"}}, nil, entry, stringOut[0]},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := newGuest(t, tt.code, nil)
			check(t, g.r.Resume())
			eventually(t, "accesses", func() bool {
				return g.ports.seen() == len(tt.ports) && g.mem.seen() == len(tt.mem)
			})
			eventually(t, "the answer in RAM", func() bool { // the access is completed, and the guest stores what it read
				check(t, g.r.Pause())
				got := g.ram[tt.at]
				check(t, g.r.Resume())
				return got == tt.want
			})
			check(t, g.r.Pause())
			equal(t, "ports", g.ports.log, tt.ports)
			equal(t, "memory", g.mem.log, tt.mem)
		})
	}
}

func equal(t *testing.T, what string, got, want []access) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %v, want %v", what, got, want)
	}
	for i := range got {
		if got[i] != want[i] {
			t.Errorf("%s: access %d is %v, want %v", what, i, got[i], want[i])
		}
	}
}

func TestStates(t *testing.T) {
	g := newGuest(t, spin, nil)
	nothing := func(*kvm.VCPU) error { return nil }
	check(t, g.r.Resume())
	if err := g.r.Do(nothing); !errors.Is(err, ErrRunning) {
		t.Errorf("Do while running: %v, want ErrRunning", err)
	}
	check(t, g.r.Resume()) // again: nothing happens
	check(t, g.r.Pause())
	check(t, g.r.Pause())
	failure := errors.New("failure")
	if err := g.r.Do(func(*kvm.VCPU) error { return failure }); !errors.Is(err, failure) {
		t.Errorf("Do returns %v, want what its function returned", err)
	}
	check(t, g.r.Stop())
	check(t, g.r.Stop())
	for name, f := range map[string]func() error{"Do": func() error { return g.r.Do(nothing) }, "Resume": g.r.Resume} {
		if err := f(); !errors.Is(err, ErrStopped) {
			t.Errorf("%s after Stop: %v, want ErrStopped", name, err)
		}
	}
	if e := g.r.Wait(); e.Reason != Stopped {
		t.Errorf("the vCPU ended by %v, want %v", e.Reason, Stopped)
	}
}

func TestTripleFault(t *testing.T) {
	g := newGuest(t, undefined, nil)
	check(t, g.r.Do(noHandlers))
	check(t, g.r.Resume())
	if e := g.r.Wait(); e.Reason != TripleFault {
		t.Fatalf("ended by %v (%v), want a triple fault", e.Reason, e.Err)
	}
	if err := g.r.Resume(); !errors.Is(err, ErrEnded) {
		t.Errorf("Resume: %v, want ErrEnded", err)
	}
	look := func(c *kvm.VCPU) error { _, err := c.Regs(); return err }
	check(t, g.r.Do(look)) // nobody has to pause what has ended
	check(t, g.r.Pause())
	check(t, g.r.Do(look))
}

// TestStress pauses and resumes guests that run, halt for good and exit all the
// time, from two goroutines at once.
func TestStress(t *testing.T) {
	rounds := 10_000
	if testing.Short() {
		rounds = 500
	}
	for name, code := range map[string][]byte{"jmp": spin, "hlt": halt, "out": outs} {
		t.Run(name, func(t *testing.T) {
			g := newGuest(t, code, nil)
			more := within(20*time.Second, 100)
			var wg sync.WaitGroup
			for range 2 {
				wg.Go(func() {
					for i := 0; i < rounds/6 && more(i); i++ { // three guests, two goroutines
						if err := errors.Join(g.r.Resume(), g.r.Pause()); err != nil {
							t.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			check(t, g.r.Pause())
			check(t, g.r.Do(func(c *kvm.VCPU) error {
				r, err := c.Regs()
				if err == nil && (r.RIP < entry || r.RIP > entry+uint64(len(code))) {
					t.Errorf("RIP is %#x: the guest left its code", r.RIP)
				}
				return err
			}))
		})
	}
}

// TestStopStress starts and stops vCPUs at every moment of their lives, and leaves
// nothing behind.
func TestStopStress(t *testing.T) {
	rounds := 300
	if testing.Short() {
		rounds = 30
	}
	kvmtest.Open(t)
	files, routines := openFiles(t), runtime.NumGoroutine()
	more := within(40*time.Second, 30)
	for i := 0; i < rounds && more(i); i++ {
		t.Run("", func(t *testing.T) {
			g := newGuest(t, [][]byte{spin, halt, outs}[i%3], nil)
			if i%4 != 0 {
				check(t, g.r.Resume())
			}
			if i%2 == 0 {
				go g.r.Pause()
			}
			if err := g.r.Stop(); err != nil {
				t.Fatal(err)
			}
		})
	}
	eventually(t, "goroutines end", func() bool { return runtime.NumGoroutine() <= routines })
	if n := openFiles(t); n > files {
		t.Errorf("%d descriptors open, %d before", n, files)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	check(t, err)
	return len(entries)
}

// TestStopIsBounded stops guests that never exit by themselves.
func TestStopIsBounded(t *testing.T) {
	for name, code := range map[string][]byte{"jmp": spin, "cli jmp": deaf, "hlt": halt} {
		t.Run(name, func(t *testing.T) {
			g := newGuest(t, code, nil)
			check(t, g.r.Resume())
			time.Sleep(20 * time.Millisecond)
			done := make(chan error, 1)
			go func() { done <- g.r.Stop() }()
			select {
			case err := <-done:
				check(t, err)
			case <-time.After(30 * time.Second):
				t.Fatal("Stop did not return")
			}
		})
	}
}

func TestLedger(t *testing.T) {
	l := NewLedger()
	g := newGuest(t, outs, l)
	check(t, g.r.Resume())
	eventually(t, "1000 exits", func() bool { return g.ports.seen() >= 1000 })
	check(t, g.r.Pause())
	port := l.Ports[0x80]
	if port == nil || port.Count != uint64(g.ports.seen()) || port.Writes != port.Count {
		t.Fatalf("port 0x80: %+v, want %d writes", port, g.ports.seen())
	}
	if n := l.Reasons[kvm.ExitIO].Count; n != port.Count {
		t.Errorf("%d io exits, want %d", n, port.Count)
	}
	if l.InGuest <= 0 || port.Time <= 0 {
		t.Errorf("time in guest %v, at the port %v: want both above 0", l.InGuest, port.Time)
	}
}

// TestExitsAllocateNothing is the promise of the exit path.
func TestExitsAllocateNothing(t *testing.T) {
	for name, ledger := range map[string]*Ledger{"without ledger": nil, "with ledger": NewLedger()} {
		t.Run(name, func(t *testing.T) {
			g := newGuest(t, outs, ledger)
			check(t, g.r.Do(func(c *kvm.VCPU) error {
				exit := func() {
					g.r.conf.Ledger.enter()
					reason, err := c.Run()
					g.r.conf.Ledger.exit(reason, err == nil)
					if err == nil {
						g.r.handle(reason)
					}
				}
				exit()
				for range 16 {
					exit() // fill the fake's log
				}
				if n := testing.AllocsPerRun(1000, exit); n != 0 {
					t.Errorf("%v allocations for each exit", n)
				}
				return nil
			}))
		})
	}
}

func BenchmarkPortExit(b *testing.B) {
	g := newGuest(b, outs, nil)
	check(b, g.r.Do(func(c *kvm.VCPU) error {
		for b.Loop() {
			if reason, err := c.Run(); err == nil {
				g.r.handle(reason)
			}
		}
		return nil
	}))
}
