package machine

import (
	"testing"

	"terem/devices/pit"
	"terem/kvm"
)

// stopPIT is what Linux does to a timer that it does not want.
var stopPIT = code(out(0x43, 0x30), out(0x40, 0), out(0x40, 0), out(0x43, 0x30))

// TestPITWhenWanted: a guest that waits for counter 2 gets a true timer, which has
// what the guest wrote before there was one.
func TestPITWhenWanted(t *testing.T) {
	// 1: in al, 0x61; test al, 0x20; jz 1b
	wait := []byte{0xe4, 0x61, 0xa8, 0x20, 0x74, 0xfa}
	m := newTiny(t, tinyConfig(code(stopPIT, out(0x61, 0x01), out(0x43, 0xb0), out(0x42, 0x34), out(0x42, 0x12),
		wait, out(0x5f8, 7), codeHalt)))
	start(t, m)
	if o := waitFor(t, m); o.Kind != Exited || o.Status != 7 {
		t.Fatalf("it ended so: %v", o)
	}
	p, err := m.vm.PIT()
	if err != nil {
		t.Fatal(err)
	}
	if c := p.Channels[2]; c.Count != 0x1234 || c.Gate != 1 || c.Mode != 0 || c.RWMode != uint8(pit.Both) {
		t.Errorf("counter 2: %+v", c)
	}
}

// TestNoPITUnlessWanted: stopping it does not make one.
func TestNoPITUnlessWanted(t *testing.T) {
	m := newTiny(t, tinyConfig(code(stopPIT, out(0x5f8, 7), codeHalt)))
	start(t, m)
	if o := waitFor(t, m); o.Kind != Exited || o.Status != 7 {
		t.Fatalf("it ended so: %v", o)
	}
	if _, err := m.vm.PIT(); err == nil {
		t.Error("there is an interval timer that nobody asked for")
	}
}

// Code that uses counter 2 and tells al as the exit status.
var (
	readCounter0 = []byte{0xe4, 0x40} // in al, 0x40
	readCounter2 = []byte{0xe4, 0x42}
	exitAL       = code([]byte{0x66, 0xba, 0xf8, 0x05, 0xee}, codeHalt) // mov dx, 0x5f8; out dx, al

	// longest waits for 65535 turns of counter 2, 55 ms. 1: in al, 0x61; test al, 0x20; jz 1b
	longest = code(out(0x61, 0x01), out(0x43, 0xb0), out(0x42, 0xff), out(0x42, 0xff),
		[]byte{0xe4, 0x61, 0xa8, 0x20, 0x74, 0xfa})
)

// TestPITReadFirst: what makes the timer is a read of a counter without a count. It goes on where it began.
func TestPITReadFirst(t *testing.T) {
	for _, tt := range []struct {
		name      string
		code      []byte
		status    int // -1: it depends on the time
		readState uint8
	}{
		{"low, then high", code(out(0x43, 0xb0), readCounter2, readCounter2), -1, uint8(pit.Both)},
		{"low alone", code(out(0x43, 0xb0), readCounter2), 0, pitSecond},
		{"latched", code(out(0x43, 0xb0), out(0x43, 0x80), readCounter2, readCounter2), 0, uint8(pit.Both)},
		{"latched by read back", code(out(0x43, 0xb0), out(0x43, 0xd8), readCounter2, readCounter2), 0, uint8(pit.Both)},
		{"status", code(out(0x43, 0xb4), out(0x43, 0xe8), readCounter2), 0xf4, uint8(pit.Both)},
		{"status, then a count", code(out(0x43, 0xb4), out(0x43, 0xc8), readCounter2, readCounter2, readCounter2), 0, uint8(pit.Both)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := newTiny(t, tinyConfig(code(tt.code, exitAL)))
			start(t, m)
			if o := waitFor(t, m); o.Kind != Exited || tt.status >= 0 && int(o.Status) != tt.status {
				t.Errorf("it ended so: %v; want %#x", o, tt.status)
			}
			p, err := m.vm.PIT()
			if err != nil {
				t.Fatal(err)
			}
			if c := p.Channels[2]; c.ReadState != tt.readState || c.CountLatched != 0 || c.StatusLatched != 0 {
				t.Errorf("counter 2: %+v", c)
			}
		})
	}
}

// TestPITStandsStill: a counter 0 that has no count interrupts nobody, and one that is given a count does.
func TestPITStandsStill(t *testing.T) {
	for _, tt := range []struct {
		name      string
		do        []byte
		interrupt uint8
	}{
		{"stopped", code(stopPIT, readCounter0), 0},
		{"a tick without a count", code(out(0x43, 0x34), readCounter0), 0},
		{"half a count", code(stopPIT[:len(stopPIT)-len(out(0x43, 0x30))], out(0x40, 1), readCounter2), 0},
		{"loaded later", code(stopPIT, readCounter0, out(0x40, 0), out(0x40, 1)), 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			// in al, 0x20: the first PIC's requests; and al, 1
			m := newTiny(t, tinyConfig(code(tt.do, longest, longest, []byte{0xe4, 0x20, 0x24, 1}, exitAL)))
			start(t, m)
			if o := waitFor(t, m); o.Kind != Exited || o.Status != tt.interrupt {
				t.Errorf("it ended so: %v; want %d", o, tt.interrupt)
			}
		})
	}
}

func TestPITState(t *testing.T) {
	s := pit.State{Counters: [3]pit.Counter{
		{Access: pit.Both, Mode: 2, Count: 11932, Loaded: true, HighNext: true},
		{Access: pit.High, Mode: 4, Count: 0x1200, Loaded: true, CountLatched: true, StatusLatched: true},
		{Access: pit.Both, Mode: 3, BCD: true, Half: true, LowByte: 0x12},
	}}
	want := kvm.PITState{Flags: 2}
	c := &want.Channels
	c[0].Count, c[0].Mode, c[0].RWMode, c[0].ReadState, c[0].WriteState, c[0].Gate = 11932, 2, 3, 4, 3, 1
	c[1].Count, c[1].Mode, c[1].RWMode, c[1].ReadState, c[1].WriteState, c[1].Gate = 0x1200, 4, 2, 2, 2, 1
	c[1].LatchedCount, c[1].CountLatched, c[1].StatusLatched, c[1].Status = 0x1200, 2, 1, 0xa8
	c[2].Mode, c[2].RWMode, c[2].ReadState, c[2].BCD, c[2].Gate = 3, 3, 3, 1, 1
	c[2].Count, c[2].WriteState, c[2].WriteLatch = 0xffff_0000, 4, 0x12
	if got := pitState(s, 0x03); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	want.Flags, c[2].Gate = 0, 0
	if got := pitState(s, 0); got != want {
		t.Errorf("with the gate closed: %+v, want %+v", got, want)
	}
	if c := pitState(pit.State{}, 0).Channels[0]; c.Mode != 0xff || c.Count != 0 {
		t.Errorf("after a reset: %+v", c)
	}
}
