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

func TestPITState(t *testing.T) {
	s := pit.State{Counters: [3]pit.Counter{
		{Access: pit.Both, Mode: 2, Count: 11932},
		{},
		{Access: pit.Both, Mode: 3, BCD: true, Half: true, LowByte: 0x12},
	}}
	want := kvm.PITState{Flags: 2}
	c := &want.Channels
	c[0].Count, c[0].Mode, c[0].RWMode, c[0].ReadState, c[0].WriteState, c[0].Gate = 11932, 2, 3, 3, 3, 1
	c[1].Mode, c[1].Gate = 0xff, 1
	c[2].Mode, c[2].RWMode, c[2].ReadState, c[2].BCD, c[2].Gate = 3, 3, 3, 1, 1
	c[2].WriteState, c[2].WriteLatch = 4, 0x12
	if got := pitState(s, 0x03); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	want.Flags, c[2].Gate = 0, 0
	if got := pitState(s, 0); got != want {
		t.Errorf("with the gate closed: %+v, want %+v", got, want)
	}
}
