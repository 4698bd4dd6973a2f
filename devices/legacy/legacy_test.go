package legacy

import (
	"testing"

	"terem/devices"
	"terem/devices/devicetest"
)

// The zero values and constructors of the package, as devices.
var (
	_ devices.Device = (*PortB)(nil)
	_ devices.Device = (*Delay)(nil)
	_ devices.Device = (*Port92)(nil)
	_ devices.Device = (*PCIHost)(nil)
)

// TestPortBLoopsEnd waits for each bit to be on and off, as delay loops do.
func TestPortBLoopsEnd(t *testing.T) {
	tests := []struct {
		name      string
		gate, bit byte
	}{
		{"refresh", 0, portBRefresh},
		{"refresh with gate", portBGate, portBRefresh},
		{"timer 2", portBGate, portBTimer2},
	}
	for _, tt := range tests {
		for _, on := range []bool{true, false, true} {
			var b PortB
			devicetest.Out(&b, 0, tt.gate)
			turns := 0
			for (devicetest.In(&b, 0)&tt.bit != 0) != on {
				if turns++; turns > 2 {
					t.Fatalf("%s: does not become %v", tt.name, on)
				}
			}
		}
	}
}

func TestPortB(t *testing.T) {
	var b PortB
	for range 4 {
		if got := devicetest.In(&b, 0); got&portBTimer2 != 0 {
			t.Fatalf("port B %#x: timer 2 is on with its gate off", got)
		}
	}
	devicetest.Out(&b, 0, 0xff)
	if got := devicetest.In(&b, 0) & 0xcf; got != 0x0f {
		t.Errorf("port B %#x, want 0x0f and the two outputs", got)
	}
	b.Read(0, nil)
	b.Write(0, nil)
}

func TestDelay(t *testing.T) {
	var d Delay
	devicetest.Out(&d, 0, 0x42)
	if got := devicetest.In(&d, 0); got != 0x42 {
		t.Errorf("code %#x, want 0x42", got)
	}
}

func TestPort92(t *testing.T) {
	var resets devicetest.Calls
	d := NewPort92(resets.Call)
	if got := devicetest.In(d, 0); got != 0x02 {
		t.Errorf("port 0x92 %#x after reset, want 2", got)
	}
	for _, s := range []struct {
		v      byte
		resets int
	}{{0x00, 0}, {0x02, 0}, {0x03, 1}, {0x03, 0}, {0x02, 0}, {0x01, 1}} {
		devicetest.Out(d, 0, s.v)
		if got := resets.Take(); got != s.resets {
			t.Errorf("%#x: %d resets, want %d", s.v, got, s.resets)
		}
	}
}

// TestLinuxReboot writes 0xcf9 as native_machine_emergency_restart does (BOOT_CF9).
func TestLinuxReboot(t *testing.T) {
	var resets devicetest.Calls
	d := NewPCIHost(resets.Call)
	cf9 := devicetest.In(d, 1) &^ 0x0e
	devicetest.Out(d, 1, cf9|0x02)
	if resets.Take() != 0 {
		t.Error("asking for a hard reset resets")
	}
	devicetest.Out(d, 1, cf9|0x06)
	if resets.Take() != 1 {
		t.Error("no reset")
	}
	devicetest.Out(d, 1, cf9|0x06)
	if resets.Take() != 0 {
		t.Error("a reset without a change from 0 to 1")
	}
	devicetest.Out(d, 1, 0)
	d.Write(1, []byte{0x06, 0x00})
	if resets.Take() != 0 {
		t.Error("a 16-bit write reached the reset control")
	}
	p := make([]byte, 2)
	if d.Read(1, p); p[0] != 0xff {
		t.Errorf("a 16-bit read reached the reset control: %#x", p[0])
	}
}

// TestLinuxPCIProbe is pci_check_type1 and 2 (arch/x86/pci/direct.c) and an early
// scan; none may find a bridge, and none may reset.
func TestLinuxPCIProbe(t *testing.T) {
	var resets devicetest.Calls
	d := NewPCIHost(resets.Call)
	devicetest.Out(d, 3, 0x01)
	p := make([]byte, 4)
	d.Write(0, []byte{0, 0, 0, 0x80})
	if d.Read(0, p); p[3] == 0x80 {
		t.Error("type 1 found")
	}
	for _, off := range []uint64{3, 0, 2} {
		devicetest.Out(d, off, 0)
	}
	if devicetest.In(d, 0) == 0 && devicetest.In(d, 2) == 0 {
		t.Error("type 2 found")
	}
	for devfn := range 256 {
		d.Write(0, []byte{0, byte(devfn), 0, 0x80})
		if d.Read(4, p); [4]byte(p) != [4]byte{0xff, 0xff, 0xff, 0xff} {
			t.Fatalf("device %#x answers % x", devfn, p)
		}
	}
	if n := resets.Take(); n != 0 {
		t.Errorf("the scan reset the machine %d times", n)
	}
}

func TestSaveRestore(t *testing.T) {
	var b PortB
	b.Restore(PortBState{Control: 0xff, Refresh: true})
	if got := b.Save(); got != (PortBState{Control: 0x0f, Refresh: true}) {
		t.Errorf("port B %+v", got)
	}
	var d Delay
	d.Restore(DelayState{Code: 7})
	if d.Save().Code != 7 {
		t.Errorf("delay %+v", d.Save())
	}
	var resets devicetest.Calls
	a := NewPort92(resets.Call)
	a.Restore(Port92State{Value: 1})
	if a.Save().Value != 1 || resets != 0 {
		t.Errorf("port 0x92 %+v, %d resets", a.Save(), resets)
	}
	h := NewPCIHost(resets.Call)
	h.Restore(PCIHostState{Control: 0xff})
	if h.Save().Control != 0x0e || resets != 0 {
		t.Errorf("PCI %+v, %d resets", h.Save(), resets)
	}
}

func FuzzPorts(f *testing.F) {
	f.Add([]byte{1, 1, 6, 0, 1, 0})
	f.Fuzz(func(t *testing.T, ops []byte) {
		var resets devicetest.Calls
		devicetest.Poke(&PortB{}, 1, ops)
		devicetest.Poke(&Delay{}, 1, ops)
		devicetest.Poke(NewPort92(resets.Call), 1, ops)
		devicetest.Poke(NewPCIHost(resets.Call), PCIHostSize, ops)
	})
}
