package pit

import (
	"sync"

	"terem/devices"
)

// Offsets.
const (
	OffControl = 3 // below it: the counters

	// Size is how many ports the device takes on the bus.
	Size = 4
)

// Fields of the control word.
const (
	counterShift = 6
	readBack     = 3 // as a counter's number
	accessShift  = 4
	accessMask   = 3
	modeShift    = 1
	modeMask     = 7
	bcd          = 1 << 0

	// Of a read-back command; bit 1 + n chooses counter n.
	keepCount  = 1 << 5 // do not latch the count
	keepStatus = 1 << 4
)

// Fields of the status that a read-back command latches, beside those of the control word.
const (
	statusOut  = 1 << 7 // the output is high
	statusNull = 1 << 6 // no count has been loaded since the control word
)

// Access is which bytes of a count are written, and read, one after another.
type Access uint8

const (
	None Access = iota // no control word has come yet; in one: latch the count
	Low                // the other byte is zero
	High
	Both // low, then high
)

// Counter is what a guest has made of one of the three.
type Counter struct {
	Access  Access
	Mode    uint8 // 0 to 5
	BCD     bool
	Count   uint16 // 0 counts as 65536
	Loaded  bool   // a count has come since the control word; a counter without one stands still
	Half    bool   // of Both, the low byte has come
	LowByte uint8

	// What the guest has begun to read when it makes the timer wanted.
	HighNext      bool // of Both, the low byte has been read
	CountLatched  bool // and nothing of it has been read
	StatusLatched bool
}

// Status is the counter's status byte, as a read-back command latches it.
func (c *Counter) Status() uint8 {
	s := uint8(c.Access)<<accessShift | c.Mode<<modeShift
	if c.BCD {
		s |= bcd
	}
	if !c.Loaded {
		s |= statusNull
	}
	if c.Mode != 0 {
		s |= statusOut // of mode 0 alone the output is low until the count has passed
	}
	return s
}

// State is all that a guest can change in the device.
type State struct {
	Counters [3]Counter
	Wanted   bool // the true timer has been called for
}

// Timer is the device. Its methods may be called from any goroutine.
type Timer struct {
	want func(State)

	mu sync.Mutex
	s  State
}

// New returns a timer that calls want once, on the vCPU's goroutine, when the guest
// uses it. That puts a true one into its place, with the state that it is given.
func New(want func(State)) *Timer { return &Timer{want: want} }

// Read reads a counter; see [devices.Device]. The first one finds it as it was loaded.
func (t *Timer) Read(off uint64, p []byte) {
	devices.Fill(p)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.s.Wanted || off >= OffControl || len(p) == 0 {
		return
	}
	c := &t.s.Counters[off]
	p[0] = byte(c.Count)
	if c.Access == High {
		p[0] = byte(c.Count >> 8)
	}
	c.HighNext = c.Access == Both
	t.call()
}

// Write writes a count or a control word; see [devices.Device]. Ports of a byte take the
// first one of a wider access.
func (t *Timer) Write(off uint64, p []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.s.Wanted || off > OffControl || len(p) == 0 {
		return
	}
	if off == OffControl {
		t.control(p[0])
		return
	}
	c := &t.s.Counters[off]
	if c.load(p[0]) && !(off == 0 && c.stopped()) {
		t.call()
	}
}

// control takes a control word. One that asks for a count wants the timer, and leaves it what it latched.
func (t *Timer) control(v byte) {
	n, access := v>>counterShift, Access(v>>accessShift&accessMask)
	if n == readBack {
		for i := range t.s.Counters {
			if v&(2<<i) != 0 {
				t.s.Counters[i].CountLatched = v&keepCount == 0
				t.s.Counters[i].StatusLatched = v&keepStatus == 0
			}
		}
		t.call()
		return
	}
	if access == None {
		t.s.Counters[n].CountLatched = true
		t.call()
		return
	}
	mode := v >> modeShift & modeMask
	if mode > 5 {
		mode -= 4 // 6 and 7 are 2 and 3: the upper bit does not count there
	}
	t.s.Counters[n] = Counter{Access: access, Mode: mode, BCD: v&bcd != 0}
}

// load takes a byte of a count, and says whether it is whole.
func (c *Counter) load(v byte) bool {
	switch c.Access {
	case High:
		c.Count = uint16(v) << 8
	case Both:
		if !c.Half {
			c.Half, c.LowByte = true, v
			c.Loaded = c.Loaded && c.Mode != 0 // of mode 0 the first byte ends the count before
			return false
		}
		c.Half, c.Count, c.LowByte = false, uint16(v)<<8|uint16(c.LowByte), 0
	default:
		c.Count = uint16(v)
	}
	c.Loaded = true
	return true
}

// stopped says that the counter is as Linux leaves one that it does not want.
func (c *Counter) stopped() bool { return c.Access == Both && c.Mode == 0 && c.Count == 0 }

// call calls for the true timer.
func (t *Timer) call() {
	t.s.Wanted = true
	t.want(t.s)
}

// Save returns a copy of the state.
func (t *Timer) Save() State {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.s
}

// Restore replaces the state by s; it calls nothing back.
func (t *Timer) Restore(s State) {
	for i := range s.Counters {
		c := &s.Counters[i]
		c.Access &= accessMask
		c.Mode = min(c.Mode, 5)
		c.Half = c.Half && c.Access == Both
		c.HighNext = c.HighNext && c.Access == Both
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.s = s
}
