package legacy

import "sync"

// Port 0x92, system control port A.
//
//	bit  1    0
//	     A20  reset, at a change from 0 to 1
const (
	port92Reset = 1 << 0
	port92A20   = 1 << 1
)

// Port92State is all that a guest can change in a Port92.
type Port92State struct {
	Value byte
}

// Port92 is the PS/2 system control port A. Gate A20 is stored and has no effect.
type Port92 struct {
	reset func()

	mu sync.Mutex
	s  Port92State
}

// NewPort92 returns a port with A20 on. reset is called, on the vCPU's goroutine,
// each time that the guest asks for a reset.
func NewPort92(reset func()) *Port92 {
	return &Port92{reset: reset, s: Port92State{Value: port92A20}}
}

// Read reads the port; see [devices.Device].
func (d *Port92) Read(_ uint64, p []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range p {
		p[i] = d.s.Value
	}
}

// Write writes the port; see [devices.Device].
func (d *Port92) Write(_ uint64, p []byte) {
	for _, v := range p {
		d.mu.Lock()
		rise := v &^ d.s.Value & port92Reset
		d.s.Value = v
		d.mu.Unlock()
		if rise != 0 {
			d.reset()
		}
	}
}

// Save returns a copy of the state.
func (d *Port92) Save() Port92State {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.s
}

// Restore replaces the state by s.
func (d *Port92) Restore(s Port92State) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.s = s
}
