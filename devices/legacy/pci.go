package legacy

import (
	"sync"

	"terem/devices"
)

// PCIHostSize is how many ports a PCIHost takes on the bus.
const PCIHostSize = 8

// offReset is port 0xcf9 within the range.
const offReset = 1

// Reset control, port 0xcf9.
//
//	bit  3           2                             1
//	     full reset  reset, at a change from 0     hard reset
const (
	resetStored = 0x0e
	resetNow    = 1 << 2
)

// PCIHostState is all that a guest can change in a PCIHost.
type PCIHostState struct {
	Control byte // reset control
}

// PCIHost is where a PC has its PCI host bridge, for a machine that has none: the
// configuration address and data ports read as all ones, which every kernel takes
// for an answer.
//
// The reset control register shares a port with the second byte of the address.
// They are told apart by width, as in the chip: an access of one byte at 0xcf9 is
// for the reset control, all others are for the bridge. That is why both are one
// device; on two, the address of a bus scan would reset the machine.
type PCIHost struct {
	reset func()

	mu sync.Mutex
	s  PCIHostState
}

// NewPCIHost returns the ports. reset is called, on the vCPU's goroutine, each
// time that the guest asks for a reset.
func NewPCIHost(reset func()) *PCIHost { return &PCIHost{reset: reset} }

// Read reads the ports; see [devices.Device].
func (d *PCIHost) Read(off uint64, p []byte) {
	devices.Fill(p)
	if off != offReset || len(p) != 1 {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	p[0] = d.s.Control
}

// Write writes the ports; see [devices.Device].
func (d *PCIHost) Write(off uint64, p []byte) {
	if off != offReset || len(p) != 1 {
		return
	}
	v := p[0] & resetStored
	d.mu.Lock()
	rise := v &^ d.s.Control & resetNow
	d.s.Control = v
	d.mu.Unlock()
	if rise != 0 {
		d.reset()
	}
}

// Save returns a copy of the state.
func (d *PCIHost) Save() PCIHostState {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.s
}

// Restore replaces the state by s.
func (d *PCIHost) Restore(s PCIHostState) {
	s.Control &= resetStored
	d.mu.Lock()
	defer d.mu.Unlock()
	d.s = s
}
