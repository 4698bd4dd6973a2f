package acpipm

import (
	"encoding/binary"
	"sync"
	"time"

	"terem/devices"
)

// Offsets, for the FADT to point at.
const (
	OffEvent   = 0
	OffControl = 4
	OffTimer   = 8
	OffReset   = 12

	// Size is how many ports the block takes on the bus.
	Size = 16
)

// S5 is the SLP_TYP of soft off, and ResetValue what resets at OffReset.
const (
	S5         = 5
	ResetValue = 1
)

// PM1 status and enable; bit 8 is the power button in both.
const powerButton = 1 << 8

// PM1 control.
//
//	bit  13      12-10    0
//	     SLP_EN  SLP_TYP  SCI_EN
//
// SLP_EN reads as 0, SCI_EN as 1.
const (
	sciEnable  = 1 << 0
	sleepShift = 10
	sleepType  = 7 << sleepShift
	sleepNow   = 1 << 13
)

// Frequency is that of the timer, in Hz.
const Frequency = 3579545

// State is all that a guest can change in the block, and the timer's count.
type State struct {
	Status, Enable, Control uint16
	Timer                   uint32
}

// Config wires a Block. Any field but Now may be nil.
type Config struct {
	Now      func() time.Time // drives the timer; the host's monotonic clock
	SCI      devices.IRQ      // interrupts the guest for the power button
	PowerOff func()           // the guest entered S5
	Reset    func()           // the guest wrote the reset register
}

// Block is the register block. Its methods may be called from any goroutine; the
// callbacks run on that of the vCPU.
type Block struct {
	cfg Config

	mu    sync.Mutex
	s     State // s.Timer is the count at start
	start time.Time
}

// New returns a block after reset.
func New(cfg Config) *Block {
	return &Block{cfg: cfg, start: cfg.Now(), s: State{Control: sciEnable}}
}

// Read reads registers; see [devices.Device].
func (b *Block) Read(off uint64, p []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var r [Size]byte
	le := binary.LittleEndian
	le.PutUint16(r[OffEvent:], b.s.Status)
	le.PutUint16(r[OffEvent+2:], b.s.Enable)
	le.PutUint16(r[OffControl:], b.s.Control)
	le.PutUint32(r[OffTimer:], b.timer())
	n := copy(p, r[min(off, Size):])
	devices.Fill(p[n:])
}

// Write writes registers; see [devices.Device]. Bytes take effect one by one, from
// the lowest: SLP_EN is in the upper byte of PM1a_CNT, after SLP_TYP's.
func (b *Block) Write(off uint64, p []byte) {
	for i, v := range p {
		b.mu.Lock()
		was := b.asserted()
		act := b.store(off+uint64(i), v)
		sci := b.asserted() && !was
		b.mu.Unlock()
		if sci && b.cfg.SCI != nil {
			b.cfg.SCI.Trigger()
		}
		if act != nil {
			act()
		}
	}
}

// PressPowerButton asks the guest to power off. It reports whether the guest has
// asked to be told of the button; if it has not, nothing will come of it.
func (b *Block) PressPowerButton() bool {
	b.mu.Lock()
	was := b.asserted()
	b.s.Status |= powerButton
	now := b.asserted()
	b.mu.Unlock()
	if now && !was && b.cfg.SCI != nil {
		b.cfg.SCI.Trigger()
	}
	return now && b.cfg.SCI != nil
}

// Save returns a copy of the state, with the timer's present count.
func (b *Block) Save() State {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.s
	s.Timer = b.timer()
	return s
}

// Restore replaces the state by s; the timer goes on from its count. An event that
// is pending raises the SCI anew.
func (b *Block) Restore(s State) {
	s.Status &= powerButton
	s.Enable &= powerButton
	s.Control = s.Control&sleepType | sciEnable
	b.mu.Lock()
	b.s, b.start = s, b.cfg.Now()
	sci := b.asserted()
	b.mu.Unlock()
	if sci && b.cfg.SCI != nil {
		b.cfg.SCI.Trigger()
	}
}

// store writes one byte and returns the callback that this calls for, or nil. mu
// is held.
func (b *Block) store(off uint64, v byte) (act func()) {
	switch off {
	case OffEvent + 1:
		b.s.Status &^= uint16(v) << 8 & powerButton
	case OffEvent + 3:
		b.s.Enable = uint16(v) << 8 & powerButton
	case OffControl + 1:
		w := uint16(v) << 8
		b.s.Control = w&sleepType | sciEnable
		if w&sleepNow != 0 && w&sleepType == S5<<sleepShift {
			return b.cfg.PowerOff
		}
	case OffReset:
		if v == ResetValue {
			return b.cfg.Reset
		}
	}
	return nil
}

// asserted says whether an enabled event is pending. mu is held.
func (b *Block) asserted() bool { return b.s.Status&b.s.Enable != 0 }

// timer is the timer's count, which wraps every 20 minutes. Seconds and the rest are
// multiplied apart, so that nothing overflows on the way. mu is held.
func (b *Block) timer() uint32 {
	d := b.cfg.Now().Sub(b.start)
	s, rest := uint64(d/time.Second), uint64(d%time.Second)
	return b.s.Timer + uint32(s*Frequency+rest*Frequency/uint64(time.Second))
}
