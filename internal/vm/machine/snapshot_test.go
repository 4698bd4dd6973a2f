package machine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"terem/devices/virtio/rng"
	"terem/devices/virtio/vsock"
	"terem/internal/kvmtest"
	"terem/kvm"
	"terem/memory"
	"terem/vcpu"
)

// saved is a machine's state and the contents of its RAM.
type saved struct {
	state *State
	ram   [][]byte
}

func save(t testing.TB, m *Machine) (s saved) {
	t.Helper()
	state, err := m.Save(func(_ context.Context, g *memory.Guest) error {
		for _, r := range g.Regions() {
			s.ram = append(s.ram, slices.Clone(r.Host))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(state)
	if err != nil {
		t.Fatal(err)
	}
	s.state = new(State)
	if err := json.Unmarshal(text, s.state); err != nil {
		t.Fatal(err)
	}
	return s
}

// restore makes another machine of it, which the test closes.
func restore(t testing.TB, c Config, s saved) *Machine {
	t.Helper()
	ram, err := memory.New(c.Memory)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range ram.Regions() {
		copy(r.Host, s.ram[i])
	}
	m, err := Restore(c, s.state, ram)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// converse has the guest echo a word.
func converse(t *testing.T, m *Machine, con *console, word string) {
	t.Helper()
	before := len(con.String())
	if err := m.Send([]byte(word)); err != nil {
		t.Fatal(err)
	}
	await(t, "the echo", func() bool { return len(con.String()) >= before+len(word) })
	if got := con.String()[before:]; got != word {
		t.Errorf("the echo of %q is %q", word, got)
	}
}

// TestSave: a guest goes on where it was, in ten generations, and the original does, too.
func TestSave(t *testing.T) {
	leakCheck(t)
	m, con := echoes(t)
	converse(t, m, con, "the original")
	for range 10 {
		s := save(t, m)
		converse(t, m, con, "goes on")
		con2 := new(console)
		c := tinyConfig(nil)
		c.Out = con2
		clone := restore(t, c, s)
		start(t, clone)
		converse(t, clone, con2, "and the clone")
		m, con = clone, con2
	}
}

// TestSavePaused: a machine that was paused stays so, and one that has ended has no state.
func TestSavePaused(t *testing.T) {
	m, con := echoes(t)
	if err := m.Pause(); err != nil {
		t.Fatal(err)
	}
	save(t, m)
	go func() { _ = m.Send([]byte("x")) }()
	time.Sleep(20 * time.Millisecond)
	if con.String() != "" {
		t.Error("it runs")
	}
	if err := m.Resume(); err != nil {
		t.Fatal(err)
	}
	await(t, "the echo", func() bool { return con.String() == "x" })
	m.Kill()
	if _, err := m.Save(func(context.Context, *memory.Guest) error { return nil }); !errors.Is(err, ErrEnded) {
		t.Errorf("the error is %v", err)
	}
}

// full is a machine with everything that has a state.
func full(out *console) Config {
	c := tinyConfig(codeEcho)
	c.CPUs, c.Out = 2, out
	c.RNG, c.Balloon, c.Vsock = &rng.Config{}, &Balloon{}, &vsock.Config{CID: 3}
	return c
}

// odd makes the state one in which no register is as after a reset.
func odd(s *State) {
	s.Clock = 1e12
	s.PIC[0][0], s.IOAPIC[24] = 1, 0x55 // last_irr; the vector of pin 0
	for i := range s.CPUs {
		c := &s.CPUs[i]
		r := reflect.ValueOf(&c.Regs).Elem()
		for f := range r.NumField() {
			if name := r.Type().Field(f).Name; name != "RFLAGS" && name != "RIP" {
				r.Field(f).SetUint(uint64(0x1000 + f))
			}
		}
		c.Debug.DB = [4]uint64{0x1000, 0x2000, 0x3000, 0x4000}
		c.XSave[32], c.XSave[160] = 7, 8 // ST0, XMM0
		c.XSave[512] |= 3                // of which the area has both
		c.Events.N.Masked = 1
		for j := range c.MSRs {
			switch c.MSRs[j].Index {
			case kvm.MSRSTAR, kvm.MSRLSTAR, kvm.MSRFMASK, kvm.MSRTSCAux, 0x174, 0x175, 0x176, 0xc0000102:
				c.MSRs[j].Data = uint64(0x100 + j)
			case kvm.MSRTSC:
				c.MSRs[j].Data += 1 << 40
			}
		}
	}
}

// oddDevices does the same for devices, where a register can have any value.
func oddDevices(t *testing.T, s *State) {
	t.Helper()
	for name, to := range map[string]string{
		"rtc": `"Index":9`, "post": `"Code":66`, "delay": `"Code":67`, "serial": `"SCR":77`, "control": `"Unknown":5`, "pci": `"Control":2`,
		"port b": `"Control":1`,
	} {
		field := to[:strings.IndexByte(to, ':')+1]
		before, after, ok := strings.Cut(string(s.Devices[name]), field+"0")
		if !ok {
			t.Fatalf("%s has no %s0: %s", name, field, s.Devices[name])
		}
		s.Devices[name] = json.RawMessage(before + to + after)
	}
}

// TestStateSurvives: what one machine is given, it gives, register by register.
func TestStateSurvives(t *testing.T) {
	con := new(console)
	c := full(con)
	m := newTiny(t, c)
	first := save(t, m)
	odd(first.state)
	oddDevices(t, first.state)
	clone := restore(t, c, first)
	second := save(t, clone)
	if d := second.state.Clock - first.state.Clock; d > 60e9 {
		t.Errorf("kvm-clock is %d ns further", d)
	}
	for i := range first.state.CPUs {
		a, b := &first.state.CPUs[i], &second.state.CPUs[i]
		a.MSRs, b.MSRs = withoutTime(t, a.MSRs, b.MSRs)
		same(t, "CPUID", a.CPUID, b.CPUID)
		va, vb := reflect.ValueOf(a.State), reflect.ValueOf(b.State)
		for f := range va.NumField() {
			same(t, va.Type().Field(f).Name, va.Field(f).Interface(), vb.Field(f).Interface())
		}
	}
	same(t, "PIC", first.state.PIC, second.state.PIC)
	same(t, "IOAPIC", first.state.IOAPIC, second.state.IOAPIC)
	for name, a := range first.state.Devices {
		if b := second.state.Devices[name]; name != "acpi" && !bytes.Equal(a, b) { // whose timer runs
			t.Errorf("%s was %s, and is %s", name, a, b)
		}
	}
	if len(first.state.Devices) != 17 {
		t.Errorf("%d devices have a state", len(first.state.Devices))
	}
}

// TestTimerSurvives: the interval timer, which raises interrupts.
func TestTimerSurvives(t *testing.T) {
	con := new(console)
	c := full(con)
	s := save(t, newTiny(t, c))
	s.state.PIT = &kvm.PITState{}
	s.state.PIT.Channels[0] = kvm.PITChannelState{Count: 0x1234, RWMode: 3, Mode: 2, Gate: 1}
	p := save(t, restore(t, c, s)).state.PIT
	if p == nil || p.Channels[0].Count != 0x1234 || p.Channels[0].Mode != 2 {
		t.Errorf("it is %+v", p)
	}
}

// withoutTime leaves out what has gone on: the TSC, on both sides, and what Hyper-V's guests read as times.
func withoutTime(t *testing.T, a, b []vcpu.MSR) (_, _ []vcpu.MSR) {
	t.Helper()
	times := []uint32{kvm.MSRTSC, 0x40000010, 0x40000020}
	value := func(l []vcpu.MSR) uint64 {
		return l[slices.IndexFunc(l, func(m vcpu.MSR) bool { return m.Index == kvm.MSRTSC })].Data
	}
	if d := value(b) - value(a); d > 1<<38 {
		t.Errorf("the TSC was %#x, and is %#x", value(a), value(b))
	}
	is := func(m vcpu.MSR) bool { return slices.Contains(times, m.Index) }
	return slices.DeleteFunc(a, is), slices.DeleteFunc(b, is)
}

func same(t *testing.T, what string, a, b any) {
	t.Helper()
	if reflect.DeepEqual(a, b) {
		return
	}
	va, vb := reflect.ValueOf(a), reflect.ValueOf(b)
	if va.Kind() == reflect.Slice && va.Len() == vb.Len() {
		for i := range va.Len() {
			same(t, fmt.Sprintf("%s[%d]", what, i), va.Index(i).Interface(), vb.Index(i).Interface())
		}
		return
	}
	t.Errorf("%s was %+v, and is %+v", what, a, b)
}

// TestRestoreRefuses: what is not of this machine, or not of this host, is one line.
func TestRestoreRefuses(t *testing.T) {
	con := new(console)
	m := newTiny(t, full(con))
	for want, spoil := range map[string]func(*State){
		"1 vCPUs":               func(s *State) { s.CPUs = s.CPUs[:1] },
		"with VT-x or AMD-V":    func(s *State) { s.Interprets = !s.Interprets },
		"it lacks ":             func(s *State) { findLeaf(s.CPUs[0].CPUID, leafExtended, 0).Ebx |= 1 << 22 },
		"signature":             func(s *State) { findLeaf(s.CPUs[1].CPUID, leafFeatures, 0).Eax++ },
		"LAPIC: 3 bytes":        func(s *State) { s.CPUs[1].LAPIC = s.CPUs[1].LAPIC[:3] },
		"interrupt chip 2":      func(s *State) { s.IOAPIC = nil },
		`no device "rtc"`:       func(s *State) { s.Devices["clock"] = s.Devices["rtc"]; delete(s.Devices, "rtc") },
		"has 16 devices":        func(s *State) { delete(s.Devices, "rng") },
		"restore rng transport": func(s *State) { s.Devices["rng transport"] = json.RawMessage(`{"Status":255}`) },
		"unknown field":         func(s *State) { s.Devices["pci"] = json.RawMessage(`{"Wrong":1}`) },
		"needs help":            func(s *State) { s.Undone = true },
		"MSR 0xdeadbeef":        func(s *State) { s.CPUs[0].MSRs = append(s.CPUs[0].MSRs, vcpu.MSR{Index: 0xdeadbeef, Data: 1}) },
	} {
		s := save(t, m)
		spoil(s.state)
		ram, err := memory.New(MinMemory)
		if err != nil {
			t.Fatal(err)
		}
		clone, err := Restore(full(con), s.state, ram)
		if err == nil {
			clone.Close()
			t.Errorf("%q: no error", want)
		} else if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: the error is %v", want, err)
		}
	}
}

// TestCloseDuringSave: what is copied stays mapped until it has been.
func TestCloseDuringSave(t *testing.T) {
	kvmtest.Open(t)
	m, err := New(tinyConfig(codeSpin))
	if err != nil {
		t.Fatal(err)
	}
	start(t, m)
	copying, saved := make(chan struct{}), make(chan error, 1)
	go func() {
		_, err := m.Save(func(ctx context.Context, g *memory.Guest) error {
			close(copying)
			<-ctx.Done()
			for _, r := range g.Regions() {
				_ = bytes.Clone(r.Host)
			}
			return ctx.Err()
		})
		saved <- err
	}()
	<-copying
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	if err := <-saved; !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
}
