// Package devicetest is what tests of devices share: a driver's two instructions,
// a clock that stands still, and a guest that pokes at random.
package devicetest

import (
	"time"

	"terem/devices"
)

// In reads one byte, as IN AL does.
func In(d devices.Device, off uint64) byte {
	p := []byte{0}
	d.Read(off, p)
	return p[0]
}

// Out writes one byte, as OUT AL does.
func Out(d devices.Device, off uint64, v byte) { d.Write(off, []byte{v}) }

// Calls counts how often a device called back.
type Calls int

// Call is the callback.
func (c *Calls) Call() { *c++ }

// Take returns the count since the last Take.
func (c *Calls) Take() int {
	n := *c
	*c = 0
	return int(n)
}

// Trigger makes Calls a devices.IRQ.
func (c *Calls) Trigger() { *c++ }

// Line is a devices.Line that remembers.
type Line struct {
	High  bool
	Rises int // how often it went from low to high
}

// Set sets the line.
func (l *Line) Set(high bool) {
	if high && !l.High {
		l.Rises++
	}
	l.High = high
}

// Clock is a clock that moves when it is told to.
type Clock struct{ T time.Time }

// Now is the clock's time.
func (c *Clock) Now() time.Time { return c.T }

// Advance moves the clock.
func (c *Clock) Advance(d time.Duration) { c.T = c.T.Add(d) }

// Poke takes bytes as accesses to a device of size registers: three bytes are
// direction and width, offset, and a value to repeat. It is the body of the
// devices' fuzz tests, which look for a panic.
func Poke(d devices.Device, size uint64, ops []byte) {
	var p [8]byte
	for ; len(ops) >= 3; ops = ops[3:] {
		off := uint64(ops[1]) % size
		n := min(1<<(ops[0]>>1&3), size-off)
		for i := range p {
			p[i] = ops[2] + byte(i)
		}
		if ops[0]&1 == 0 {
			d.Read(off, p[:n])
			continue
		}
		d.Write(off, p[:n])
	}
}
