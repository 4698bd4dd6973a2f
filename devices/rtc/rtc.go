package rtc

import (
	"sync"
	"time"
)

// Size is how many ports the clock takes on the bus.
const Size = 2

// Indexes; see the package's table.
const (
	idxSeconds = 0x00
	idxMinutes = 0x02
	idxHours   = 0x04
	idxWeekday = 0x06
	idxDay     = 0x07
	idxMonth   = 0x08
	idxYear    = 0x09
	idxA       = 0x0a
	idxB       = 0x0b
	idxC       = 0x0c
	idxD       = 0x0d
	idxBase    = 0x15
	idxExt     = 0x17
	idxExtCopy = 0x30
	idxCentury = 0x32
	idxLow     = 0x34
	idxHigh    = 0x5b
)

// Register A: bit 7 says that the time is about to change and must not be read.
const (
	aUpdating = 1 << 7
	aDefault  = 0x26 // 32768 Hz crystal, 1024 Hz rate
)

// Register B.
//
//	bit  7    6    5    4    3    2       1         0
//	     SET  PIE  AIE  UIE  SQW  binary  24 hours  daylight saving
const (
	bSet    = 1 << 7
	bBinary = 1 << 2
	b24Hour = 1 << 1
)

const (
	dValid = 1 << 7
	// hourPM marks the afternoon in 12-hour mode.
	hourPM    = 1 << 7
	indexMask = 0x7f
)

// updateTime is how long before each second UIP is set (data sheet, tBUC).
const updateTime = 244 * time.Microsecond

// State is all that a guest can change in the clock.
type State struct {
	Index byte
	CMOS  [128]byte // the time's bytes count only while SET holds them still

	// Offset is what the guest's clock is ahead of the host's.
	Offset time.Duration
}

// RTC is an MC146818. Its methods may be called from any goroutine.
type RTC struct {
	now func() time.Time

	mu sync.Mutex
	s  State
}

// New returns a clock that goes by now, in 24-hour BCD as firmware leaves it.
func New(now func() time.Time) *RTC {
	r := &RTC{now: now}
	r.s.CMOS[idxA] = aDefault
	r.s.CMOS[idxB] = b24Hour
	return r
}

// SetMemory writes the size of RAM, in bytes below and above 4 GiB, where kernels
// of old look for it. Call it before the guest runs.
func (r *RTC) SetMemory(below, above uint64) {
	const base, mib, block = 640, 1 << 20, 64 << 10
	r.mu.Lock()
	defer r.mu.Unlock()
	r.put(idxBase, base, 2)
	r.put(idxExt, (max(below, mib)-mib)>>10, 2)
	r.put(idxExtCopy, (max(below, mib)-mib)>>10, 2)
	r.put(idxLow, (max(below, 16*mib)-16*mib)/block, 2)
	r.put(idxHigh, above/block, 3)
}

// put stores v in n bytes, least significant first, or all ones if it is too big.
func (r *RTC) put(index int, v uint64, n int) {
	v = min(v, 1<<(8*n)-1)
	for i := range n {
		r.s.CMOS[index+i] = byte(v >> (8 * i))
	}
}

// Read reads a port; see [devices.Device]. The index cannot be read back.
func (r *RTC) Read(off uint64, p []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range p {
		p[i] = 0xff
		if off+uint64(i) == 1 {
			p[i] = r.load(r.s.Index)
		}
	}
}

// Write writes a port; see [devices.Device]. A 16-bit OUT to port 0x70 writes the
// index and then the byte.
func (r *RTC) Write(off uint64, p []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, v := range p {
		switch off + uint64(i) {
		case 0:
			r.s.Index = v & indexMask
		case 1:
			r.store(r.s.Index, v)
		}
	}
}

// Save returns a copy of the state.
func (r *RTC) Save() State {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.s
}

// Restore replaces the state by s. The guest's clock then shows the time of now,
// not of the snapshot.
func (r *RTC) Restore(s State) {
	s.Index &= indexMask
	r.mu.Lock()
	defer r.mu.Unlock()
	r.s = s
}

// load reads a byte of CMOS. mu is held.
func (r *RTC) load(index byte) byte {
	switch index {
	case idxA:
		return r.s.CMOS[idxA] | r.updating()
	case idxC:
		return 0
	case idxD:
		return dValid
	}
	if isTime(index) && r.s.CMOS[idxB]&bSet == 0 {
		r.latch()
	}
	return r.s.CMOS[index]
}

// store writes a byte of CMOS. mu is held.
//
// With SET on, as drivers write it, the time stands still in CMOS and starts from
// there when SET goes off. A byte of the time that is written without SET is set
// at once, among the others as they are.
func (r *RTC) store(index, v byte) {
	held := r.s.CMOS[idxB]&bSet != 0
	switch {
	case index == idxA:
		r.s.CMOS[idxA] = v &^ aUpdating
	case index == idxC, index == idxD:
	case index == idxB:
		if !held && v&bSet != 0 {
			r.latch()
		}
		r.s.CMOS[idxB] = v
		if held && v&bSet == 0 {
			r.adopt()
		}
	case isTime(index) && !held:
		r.latch()
		r.s.CMOS[index] = v
		r.adopt()
	default:
		r.s.CMOS[index] = v
	}
}
