package machine

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"

	"terem/kvm"
	"terem/vcpu/gdb"
)

// The guest that the debugger looks at counts at counterAt. All of it is identity-mapped.
const (
	counterAt = 0x180000
	loopAt    = codeAt + 7
	storeAt   = codeAt + 10
	jumpAt    = codeAt + 18
)

var codeCounts = []byte{
	0x48, 0xc7, 0xc0, 1, 0, 0, 0, //                mov rax, 1
	0x48, 0xff, 0xc0, //                            loop: inc rax
	0x48, 0x89, 0x04, 0x25, 0x00, 0x00, 0x18, 0x00, // store: mov [counter], rax
	0xeb, 0xf3, //                                  jump: jmp loop
}

// newDebugged is a machine that was started, and waits.
func newDebugged(t *testing.T, code []byte) (*Machine, *Debugger) {
	t.Helper()
	c := tinyConfig(code)
	c.Debug, c.CPUs = true, 2
	m := newTiny(t, c)
	start(t, m)
	return m, m.Debugger()
}

func run(t *testing.T, d *Debugger, a gdb.Action) gdb.Stop {
	t.Helper()
	if err := d.Resume([]gdb.Action{a, gdb.Go}); err != nil {
		t.Fatal(err)
	}
	select {
	case <-d.Wake():
	case <-d.Done():
		t.Fatalf("it has ended: %v", d.m.Wait())
	case <-time.After(30 * time.Second):
		t.Fatal("the guest comes to no stop")
	}
	s, err := d.Halt()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func set(t *testing.T, d *Debugger, list ...gdb.Breakpoint) {
	t.Helper()
	if err := d.SetBreakpoints(0, list); err != nil {
		t.Fatal(err)
	}
}

func at(t *testing.T, d *Debugger, rip, rax uint64) {
	t.Helper()
	r, err := d.Registers(0)
	if err != nil {
		t.Fatal(err)
	}
	if r.RIP != rip || r.RAX != rax {
		t.Errorf("RIP %#x, RAX %d: want %#x, %d", r.RIP, r.RAX, rip, rax)
	}
}

func soft(addr uint64) gdb.Breakpoint { return gdb.Breakpoint{Kind: gdb.Software, Addr: addr, Len: 1} }

// TestDebugger: a guest waits before its first instruction, and goes as far as it is told.
func TestDebugger(t *testing.T) {
	leakCheck(t)
	_, d := newDebugged(t, codeCounts)
	if s, err := d.Halt(); err != nil || s.Why != gdb.Interrupted {
		t.Errorf("before it runs: %+v, %v", s, err)
	}
	if r, err := d.Registers(0); err != nil || r.RIP != codeAt {
		t.Errorf("RIP %#x, %v: it has run", r.RIP, err)
	}
	if a, b := d.About(0), d.About(1); a != "vCPU 0" || b != "vCPU 1, not started" {
		t.Errorf("%q, %q", a, b)
	}
	set(t, d, soft(storeAt))
	for i := range uint64(3) { // past the breakpoint at which it stands
		if s := run(t, d, gdb.Go); s.Why != gdb.Hit || s.At.Addr != storeAt || s.CPU != 0 {
			t.Fatalf("stop %d: %+v", i, s)
		}
		at(t, d, storeAt, 2+i)
	}
	set(t, d)
	for _, rip := range []uint64{jumpAt, loopAt} {
		if s := run(t, d, gdb.Step); s.Why != gdb.Stepped {
			t.Fatalf("a step: %+v", s)
		}
		at(t, d, rip, 4)
	}
	set(t, d, watch(counterAt))
	if s := run(t, d, gdb.Go); s.Why != gdb.Hit || s.At != watch(counterAt) {
		t.Fatalf("a watched write: %+v", s)
	}
	at(t, d, jumpAt, 5)
	set(t, d)
	if err := d.Resume([]gdb.Action{gdb.Go, gdb.Stay}); err != nil {
		t.Fatal(err)
	}
	if s, err := d.Halt(); err != nil || s.Why != gdb.Interrupted {
		t.Errorf("interrupted: %+v, %v", s, err)
	}
}

// TestDebuggerINT3: more breakpoints than there are debug registers are in RAM while the guest runs, and only then.
func TestDebuggerINT3(t *testing.T) {
	m, d := newDebugged(t, codeCounts)
	list := []gdb.Breakpoint{soft(codeAt + 0x20), soft(codeAt + 0x21), soft(codeAt + 0x22), soft(codeAt + 0x23), soft(storeAt), soft(jumpAt)}
	set(t, d, list...)
	for i, want := range []uint64{storeAt, jumpAt, storeAt} {
		if s := run(t, d, gdb.Go); s.Why != gdb.Hit || s.At.Addr != want {
			t.Fatalf("stop %d: %+v", i, s)
		}
		b := make([]byte, len(codeCounts))
		if n, err := d.Read(0, codeAt, b); n != len(b) || err != nil || string(b) != string(codeCounts) {
			t.Errorf("RAM has % x, %v", b[:n], err)
		}
		set(t, d) // as gdb gets past one
		run(t, d, gdb.Step)
		set(t, d, list...)
	}
	hard := gdb.Breakpoint{Kind: gdb.Hardware, Addr: codeAt, Len: 1}
	set(t, d, append(list, hard, hard, hard, hard)...)
	if d.SetBreakpoints(0, append(list, hard, hard, hard, hard, hard)) == nil {
		t.Error("five hardware breakpoints")
	}
	if d.SetBreakpoints(0, []gdb.Breakpoint{{Kind: gdb.Write, Addr: counterAt + 1, Len: 4}}) == nil {
		t.Error("four bytes that are not aligned")
	}
	set(t, d, list...)
	if err := d.Resume([]gdb.Action{gdb.Step, gdb.Stay}); err != nil {
		t.Fatal(err)
	}
	m.Kill() // Close finds the INT3s in RAM
}

// five are breakpoints where the guest does not come, of which one is an INT3.
func five() []gdb.Breakpoint {
	return []gdb.Breakpoint{soft(codeAt + 0x20), soft(codeAt + 0x21), soft(codeAt + 0x22), soft(codeAt + 0x23), soft(codeAt + 0x24)}
}

// TestDebuggerSave: who saves, pauses or goes on while INT3s are in RAM finds the guest's own code, and they are there again afterwards. A clone
// runs.
func TestDebuggerSave(t *testing.T) {
	m, d := newDebugged(t, codeCounts)
	set(t, d, five()...)
	if err := d.Resume([]gdb.Action{gdb.Go, gdb.Go}); err != nil {
		t.Fatal(err)
	}
	code, err := m.ram.Slice(codeAt, 0x30)
	if err != nil {
		t.Fatal(err)
	}
	traps := func() int { return bytes.Count(code[0x20:], []byte{int3}) }
	if n := traps(); n != 1 {
		t.Fatalf("%d INT3s", n)
	}
	for _, paused := range []bool{false, true} {
		if paused {
			if err := m.Pause(); err != nil {
				t.Fatal(err)
			}
		}
		s := save(t, m)
		if got := s.ram[0][codeAt:][:0x30]; bytes.IndexByte(got[0x20:], int3) >= 0 || !bytes.HasPrefix(got, codeCounts) {
			t.Errorf("the snapshot has % x", got)
		}
		if n := traps(); n != 1 {
			t.Errorf("after a snapshot: %d INT3s", n)
		}
		c := tinyConfig(nil)
		c.CPUs = 2
		clone := restore(t, c, s)
		start(t, clone)
		counts(t, clone)
	}
	if err := m.Resume(); err != nil {
		t.Fatal(err)
	}
	counts(t, m)
	if _, err := d.Halt(); err != nil {
		t.Fatal(err)
	}
	if n := traps(); n != 0 {
		t.Errorf("it stands: %d INT3s", n)
	}
	if s := save(t, m); !bytes.Equal(s.ram[0][codeAt:][:0x30], code) {
		t.Error("a snapshot while it stands has other code")
	}
	set(t, d, soft(storeAt))
	run(t, d, gdb.Go)
}

// counts waits until a guest of codeCounts is seen to go on.
func counts(t *testing.T, m *Machine) {
	t.Helper()
	count := func() uint64 {
		if err := m.Pause(); err != nil {
			t.Fatal(err)
		}
		b, err := m.ram.Slice(counterAt, 8)
		if err != nil {
			t.Fatal(err)
		}
		n := binary.LittleEndian.Uint64(b)
		if err := m.Resume(); err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := count()
	await(t, "the guest counts", func() bool { return count() != before })
}

// TestDebuggerDetaches: a machine goes on for a gdb that detaches, also if two vCPUs have come to a breakpoint at once, and gdb has heard of one.
func TestDebuggerDetaches(t *testing.T) {
	m, d := newDebugged(t, codeCounts)
	set(t, d, watch(counterAt))
	if err := d.Resume([]gdb.Action{gdb.Go, gdb.Go}); err != nil {
		t.Fatal(err)
	}
	<-d.Wake()
	d.mu.Lock()
	d.hits = append(d.hits, gdb.Stop{Why: gdb.Hit, CPU: 1, At: watch(counterAt)}) // as if vCPU 1 had
	d.mu.Unlock()
	if s, err := d.Halt(); err != nil || s.Why != gdb.Hit || s.CPU != 0 {
		t.Fatalf("%+v, %v", s, err)
	}
	set(t, d)
	if err := d.Resume([]gdb.Action{gdb.Go, gdb.Go}); err != nil {
		t.Fatal(err)
	}
	counts(t, m)
}

// TestDebuggerEarly: breakpoints where no RAM is mapped wait for a place.
func TestDebuggerEarly(t *testing.T) {
	_, d := newDebugged(t, codeCounts)
	const nowhere = 0x7000_0000_0000
	hard := gdb.Breakpoint{Kind: gdb.Hardware, Addr: storeAt, Len: 1}
	set(t, d, append(five(), hard, soft(nowhere), soft(nowhere+1), soft(nowhere+2), soft(nowhere+3))...)
	if s := run(t, d, gdb.Go); s.Why != gdb.Hit || s.At.Addr != storeAt {
		t.Errorf("a stop: %+v", s)
	}
	if w := d.Waiting(); len(w) != 1 || w[0].Addr != nowhere+3 {
		t.Errorf("these wait: %+v", w)
	}
	set(t, d, soft(storeAt))
	run(t, d, gdb.Go)
	if w := d.Waiting(); len(w) != 0 {
		t.Errorf("these wait still: %+v", w)
	}
}

// TestDebuggerFails: a machine that cannot run for its debugger has no INT3 in RAM, and neither has one that is closed.
func TestDebuggerFails(t *testing.T) {
	m, d := newDebugged(t, codeCounts)
	set(t, d, five()...)
	if err := m.cpus[1].Stop(); err != nil {
		t.Fatal(err)
	}
	if err := d.Resume([]gdb.Action{gdb.Go, gdb.Go}); err == nil {
		t.Error("it runs with a vCPU that is gone")
	}
	code, err := m.ram.Slice(codeAt, 0x30)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.IndexByte(code, int3) >= 0 || len(d.traps) != 0 {
		t.Errorf("INT3s stay: % x", code)
	}
}

// TestDebuggerLeavesGuestsOwn: an INT3 of the guest's is the guest's, which has no handler here.
func TestDebuggerLeavesGuestsOwn(t *testing.T) {
	m, d := newDebugged(t, []byte{0xcc, 0xeb, 0xfe})
	set(t, d, soft(codeAt+0x20), soft(codeAt+0x21), soft(codeAt+0x22), soft(codeAt+0x23), soft(codeAt+0x24))
	if err := d.Resume([]gdb.Action{gdb.Go, gdb.Go}); err != nil {
		t.Fatal(err)
	}
	if o := waitFor(t, m); o.Kind != TripleFault {
		t.Errorf("it ended so: %v", o)
	}
}

// TestDebuggerAndOthers: who pauses and resumes the machine does not let it go on past the debugger, and the other way round.
func TestDebuggerAndOthers(t *testing.T) {
	m, d := newDebugged(t, codeCounts)
	resume := func() {
		t.Helper()
		if err := m.Resume(); err != nil {
			t.Fatal(err)
		}
	}
	count := func() uint64 {
		t.Helper()
		b := make([]byte, 8)
		if _, err := d.Read(0, counterAt, b); err != nil {
			t.Fatal(err)
		}
		return binary.LittleEndian.Uint64(b)
	}
	resume()
	if m.halted() {
		t.Error("it is not halted: it stands")
	}
	if n := count(); n != 0 {
		t.Errorf("it has run: %d", n)
	}
	if err := m.Pause(); err != nil {
		t.Fatal(err)
	}
	if err := d.Resume([]gdb.Action{gdb.Go, gdb.Go}); err != nil {
		t.Fatal(err)
	}
	if n := count(); n != 0 {
		t.Errorf("it runs, and is paused: %d", n)
	}
	resume()
	halt := func() {
		t.Helper()
		if _, err := d.Halt(); err != nil {
			t.Fatal(err)
		}
	}
	halt()
	for end := time.Now().Add(30 * time.Second); count() == 0 && time.Now().Before(end); halt() {
		if err := d.Resume([]gdb.Action{gdb.Go, gdb.Go}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
	before := count()
	resume()
	if n := count(); n != before || n == 0 {
		t.Errorf("%d, then %d", before, n)
	}
}

// TestDebuggerMemory: what is written is there, also across pages; page tables that make no sense lead nowhere.
func TestDebuggerMemory(t *testing.T) {
	m, d := newDebugged(t, codeCounts)
	const text = "across two pages"
	if err := d.Write(0, counterAt+0xff8, []byte(text)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, len(text))
	if n, err := d.Read(0, counterAt+0xff8, b); string(b) != text || n != len(text) || err != nil {
		t.Errorf("%q, %d, %v", b, n, err)
	}
	end := m.ram.Size()
	if n, err := d.Read(0, end-4, b); n != 4 || err != nil {
		t.Errorf("the end of RAM: %d bytes, %v", n, err)
	}
	if d.Write(0, end-4, b) == nil {
		t.Error("a write past the end of RAM")
	}
	for _, addr := range []uint64{1 << 47, 0x8000_0000_0000_0000 | codeAt, 1<<64 - 1, end} {
		if n, err := d.Read(0, addr, b); n != 0 || err == nil {
			t.Errorf("%#x: %d bytes", addr, n)
		}
	}
	r, err := d.Registers(0)
	if err != nil {
		t.Fatal(err)
	}
	table, err := m.ram.Slice(0, end)
	if err != nil {
		t.Fatal(err)
	}
	table = table[r.CR3&^0xfff:][:4096]
	for _, entry := range []uint64{1<<64 - 1, r.CR3&^0xfff | 3, 0xffff_ffff_f003, 0x7_ffff_f003, 0} {
		for i := range 512 {
			binary.LittleEndian.PutUint64(table[8*i:], entry)
		}
		if err := m.cpus[0].Do(func(c *kvm.VCPU) error { // which forgets what it knew of them
			s, err := c.Sregs()
			if err == nil {
				err = c.SetSregs(s)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		_, _ = d.Read(0, codeAt, b) // it may lead to RAM, and it comes back
	}
}

// TestDebuggerRegisters: what is written is there.
func TestDebuggerRegisters(t *testing.T) {
	_, d := newDebugged(t, codeCounts)
	r, err := d.Registers(0)
	if err != nil {
		t.Fatal(err)
	}
	r.RBX, r.FS.Base = 42, 0x1234000
	copy(r.FX[160:], "sixteen bytes...")
	if err := d.SetRegisters(0, &r); err != nil {
		t.Fatal(err)
	}
	set(t, d, soft(storeAt))
	run(t, d, gdb.Go)
	if got, err := d.Registers(0); err != nil || got.RBX != 42 || got.FS.Base != 0x1234000 || string(got.FX[160:176]) != "sixteen bytes..." {
		t.Errorf("RBX %d, FS %#x, XMM0 %q, %v", got.RBX, got.FS.Base, got.FX[160:176], err)
	}
}
