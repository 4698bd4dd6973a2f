package kvm

import "testing"

// TestDebugOf: what KVM is told of breakpoints and steps.
func TestDebugOf(t *testing.T) {
	for _, tt := range []struct {
		name    string
		breakAt uint64
		w       Watched
		control uint32
		dr0     uint64
		dr7     uint64
	}{
		{name: "nothing"},
		{name: "the assistant's", breakAt: 0x1000, control: debugEnable | debugHardware, dr0: 0x1000, dr7: 0x402},
		{name: "a step", w: Watched{Step: true}, control: debugEnable | debugStep},
		{name: "a quiet step", w: Watched{Step: true, Quiet: true}, control: debugEnable | debugStep | debugBlockIRQ},
		{name: "INT3", w: Watched{Software: true}, control: debugEnable | debugSoftware},
		{name: "a write of 4 bytes in slot 0", w: Watched{Slots: [4]Watchpoint{{0x2000, 4, Writes}}},
			control: debugEnable | debugHardware, dr0: 0x2000, dr7: 0x402 | 0xd<<16},
		{name: "slot 0 is the assistant's", breakAt: 0x1000, w: Watched{Slots: [4]Watchpoint{{0x2000, 4, Writes}}},
			control: debugEnable | debugHardware, dr0: 0x1000, dr7: 0x402},
		{name: "8 bytes touched, in slot 3", w: Watched{Slots: [4]Watchpoint{3: {0x2000, 8, Touches}}},
			control: debugEnable | debugHardware, dr7: 1<<7 | 1<<10 | 0xb<<28},
	} {
		d := debugOf(tt.breakAt, &tt.w, 0)
		if d.control != tt.control || d.debug[0] != tt.dr0 || d.debug[7] != tt.dr7 {
			t.Errorf("%s: control %#x, DR0 %#x, DR7 %#x; want %#x, %#x, %#x", tt.name, d.control, d.debug[0], d.debug[7], tt.control, tt.dr0, tt.dr7)
		}
	}
}
