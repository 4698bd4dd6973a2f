package legacy

import "sync"

// DelayState is all that a guest can change in a Delay.
type DelayState struct {
	Code byte
}

// Delay is a port that is written for the time that it takes, or to show a
// diagnostic code: 0x80, or 0xed where 0x80 is in use. It reads as the last code.
type Delay struct {
	mu sync.Mutex
	s  DelayState
}

// Read reads the port; see [devices.Device].
func (d *Delay) Read(_ uint64, p []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range p {
		p[i] = d.s.Code
	}
}

// Write writes the port; see [devices.Device].
func (d *Delay) Write(_ uint64, p []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, v := range p {
		d.s.Code = v
	}
}

// Save returns a copy of the state.
func (d *Delay) Save() DelayState {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.s
}

// Restore replaces the state by s.
func (d *Delay) Restore(s DelayState) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.s = s
}
