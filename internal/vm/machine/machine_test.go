package machine

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"terem/internal/fault"
	"terem/internal/kvmtest"
	"terem/kvm"
	"terem/vcpu/assist"
)

func TestEnds(t *testing.T) {
	for _, tt := range []struct {
		name   string
		code   []byte
		kind   Kind
		status uint8
		output string
	}{
		{"reset by the i8042", codeReset, WasReset, 0, ""},
		{"reset by port 0xcf9", code(out(0xcf9, 0x06), codeHalt), WasReset, 0, ""},
		{"reset by port 0x92", code(out(0x92, 0x01), codeHalt), WasReset, 0, ""},
		{"exit status 0", code(out(0x5f8, 0), codeHalt), Exited, 0, ""},
		{"exit status 7", code(out(0x5f8, 7), codeHalt), Exited, 7, ""},
		{"exit status 255", code(say("bye\n"), out(0x5f8, 255), codeHalt), Exited, 255, "bye\n"},
		{"the first status counts", code(out(0x5f8, 7), out(0x5f8, 8), codeReset), Exited, 7, ""},
		{"power off", code(out(0x5f9, 1), codeHalt), PoweredOff, 0, ""},
		{"reported panic", code(out(0x5f9, 2), codeReset), Panicked, 0, ""},
		{"panic on the console", code(say("Kernel panic - not syncing: x\n"), codeReset), Panicked, 0, "Kernel panic - not syncing: x\n"},
		{"an event without a meaning", code(out(0x5f9, 9), codeReset), WasReset, 0, ""},
		{"triple fault", codeTripleFault, TripleFault, 0, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			leakCheck(t)
			var con console
			c := tinyConfig(tt.code)
			c.Out = &con
			m := newTiny(t, c)
			start(t, m)
			o := waitFor(t, m)
			if o.Kind != tt.kind || o.Status != tt.status {
				t.Errorf("it ended so: %v; want kind %d, status %d", o, tt.kind, tt.status)
			}
			if con.String() != tt.output {
				t.Errorf("the console says %q, want %q", con.String(), tt.output)
			}
		})
	}
}

// TestHaltedForGood waits for watchHalt, with and without vCPUs that never started.
func TestHaltedForGood(t *testing.T) {
	for _, cpus := range []int{1, 3} {
		t.Run(fmt.Sprint(cpus, " vCPUs"), func(t *testing.T) {
			t.Parallel()
			c := tinyConfig(codeHalt)
			c.CPUs = cpus
			m := newTiny(t, c)
			start(t, m)
			if o := waitFor(t, m); o.Kind != Halted {
				t.Errorf("it ended so: %v", o)
			}
		})
	}
}

// TestIdleIsNotHalted: a guest that waits for an interrupt may yet go on.
func TestIdleIsNotHalted(t *testing.T) {
	t.Parallel()
	// sti; 1: hlt; jmp 1b
	m := newTiny(t, tinyConfig([]byte{0xfb, 0xf4, 0xeb, 0xfd}))
	start(t, m)
	select {
	case <-m.Done():
		t.Errorf("it ended so: %v", m.Wait())
	case <-time.After(firstHaltCheck + firstHaltCheck/2):
	}
}

func TestKill(t *testing.T) {
	for name, c := range map[string][]byte{"spin": codeSpin, "halt": codeHalt} {
		t.Run(name, func(t *testing.T) {
			leakCheck(t)
			m := newTiny(t, tinyConfig(c))
			start(t, m)
			m.Kill()
			if o := waitFor(t, m); o.Kind != Killed {
				t.Errorf("it ended so: %v", o)
			}
			m.Kill() // once more: nothing happens
		})
	}
}

func TestPauseAndResume(t *testing.T) {
	// 1: out 0x80, al; jmp 1b
	m := newTiny(t, tinyConfig([]byte{0xe6, 0x80, 0xeb, 0xfc}))
	start(t, m)
	for range 50 {
		if err := errors.Join(m.Pause(), m.Resume()); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-m.Done():
		t.Errorf("it ended so: %v", m.Wait())
	default:
	}
}

// TestPauseHolds: the look for a halted guest pauses and resumes, too, and must not
// resume what somebody else has paused.
func TestPauseHolds(t *testing.T) {
	m := newTiny(t, tinyConfig(codeHalt))
	start(t, m)
	if err := m.Pause(); err != nil {
		t.Fatal(err)
	}
	if m.halted() {
		t.Error("a paused machine was looked at")
	}
	if err := m.cpus[0].Do(func(*kvm.VCPU) error { return nil }); err != nil {
		t.Errorf("after a look for a halted guest: %v", err)
	}
}

// TestCloseAtAnyMoment builds machines and closes them: unstarted, at once, or
// while they run, end or fault.
func TestCloseAtAnyMoment(t *testing.T) {
	kvmtest.Open(t)
	leakCheck(t)
	codes := [][]byte{codeSpin, codeHalt, codeReset, codeTripleFault, code(say("Kernel panic"), codeSpin)}
	for round := range 50 {
		c := tinyConfig(codes[round%len(codes)])
		c.CPUs = 1 + round%2
		c.ACPI, c.CountExits = round%4 == 0, round%5 == 0
		m, err := New(c)
		if err != nil {
			t.Fatal(err)
		}
		if round%7 != 0 {
			start(t, m)
			time.Sleep(rand.N(3 * time.Millisecond))
		}
		if err := m.Close(); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
	}
}

// TestCloseDuringUse closes a machine while others pause it and type on it.
func TestCloseDuringUse(t *testing.T) {
	leakCheck(t)
	kvmtest.Open(t)
	m, err := New(tinyConfig(codeSpin))
	if err != nil {
		t.Fatal(err)
	}
	start(t, m)
	done := make(chan struct{}, 2)
	go func() {
		_ = m.Send([]byte(strings.Repeat("x", 1000))) // the guest never reads: Close ends it
		done <- struct{}{}
	}()
	go func() {
		_ = m.Pipe(strings.NewReader(strings.Repeat("y", 1000))) // likewise
		done <- struct{}{}
	}()
	time.Sleep(20 * time.Millisecond)
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	for range 2 {
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			t.Fatal("Send did not return after Close")
		}
	}
}

// TestTerminateIsBounded asks a guest that does not listen.
func TestTerminateIsBounded(t *testing.T) {
	m := newTiny(t, tinyConfig(codeSpin))
	start(t, m)
	began := time.Now()
	m.Terminate(50*time.Millisecond, 50*time.Millisecond)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("Terminate took %v", took)
	}
}

// endedAsker is a guest's init whose command has ended.
type endedAsker struct{}

func (endedAsker) Listening() bool                         { return false }
func (endedAsker) Ended() bool                             { return true }
func (endedAsker) Ask(_ context.Context, _ syscall.Signal) { panic("it has said all") }

// TestTerminateWhileItCleansUp: an init that writes its disks back is left the time for it.
func TestTerminateWhileItCleansUp(t *testing.T) {
	c := tinyConfig(codeSpin)
	c.Init, c.Asker = true, endedAsker{}
	m := newTiny(t, c)
	start(t, m)
	const grace = 100 * time.Millisecond
	began := time.Now()
	m.Terminate(grace, grace)
	if took := time.Since(began); took < grace {
		t.Errorf("Terminate waited for %v, want %v", took, grace)
	}
}

func TestNewErrors(t *testing.T) {
	kvmtest.Open(t)
	for _, tt := range []struct {
		name  string
		edit  func(*Config)
		class fault.Class
		want  string
	}{
		{"text as kernel", func(c *Config) { c.Kernel = fileOf("hello, world\n") }, fault.Usage, "text file"},
		{"empty kernel", func(c *Config) { c.Kernel = fileOf("") }, fault.Usage, "empty"},
		{"kernel cut", func(c *Config) { c.Kernel.Size = 100 }, fault.Usage, "program headers"},
		{"initrd too big", func(c *Config) { f := fileOf(strings.Repeat("i", MinMemory)); c.Initrd = &f }, fault.Usage, "Memory"},
		{"command line too long", func(c *Config) { c.CmdLine = strings.Repeat("x", 5000) }, fault.Usage, "command line"},
		{"too many CPUs", func(c *Config) { c.CPUs = 100_000 }, fault.Usage, "at most"},
		{"more CPUs than APIC IDs", func(c *Config) { c.CPUs, c.ACPI = 255, true }, fault.Usage, "at most"},
		{"more memory than the host has", func(c *Config) { c.Memory = 1 << 45 }, fault.Host, "this host has"},
		{"no memory", func(c *Config) { c.Memory = 0 }, fault.Usage, "at least 2 MiB"},
		{"a feature that no host has", func(c *Config) {
			c.CPU.changes = []change{{"svm on Mars", cpuidBit{0x12345, 0, eax, 0}, true}}
		}, fault.Usage, "does not offer"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			leakCheck(t)
			c := tinyConfig(codeHalt)
			tt.edit(&c)
			m, err := New(c)
			if m != nil {
				t.Error("a machine came out")
			}
			var e *fault.Error
			if !errors.As(err, &e) || e.Class != tt.class || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("error %v, want one of class %d with %q", err, tt.class, tt.want)
			}
			if strings.Contains(err.Error(), "\n") || e.Thing == "" || e.Mend == "" {
				t.Errorf("error %q lacks thing or mend, or has two lines", err)
			}
		})
	}
}

func fileOf(s string) File {
	return File{Name: "image", R: strings.NewReader(s), Size: int64(len(s))}
}

func TestReport(t *testing.T) {
	c := tinyConfig(code(out(0x80, 1), out(0x80, 2), say("hi"), out(0x5f8, 3), codeHalt))
	c.CountExits = true
	m := newTiny(t, c)
	start(t, m)
	waitFor(t, m)
	r, err := m.Report()
	if err != nil {
		t.Fatal(err)
	}
	if r.VCPUs != 1 || r.Wall <= 0 || r.InGuest <= 0 {
		t.Errorf("report %+v", r)
	}
	count := func(rows []Row, name string) uint64 {
		i := slices.IndexFunc(rows, func(r Row) bool { return r.Name == name })
		if i < 0 {
			return 0
		}
		return rows[i].Count
	}
	if n := count(r.Places, "serial"); n != 2 {
		t.Errorf("%d accesses to the serial port, want 2: %+v", n, r.Places)
	}
	if n := count(r.Places, "delay"); n != 2 {
		t.Errorf("%d accesses to the delay port, want 2: %+v", n, r.Places)
	}
	for _, p := range r.Places {
		if p.Writes != p.Count {
			t.Errorf("%d of %d accesses to %s are writes: want all", p.Writes, p.Count, p.Name)
		}
	}
	if n := count(r.Exits, kvm.ExitIO.String()); n != 5 {
		t.Errorf("%d port exits, want 5: %+v", n, r.Exits)
	}
	if n := r.KVM["exits"]; len(r.KVM) > 0 && n < 5 {
		t.Errorf("KVM counts %d exits, want 5 or more", n)
	}
}

// TestReportOfHelp: two vCPUs that were helped, and with the same instruction could not be.
func TestReportOfHelp(t *testing.T) {
	var r Report
	pxor := func() *assist.Unfinished {
		return &assist.Unfinished{RIP: 0x1000, Bytes: []byte{0x66, 0x0f, 0xef, 0xc0}}
	}
	r.addFinished([]assist.Count{{Name: "FWAIT", N: 2, Nanoseconds: 10}, {Name: "INT3"}}, nil)
	r.addFinished([]assist.Count{{Name: "FWAIT", N: 1, Nanoseconds: 5}}, pxor())
	r.addFinished(nil, pxor())
	r.addFinished(nil, &assist.Unfinished{RIP: 0x2000})
	if want := []Row{{Name: "FWAIT", Count: 3, Time: 15}}; !slices.Equal(r.Finished, want) {
		t.Errorf("finished: %+v, want %+v", r.Finished, want)
	}
	if len(r.Instead) != 2 || !strings.Contains(r.Instead[0], "0x1000") || !strings.Contains(r.Instead[1], "0x2000") {
		t.Errorf("an exception instead: %q", r.Instead)
	}
}

func TestReportWithoutLedger(t *testing.T) {
	m := newTiny(t, tinyConfig(codeReset))
	start(t, m)
	waitFor(t, m)
	if r, err := m.Report(); err != nil || len(r.Exits)+len(r.Places) != 0 || r.VCPUs != 1 {
		t.Errorf("report %+v, %v", r, err)
	}
}

func TestFourCPUs(t *testing.T) {
	leakCheck(t)
	c := tinyConfig(code(out(0x5f8, 4), codeHalt))
	c.CPUs, c.ACPI, c.Memory = 4, true, 16<<20
	m := newTiny(t, c)
	for id, r := range m.cpus {
		err := r.Do(func(c *kvm.VCPU) error {
			state, err := c.MPState()
			if want := kvm.MPUninitialized; id > 0 && state != want || id == 0 && state != kvm.MPRunnable {
				t.Errorf("vCPU %d is in state %d", id, state)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
	start(t, m)
	if o := waitFor(t, m); o.Kind != Exited || o.Status != 4 {
		t.Errorf("it ended so: %v", o)
	}
	if r, err := m.Report(); r.VCPUs != 4 || err != nil {
		t.Errorf("report %+v, %v", r, err)
	}
}
