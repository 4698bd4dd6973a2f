package devices

// Device is a set of registers that a guest reads and writes.
//
// The offset counts from the start of the range that the device was attached at,
// and off+len(p) never exceeds the size of that range. len(p) is what one bus
// access carries: 1, 2, 4 or 8 bytes, fewer where an access was split, never 0.
//
// All of p is the guest's choice, so no method may panic, block for ever or fail:
// a register that is not there reads as all ones and swallows what is written.
// Both methods are called from the goroutines of several vCPUs at once; the
// device does its own locking. They must not keep p.
type Device interface {
	Read(off uint64, p []byte)
	Write(off uint64, p []byte)
}

// IRQ is the wire from a device to the interrupt controller. Trigger sends one
// edge, as an ISA line would, and may be called from any goroutine.
type IRQ interface {
	Trigger()
}

// Line is a wire that is level-triggered: the device holds it high for as long as it wants
// to be heard, and sets it low when the guest has dealt with all it had to say. Set may be
// called from any goroutine, and under the device's locks; it must not call the device.
type Line interface {
	Set(high bool)
}

// Fill sets p to all ones, which is what a PC reads where nobody answers: no one
// drives the data lines and their pull-ups win.
func Fill(p []byte) {
	for i := range p {
		p[i] = 0xff
	}
}
