package legacy

import (
	"sync"

	"terem/devices"
)

// Port B, 0x61. Bits 0-3 can be written, all can be read.
//
//	bit  7       6         5        4        3-2          1        0
//	     parity  I/O chk   timer 2  refresh  NMI disable  speaker  timer 2 gate
const (
	portBStored  = 0x0f
	portBGate    = 1 << 0
	portBRefresh = 1 << 4
	portBTimer2  = 1 << 5
)

// PortBState is all that a guest can change in a PortB.
type PortBState struct {
	Control byte
	Refresh bool // the refresh bit at the next read
}

// PortB is the PS/2 system control port B of a machine without a timer 2. (When a
// guest has made KVM put an interval timer there, KVM serves this port too.)
//
// Guests wait here for two things: for the refresh bit to change, and, with the
// gate on, for timer 2's output to rise or to fall. Both bits change with every
// read, so each such loop ends at its second turn. Linux calibrates its TSC by how
// long timer 2 takes, and discards a measurement with fewer than a thousand turns
// (arch/x86/kernel/tsc.c, pit_calibrate_tsc): it goes on to the next clock, where
// a plausible delay of our own would give it a wrong frequency.
type PortB struct {
	mu sync.Mutex
	s  PortBState
}

// Read reads the port; see [devices.Device].
func (b *PortB) Read(_ uint64, p []byte) {
	devices.Fill(p)
	b.mu.Lock()
	defer b.mu.Unlock()
	v := b.s.Control
	if b.s.Refresh {
		v |= portBRefresh
	}
	if b.s.Refresh && v&portBGate != 0 {
		v |= portBTimer2
	}
	b.s.Refresh = !b.s.Refresh
	copy(p, []byte{v})
}

// Write writes the port; see [devices.Device].
func (b *PortB) Write(_ uint64, p []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, v := range p[:min(1, len(p))] {
		b.s.Control = v & portBStored
	}
}

// Save returns a copy of the state.
func (b *PortB) Save() PortBState {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.s
}

// Restore replaces the state by s.
func (b *PortB) Restore(s PortBState) {
	s.Control &= portBStored
	b.mu.Lock()
	defer b.mu.Unlock()
	b.s = s
}
