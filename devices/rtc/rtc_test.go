package rtc

import (
	"testing"
	"time"

	"terem/devices/devicetest"
)

// driver plays the guest, with a clock to turn.
type driver struct {
	*RTC
	devicetest.Clock
}

func newDriver() *driver {
	d := &driver{}
	d.T = time.Date(2026, time.November, 24, 21, 7, 58, 0, time.UTC) // a Tuesday
	d.RTC = New(d.Now)
	return d
}

func (d *driver) get(index byte) byte {
	devicetest.Out(d, 0, index)
	return devicetest.In(d, 1)
}

func (d *driver) set(index, v byte) { d.Write(0, []byte{index, v}) }

// read gives second, minute, hour, weekday, day, month, year and century.
func (d *driver) read() (got [8]byte) {
	for i, idx := range []byte{0x00, 0x02, 0x04, 0x06, 0x07, 0x08, 0x09, 0x32} {
		got[i] = d.get(idx)
	}
	return got
}

func TestFormats(t *testing.T) {
	tests := []struct {
		name string
		b    byte
		hour int
		want [8]byte
	}{
		{"BCD, 24 hours", 0x02, 21, [8]byte{0x58, 0x07, 0x21, 0x03, 0x24, 0x11, 0x26, 0x20}},
		{"binary, 24 hours", 0x06, 21, [8]byte{58, 7, 21, 3, 24, 11, 26, 20}},
		{"BCD, 12 hours", 0x00, 21, [8]byte{0x58, 0x07, 0x89, 0x03, 0x24, 0x11, 0x26, 0x20}},
		{"binary, midnight", 0x04, 0, [8]byte{58, 7, 12, 3, 24, 11, 26, 20}},
		{"binary, noon", 0x04, 12, [8]byte{58, 7, 12 | 0x80, 3, 24, 11, 26, 20}},
		{"BCD, before noon", 0x00, 11, [8]byte{0x58, 0x07, 0x11, 0x03, 0x24, 0x11, 0x26, 0x20}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := newDriver()
			d.Advance(time.Duration(tt.hour-21) * time.Hour)
			d.set(idxB, tt.b)
			got := d.read()
			if got != tt.want {
				t.Errorf("time % x, want % x", got, tt.want)
			}
			// What the guest writes back is the same time.
			d.set(idxB, tt.b|bSet)
			d.Advance(time.Hour)
			for i, idx := range []byte{0x00, 0x02, 0x04, 0x06, 0x07, 0x08, 0x09, 0x32} {
				d.set(idx, got[i])
			}
			d.set(idxB, tt.b)
			if d.read() != tt.want {
				t.Errorf("time % x after it was written back, want % x", d.read(), tt.want)
			}
			if d.Save().Offset != -time.Hour {
				t.Errorf("offset %v, want -1h", d.Save().Offset)
			}
		})
	}
}

func TestTheClockGoes(t *testing.T) {
	d := newDriver()
	d.Advance(2 * time.Second)
	if got := [2]byte{d.get(0), d.get(2)}; got != [2]byte{0x00, 0x08} {
		t.Errorf("second and minute %x, want 00 08", got)
	}
}

func TestSetHoldsTheTime(t *testing.T) {
	d := newDriver()
	d.set(idxB, b24Hour|bSet)
	before := d.read()
	d.Advance(time.Minute)
	if d.read() != before {
		t.Error("the time changes while SET is on")
	}
	d.set(idxB, b24Hour)
	if d.read() != before {
		t.Error("the time does not start from where SET held it")
	}
}

func TestWriteWithoutSet(t *testing.T) {
	d := newDriver()
	d.set(idxMinutes, 0x30)
	if got := d.read(); got[1] != 0x30 || got[0] != 0x58 || got[2] != 0x21 {
		t.Errorf("time % x, want 21:30:58", got)
	}
}

func TestUpdateInProgress(t *testing.T) {
	tests := []struct {
		name string
		ns   time.Duration
		b    byte
		want byte
	}{
		{"early", 0, b24Hour, 0},
		{"just before", time.Second - 245*time.Microsecond, b24Hour, 0},
		{"begins", time.Second - 244*time.Microsecond, b24Hour, aUpdating},
		{"ends", time.Second - 1, b24Hour, aUpdating},
		{"SET", time.Second - 1, b24Hour | bSet, 0},
	}
	for _, tt := range tests {
		d := newDriver()
		d.set(idxB, tt.b)
		d.Advance(tt.ns)
		if got := d.get(idxA); got != aDefault|tt.want {
			t.Errorf("%s: A = %#x, want %#x", tt.name, got, aDefault|tt.want)
		}
	}
}

func TestRegisters(t *testing.T) {
	d := newDriver()
	for _, s := range []struct{ index, write, want byte }{
		{idxA, 0xff, 0x7f}, {idxC, 0xff, 0}, {idxD, 0, 0x80},
		{0x01, 0x59, 0x59}, {0x03, 0x58, 0x58}, {0x05, 0x23, 0x23},
		{0x0f, 0x0a, 0x0a}, {0x7f, 0x77, 0x77}, {0x80 | 0x40, 0x11, 0x11},
	} {
		d.set(s.index, s.write)
		if got := d.get(s.index); got != s.want {
			t.Errorf("CMOS %#x reads %#x, want %#x", s.index, got, s.want)
		}
	}
	if got := devicetest.In(d, 0); got != 0xff {
		t.Errorf("the index reads %#x, want 0xff", got)
	}
}

func TestSetMemory(t *testing.T) {
	const mib, gib = 1 << 20, 1 << 30
	tests := []struct {
		below, above uint64
		ext, low     int
		high         int
	}{
		{mib, 0, 0, 0, 0},
		{16 * mib, 0, 15 << 10, 0, 0},
		{64 * mib, 0, 63 << 10, 48 * 16, 0},
		{128 * mib, 0, 0xffff, 112 * 16, 0},
		{3 * gib, 5 * gib, 0xffff, 3056 * 16, 5 * 16384},
		{3 * gib, 1 << 62, 0xffff, 3056 * 16, 0xffffff},
		{0, 0, 0, 0, 0},
	}
	for _, tt := range tests {
		d := newDriver()
		d.SetMemory(tt.below, tt.above)
		le := func(i byte) int { return int(d.get(i)) | int(d.get(i+1))<<8 }
		got := [5]int{le(0x15), le(0x17), le(0x30), le(0x34), le(0x5b) | int(d.get(0x5d))<<16}
		if want := [5]int{640, tt.ext, tt.ext, tt.low, tt.high}; got != want {
			t.Errorf("SetMemory(%#x, %#x) = %v, want %v", tt.below, tt.above, got, want)
		}
	}
}

func TestSaveRestore(t *testing.T) {
	a, b := newDriver(), newDriver()
	a.set(0x0f, 0x05)
	a.set(idxYear, 0x30)
	b.Restore(a.Save())
	if a.read() != b.read() || b.get(0x0f) != 0x05 {
		t.Error("the restored clock differs")
	}
	b.Restore(State{Index: 0xff})
	devicetest.In(b, 1)
}

func FuzzRTC(f *testing.F) {
	f.Add([]byte{3, 0, 0x0b, 3, 0, 0x09, 0, 1, 0})
	f.Fuzz(func(t *testing.T, ops []byte) {
		d := newDriver()
		devicetest.Poke(d, Size, ops)
		d.Advance(time.Hour)
		d.read()
		s := d.Save()
		d.Restore(s)
		if d.Save() != s {
			t.Fatal("Restore changes a state of its own making")
		}
	})
}
