package pit

import (
	"testing"

	"terem/devices"
)

var _ devices.Device = (*Timer)(nil)

// access is one access of a guest: a byte to a port, or a read.
type access struct {
	off  uint64
	v    byte
	read bool
}

func w(off uint64, v byte) access { return access{off: off, v: v} }
func r(off uint64) access         { return access{off: off, read: true} }

// do makes the accesses, and says after how many of them the timer was wanted; 0: never.
func do(t *Timer, as []access) (after int) {
	for i, a := range as {
		was := t.Save().Wanted
		p := []byte{a.v}
		if a.read {
			t.Read(a.off, p)
		} else {
			t.Write(a.off, p)
		}
		if !was && t.Save().Wanted {
			after = i + 1
		}
	}
	return after
}

func TestWanted(t *testing.T) {
	stop := []access{w(3, 0x30), w(0, 0), w(0, 0), w(3, 0x30)} // Linux 6.12
	for _, tt := range []struct {
		name  string
		do    []access
		after int // which access calls for the timer; 0: none
		n     int // the counter that then is so
		want  Counter
	}{
		{"nothing", nil, 0, 0, Counter{}},
		{"Linux stops it", stop, 0, 0, Counter{Access: Both}},
		{"older Linux stops it", stop[:1], 0, 0, Counter{Access: Both}},
		{"a count of zero", stop[:3], 0, 0, Counter{Access: Both, Loaded: true}},
		{"stopped again and again", append(stop, stop...), 0, 0, Counter{Access: Both}},
		{"Linux's tick", []access{w(3, 0x34), w(0, 0x9c), w(0, 0x2e)}, 3, 0, Counter{Access: Both, Mode: 2, Count: 0x2e9c, Loaded: true}},
		{"a tick of the longest period", []access{w(3, 0x34), w(0, 0), w(0, 0)}, 3, 0, Counter{Access: Both, Mode: 2, Loaded: true}},
		{"stopped, then started", append(stop, w(3, 0x38), w(0, 1), w(0, 0)), 7, 0, Counter{Access: Both, Mode: 4, Count: 1, Loaded: true}},
		{"stopped, then loaded", append(stop, w(0, 0), w(0, 0x80)), 6, 0, Counter{Access: Both, Count: 0x8000, Loaded: true}},
		{"Linux measures its TSC", []access{w(3, 0xb0), w(2, 0xff), w(2, 0xff), r(2)}, 3, 2, Counter{Access: Both, Count: 0xffff, Loaded: true}},
		{"the longest time on counter 2", []access{w(3, 0xb0), w(2, 0), w(2, 0)}, 3, 2, Counter{Access: Both, Loaded: true}},
		{"low byte only", []access{w(3, 0x14), w(0, 0x12)}, 2, 0, Counter{Access: Low, Mode: 2, Count: 0x12, Loaded: true}},
		{"high byte only", []access{w(3, 0x26), w(0, 0x12)}, 2, 0, Counter{Access: High, Mode: 3, Count: 0x1200, Loaded: true}},
		{"mode 7 is 3, BCD", []access{w(3, 0x3f), w(0, 0x12), w(0, 0)}, 3, 0, Counter{Access: Both, Mode: 3, BCD: true, Count: 0x12, Loaded: true}},
		{"half a count is no count", []access{w(3, 0x34), w(0, 0x12)}, 0, 0, Counter{Access: Both, Mode: 2, Half: true, LowByte: 0x12}},
		{"stopped, then half a count", append(stop[:3:3], w(0, 0x12)), 0, 0, Counter{Access: Both, Half: true, LowByte: 0x12}},
		{"a control word drops half a count", []access{w(3, 0x34), w(0, 0x12), w(3, 0x34), w(0, 0x34)}, 0, 0,
			Counter{Access: Both, Mode: 2, Half: true, LowByte: 0x34}},
		{"a count without a control word", []access{w(1, 7)}, 1, 1, Counter{Count: 7, Loaded: true}},
		{"read", []access{r(1)}, 1, 1, Counter{}},
		{"read low and high", []access{w(3, 0xb0), r(2)}, 2, 2, Counter{Access: Both, HighNext: true}},
		{"read high only", []access{w(3, 0xa0), r(2)}, 2, 2, Counter{Access: High}},
		{"latch", []access{w(3, 0x74), w(3, 0x40)}, 2, 1, Counter{Access: Both, Mode: 2, CountLatched: true}},
		{"latch another", []access{w(3, 0x74), w(3, 0x80)}, 2, 1, Counter{Access: Both, Mode: 2}},
		{"read back", []access{w(3, 0xc2)}, 1, 0, Counter{CountLatched: true, StatusLatched: true}},
		{"read back a count", []access{w(3, 0xd4)}, 1, 1, Counter{CountLatched: true}},
		{"read back a status", []access{w(3, 0xe8)}, 1, 2, Counter{StatusLatched: true}},
		{"read back another", []access{w(3, 0xc8)}, 1, 1, Counter{}},
		{"the control word cannot be read", []access{r(3)}, 0, 0, Counter{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []State
			timer := New(func(s State) { got = append(got, s) })
			after := do(timer, tt.do)
			if after != tt.after || len(got) != min(after, 1) {
				t.Errorf("wanted after %d accesses, called %d times; want %d", after, len(got), tt.after)
			}
			s := timer.Save()
			if len(got) > 0 {
				s = got[0]
			}
			if s.Counters[tt.n] != tt.want || s.Wanted != (tt.after > 0) {
				t.Errorf("counter %d is %+v, wanted %v; want %+v", tt.n, s.Counters[tt.n], s.Wanted, tt.want)
			}
		})
	}
}

// TestReads: the read that calls for the timer, and what comes late to the stand-in.
func TestReads(t *testing.T) {
	for _, tt := range []struct {
		setup []access
		off   uint64
		want  byte
	}{
		{nil, 0, 0x00},
		{[]access{w(3, 0x34), w(0, 0x12)}, 0, 0x00},
		{nil, OffControl, 0xff},
		{[]access{w(3, 0x34), w(0, 0x12), w(0, 0x34)}, 0, 0xff}, // wanted already
	} {
		timer := New(func(State) {})
		do(timer, tt.setup)
		p := []byte{0, 0}
		timer.Read(tt.off, p)
		if p[0] != tt.want || p[1] != 0xff {
			t.Errorf("after %v, port %#x reads %#x; want %#x ff", tt.setup, 0x40+tt.off, p, tt.want)
		}
	}
}

// TestSaveInTheMiddle: half a count, saved and restored, becomes a whole one.
func TestSaveInTheMiddle(t *testing.T) {
	one := New(func(State) { t.Error("half a count calls for a timer") })
	do(one, []access{w(3, 0x34), w(0, 0x12)})
	var got State
	other := New(func(s State) { got = s })
	other.Restore(one.Save())
	other.Write(0, []byte{0x34})
	if want := (Counter{Access: Both, Mode: 2, Count: 0x3412, Loaded: true}); got.Counters[0] != want {
		t.Errorf("%+v, want %+v", got.Counters[0], want)
	}
	other.Restore(State{Counters: [3]Counter{{Access: 0xff, Mode: 9}, {Access: High, Half: true, HighNext: true}}})
	if c := other.Save().Counters; c[0].Access > Both || c[0].Mode > 5 || c[1] != (Counter{Access: High}) {
		t.Errorf("restored: %+v", c)
	}
}

// TestStatus: the byte of figure 10 of the data sheet.
func TestStatus(t *testing.T) {
	for _, tt := range []struct {
		c    Counter
		want uint8
	}{
		{Counter{}, 0x40},
		{Counter{Access: Both}, 0x70},
		{Counter{Access: Both, Loaded: true}, 0x30},
		{Counter{Access: Low, Mode: 2}, 0xd4},
		{Counter{Access: High, Mode: 5, BCD: true}, 0xeb},
	} {
		if got := tt.c.Status(); got != tt.want {
			t.Errorf("%+v: %#x, want %#x", tt.c, got, tt.want)
		}
	}
}

// FuzzTimer: whatever a guest writes, the timer is called for once at the most, in a
// state that a counter can be in, and no access writes past its byte.
func FuzzTimer(f *testing.F) {
	f.Add([]byte{3, 0x30, 0, 0, 0, 0, 3, 0x30, 3, 0x34, 0, 0x9c, 0, 0x2e})
	f.Add([]byte{0x82, 0, 3, 0xc2, 7, 9})
	f.Fuzz(func(t *testing.T, b []byte) {
		calls := 0
		timer := New(func(s State) {
			calls++
			for _, c := range s.Counters {
				if c.Access > Both || c.Mode > 5 || (c.Half || c.HighNext) && c.Access != Both {
					t.Errorf("counter %+v", c)
				}
			}
		})
		for ; len(b) >= 2; b = b[2:] {
			off, p := uint64(b[0]&7), []byte{b[1], 1, 2, 3}
			if b[0]&0x80 != 0 {
				timer.Read(off, p)
			} else {
				timer.Write(off, p)
			}
		}
		if calls > 1 || timer.Save().Wanted != (calls == 1) {
			t.Errorf("called %d times; %+v", calls, timer.Save())
		}
	})
}
