package acpipm

import (
	"encoding/binary"
	"testing"
	"time"

	"terem/devices"
	"terem/devices/devicetest"
)

// driver plays the guest.
type driver struct {
	*Block
	devicetest.Clock
	sci devicetest.Line
	off devicetest.Calls
}

const s5 = 6 // not the one that the machine has

// Register offsets within Events.
const status, enable = 0, 2

func newDriver() *driver {
	d := &driver{Clock: devicetest.Clock{T: time.Unix(1000, 0)}}
	d.Block = New(Config{Now: d.Now, SCI: &d.sci, SoftOff: s5, PowerOff: d.off.Call})
	return d
}

func in16(d devices.Device, off uint64) uint16 {
	var p [2]byte
	d.Read(off, p[:])
	return binary.LittleEndian.Uint16(p[:])
}

func out16(d devices.Device, off uint64, v uint16) {
	d.Write(off, binary.LittleEndian.AppendUint16(nil, v))
}

func in32(d devices.Device, off uint64) uint32 {
	var p [4]byte
	d.Read(off, p[:])
	return binary.LittleEndian.Uint32(p[:])
}

func TestSleep(t *testing.T) {
	tests := []struct {
		name string
		cnt  uint16
		off  int
	}{
		{"S5", s5<<10 | 1<<13, 1},
		{"S5 with SCI_EN", s5<<10 | 1<<13 | 1, 1},
		{"S5 not enabled", s5 << 10, 0},
		{"S3", 1<<10 | 1<<13, 0},
		{"nothing", 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := newDriver()
			out16(d.Control(), 0, tt.cnt)
			if got := d.off.Take(); got != tt.off {
				t.Errorf("%d power-offs, want %d", got, tt.off)
			}
			if got, want := in16(d.Control(), 0), tt.cnt&(7<<10)|1; got != want {
				t.Errorf("PM1a_CNT %#x, want %#x: SLP_EN off, SCI_EN on", got, want)
			}
		})
	}
}

// TestLinuxPowerOff writes as acpi_hw_legacy_sleep does: the type, then the type
// with SLP_EN. A guest may as well write bytes.
func TestLinuxPowerOff(t *testing.T) {
	d := newDriver()
	cnt := in16(d.Control(), 0)&^(7<<10|1<<13) | s5<<10
	out16(d.Control(), 0, cnt)
	out16(d.Control(), 0, cnt|1<<13)
	if got := d.off.Take(); got != 1 {
		t.Errorf("%d power-offs, want 1", got)
	}
	devicetest.Out(d.Control(), 1, s5<<2|1<<5)
	if got := d.off.Take(); got != 1 {
		t.Errorf("%d power-offs by a byte, want 1", got)
	}
}

// TestEnableReadsBack: ACPICA takes an event for broken hardware whose enable bit does not
// read as it was written.
func TestEnableReadsBack(t *testing.T) {
	const reserved = 0xffff &^ (1<<0 | 1<<5 | 1<<8 | 1<<9 | 1<<10)
	for name, bit := range map[string]uint16{"TMR_EN": 1 << 0, "GBL_EN": 1 << 5, "PWRBTN_EN": 1 << 8, "SLPBTN_EN": 1 << 9, "RTC_EN": 1 << 10} {
		d := newDriver()
		out16(d.Events(), enable, bit|reserved)
		if got := in16(d.Events(), enable); got != bit {
			t.Errorf("%s: PM1a_EN reads as %#x, want %#x", name, got, bit)
		}
		devicetest.Out(d.Events(), enable, byte(bit)) // half of the register leaves the other half
		devicetest.Out(d.Events(), enable+1, byte(bit>>8))
		if got := in16(d.Events(), enable); got != bit {
			t.Errorf("%s by bytes: PM1a_EN reads as %#x, want %#x", name, got, bit)
		}
		out16(d.Events(), enable, 0)
		if got := in16(d.Events(), enable); got != 0 {
			t.Errorf("%s: PM1a_EN reads as %#x after a 0", name, got)
		}
		if d.sci.Rises != 0 || in16(d.Events(), status) != 0 {
			t.Errorf("%s: an event that does not happen: %d, status %#x", name, d.sci.Rises, in16(d.Events(), status))
		}
	}
}

// TestControlReadsBack: BM_RLD is kept, GBL_RLS is not, and neither a reserved bit.
func TestControlReadsBack(t *testing.T) {
	d := newDriver()
	out16(d.Control(), 0, 0xdffe&^(7<<10))
	if got := in16(d.Control(), 0); got != 1<<1|1 {
		t.Errorf("PM1a_CNT %#x, want BM_RLD and SCI_EN", got)
	}
	devicetest.Out(d.Control(), 1, 0xff&^(1<<5))
	if got := in16(d.Control(), 0); got != 7<<10|1<<1|1 {
		t.Errorf("PM1a_CNT %#x after its upper byte", got)
	}
}

func TestPowerButton(t *testing.T) {
	d := newDriver()
	if d.PressPowerButton() || d.sci.High {
		t.Error("a button that nobody asked for interrupts")
	}
	out16(d.Events(), enable, 0xffff)
	if !d.sci.High {
		t.Error("enabling a pending event raises no SCI")
	}
	if got := in32(d.Events(), status); got != 0x0721_0100 {
		t.Errorf("status and enable %#x, want 0x7210100", got)
	}
	out16(d.Events(), status, 0xfeff)
	if in16(d.Events(), status) != 0x100 || !d.sci.High {
		t.Error("a 0 written cleared the status")
	}
	out16(d.Events(), status, 0x100)
	if in16(d.Events(), status) != 0 || d.sci.High {
		t.Error("a 1 written did not clear the status, or the SCI")
	}
	if !d.PressPowerButton() || d.sci.Rises != 2 {
		t.Error("the button does not interrupt")
	}
	if !d.PressPowerButton() || d.sci.Rises != 2 || !d.sci.High {
		t.Error("an event that is pending is told of twice")
	}
	out16(d.Events(), enable, 0xffff&^0x100)
	if d.sci.High || in16(d.Events(), status) != 0x100 {
		t.Error("a button that is disabled keeps the SCI up, or is forgotten")
	}
}

func TestTimer(t *testing.T) {
	tests := []struct {
		after time.Duration
		want  uint32
	}{
		{0, 0},
		{time.Second, Frequency},
		{time.Millisecond, 3579},
		{24 * time.Hour, uint32(24 * 3600 * Frequency % (1 << 32))},
	}
	for _, tt := range tests {
		d := newDriver()
		d.Advance(tt.after)
		d.Timer().Write(0, []byte{1, 2, 3, 4}) // cannot be set
		if got := in32(d.Timer(), 0); got != tt.want {
			t.Errorf("timer %d after %v, want %d", got, tt.after, tt.want)
		}
	}
}

func groups(b *Block) map[string]devices.Device {
	return map[string]devices.Device{"events": b.Events(), "control": b.Control(), "timer": b.Timer()}
}

func TestReadsPastTheEnd(t *testing.T) {
	d := newDriver()
	for name, g := range groups(d.Block) {
		for _, off := range []uint64{3, 4, ^uint64(0)} {
			var p [2]byte
			g.Read(off, p[:])
			if p[1] != 0xff {
				t.Errorf("%s: offset %#x reads % x", name, off, p)
			}
			g.Write(off, p[:])
		}
	}
	if in32(d.Control(), 0)>>16 != 0xffff {
		t.Error("the control register has more than two bytes")
	}
}

func TestNilCallbacks(t *testing.T) {
	b := New(Config{Now: time.Now})
	for _, g := range groups(b) {
		for off := range uint64(8) {
			for v := range 256 {
				devicetest.Out(g, off, byte(v))
			}
		}
	}
	if b.PressPowerButton() {
		t.Error("a button without SCI claims to be heard")
	}
}

func TestSaveRestore(t *testing.T) {
	a, b := newDriver(), newDriver()
	a.Advance(time.Second)
	out16(a.Events(), enable, powerButton)
	a.PressPowerButton()
	b.Advance(time.Hour)
	b.Restore(a.Save())
	if got := in32(b.Timer(), 0); got != Frequency {
		t.Errorf("timer %d after Restore, want %d", got, Frequency)
	}
	if !b.sci.High {
		t.Error("the pending event is lost")
	}
	b.Restore(State{})
	if b.sci.High {
		t.Error("the SCI stays up without an event")
	}
	b.Restore(State{Status: 0xffff, Enable: 0xffff, Control: 0xffff})
	if s := b.Save(); s.Status != happens || s.Enable != enabling || s.Control != controlling|sciEnable {
		t.Errorf("a state that no guest can have made is taken as it is: %+v", s)
	}
}

func FuzzBlock(f *testing.F) {
	f.Add([]byte{3, 2, 0x34, 1, 12, 1})
	f.Fuzz(func(t *testing.T, ops []byte) {
		d := newDriver()
		for i, g := range []devices.Device{d.Events(), d.Control(), d.Timer()} {
			devicetest.Poke(g, 4, ops[min(i, len(ops)):])
			d.PressPowerButton()
		}
		if in16(d.Control(), 0)&^(7<<10|2) != 1 {
			t.Fatal("PM1a_CNT reads more than SLP_TYP, BM_RLD and SCI_EN")
		}
		s := d.Save()
		if d.sci.High != (s.Status&s.Enable != 0) {
			t.Fatalf("the SCI is %t with %+v", d.sci.High, s)
		}
		d.Restore(s)
		if d.Save() != s {
			t.Fatal("Restore changes a state of its own making")
		}
	})
}
