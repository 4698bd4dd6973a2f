package acpipm

import (
	"encoding/binary"
	"sync"
	"time"

	"terem/devices"
)

// PM1 status and enable. What is at neither place reads as 0 and cannot be written.
//
//	bit     10   9             8             5            4           0
//	status  RTC  sleep button  power button  global lock  bus master  timer carry
//	enable  RTC  sleep button  power button  global lock  -           timer carry
//
// Status bits are set by what happens and cleared by writing 1. Of these events only the
// power button happens here. All enable bits hold what is written: a driver that does
// not read back what it wrote takes the hardware for broken (ACPICA, AcpiEnableEvent).
const (
	timerCarry  = 1 << 0
	globalLock  = 1 << 5
	powerButton = 1 << 8
	sleepButton = 1 << 9
	rtcAlarm    = 1 << 10

	happens  = powerButton
	enabling = timerCarry | globalLock | powerButton | sleepButton | rtcAlarm
)

// PM1 control.
//
//	bit  13      12-10    2        1       0
//	     SLP_EN  SLP_TYP  GBL_RLS  BM_RLD  SCI_EN
//
// SCI_EN reads as 1. SLP_EN and GBL_RLS read as 0; the latter tells firmware that the
// global lock is free, and here is none that would wait for it. BM_RLD is only kept: it
// lets a bus master wake the processor from C3, which there is not.
const (
	sciEnable  = 1 << 0
	busMaster  = 1 << 1
	sleepShift = 10
	sleepType  = 7 << sleepShift
	sleepNow   = 1 << 13

	controlling = busMaster | sleepType
)

// Frequency is that of the timer, in Hz.
const Frequency = 3579545

// State is all that a guest can change in the block, and the timer's count.
type State struct {
	Status, Enable, Control uint16
	Timer                   uint32
}

// Config wires a Block. SCI, PowerOff and both may be nil.
type Config struct {
	Now      func() time.Time // drives the timer; the host's monotonic clock
	SCI      devices.Line     // high while an event that the guest has enabled is pending
	SoftOff  uint8            // the SLP_TYP of S5: what the DSDT's \_S5 says
	PowerOff func()           // the guest entered S5
}

// Block is the registers. Its methods may be called from any goroutine; PowerOff runs
// on that of the vCPU.
type Block struct {
	cfg Config

	mu    sync.Mutex
	s     State // s.Timer is the count at start
	start time.Time
	high  bool // the SCI, as it was last set
}

// New returns a block after reset.
func New(cfg Config) *Block {
	return &Block{cfg: cfg, start: cfg.Now(), s: State{Control: sciEnable}}
}

// Events is PM1a_STS and PM1a_EN, two bytes each.
func (b *Block) Events() devices.Device {
	return group{b, func(s State) uint32 { return uint32(s.Status) | uint32(s.Enable)<<16 }, (*Block).storeEvent}
}

// Control is PM1a_CNT, two bytes.
func (b *Block) Control() devices.Device {
	return group{b, func(s State) uint32 { return uint32(s.Control) | 0xffff_0000 }, (*Block).storeControl}
}

// Timer is PM_TMR, four bytes.
func (b *Block) Timer() devices.Device {
	return group{b, func(s State) uint32 { return s.Timer }, func(*Block, uint64, byte) bool { return false }}
}

// group is registers that lie together, at most four bytes.
type group struct {
	b     *Block
	load  func(State) uint32
	store func(b *Block, off uint64, v byte) (powerOff bool)
}

// Read reads registers; see [devices.Device].
func (g group) Read(off uint64, p []byte) {
	s := g.b.Save()
	var r [4]byte
	binary.LittleEndian.PutUint32(r[:], g.load(s))
	n := copy(p, r[min(off, uint64(len(r))):])
	devices.Fill(p[n:])
}

// Write writes registers; see [devices.Device]. Bytes take effect one by one, from the
// lowest: SLP_EN is in the upper byte of PM1a_CNT, after SLP_TYP's.
func (g group) Write(off uint64, p []byte) {
	var powerOff bool
	g.b.mu.Lock()
	for i, v := range p {
		powerOff = g.store(g.b, off+uint64(i), v) || powerOff
	}
	g.b.drive()
	g.b.mu.Unlock()
	if powerOff && g.b.cfg.PowerOff != nil {
		g.b.cfg.PowerOff()
	}
}

// PressPowerButton asks the guest to power off. It reports whether the guest has
// asked to be told of the button; if it has not, nothing will come of it until it does.
func (b *Block) PressPowerButton() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.s.Status |= powerButton
	b.drive()
	return b.asserted() && b.cfg.SCI != nil
}

// Save returns a copy of the state, with the timer's present count.
func (b *Block) Save() State {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.s
	s.Timer = b.timer()
	return s
}

// Restore replaces the state by s; the timer goes on from its count.
func (b *Block) Restore(s State) {
	s.Status &= happens
	s.Enable &= enabling
	s.Control = s.Control&controlling | sciEnable
	b.mu.Lock()
	defer b.mu.Unlock()
	b.s, b.start = s, b.cfg.Now()
	b.high = !b.asserted() // the line may be another one by now: set it anew
	b.drive()
}

// storeEvent writes one byte of PM1a_STS or PM1a_EN. mu is held.
func (b *Block) storeEvent(off uint64, v byte) (powerOff bool) {
	w := uint16(v) << (off % 2 * 8)
	mask := uint16(0xff) << (off % 2 * 8)
	switch off / 2 {
	case 0:
		b.s.Status &^= w
	case 1:
		b.s.Enable = b.s.Enable&^mask | w&enabling
	}
	return false
}

// storeControl writes one byte of PM1a_CNT. mu is held.
func (b *Block) storeControl(off uint64, v byte) (powerOff bool) {
	if off > 1 {
		return false
	}
	w, mask := uint16(v)<<(off*8), uint16(0xff)<<(off*8)
	b.s.Control = b.s.Control&^(mask&controlling) | w&controlling
	return w&sleepNow != 0 && b.s.Control&sleepType>>sleepShift == uint16(b.cfg.SoftOff)
}

// asserted says whether an enabled event is pending. mu is held.
func (b *Block) asserted() bool { return b.s.Status&b.s.Enable != 0 }

// drive sets the SCI to what the registers say. mu is held, so that of two changes the
// later one is also the later one on the line.
func (b *Block) drive() {
	if now := b.asserted(); now != b.high && b.cfg.SCI != nil {
		b.high = now
		b.cfg.SCI.Set(now)
	}
}

// timer is the timer's count, which wraps every 20 minutes. Seconds and the rest are
// multiplied apart, so that nothing overflows on the way. mu is held.
func (b *Block) timer() uint32 {
	d := b.cfg.Now().Sub(b.start)
	s, rest := uint64(d/time.Second), uint64(d%time.Second)
	return b.s.Timer + uint32(s*Frequency+rest*Frequency/uint64(time.Second))
}
