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
	sci, off, resets devicetest.Calls
}

func newDriver() *driver {
	d := &driver{Clock: devicetest.Clock{T: time.Unix(1000, 0)}}
	d.Block = New(Config{Now: d.Now, SCI: &d.sci, PowerOff: d.off.Call, Reset: d.resets.Call})
	return d
}

func (d *driver) in16(off uint64) uint16 {
	var p [2]byte
	d.Read(off, p[:])
	return binary.LittleEndian.Uint16(p[:])
}

func (d *driver) out16(off uint64, v uint16) {
	d.Write(off, binary.LittleEndian.AppendUint16(nil, v))
}

func (d *driver) in32(off uint64) uint32 {
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
		{"S5", S5<<10 | 1<<13, 1},
		{"S5 with SCI_EN", S5<<10 | 1<<13 | 1, 1},
		{"S5 not enabled", S5 << 10, 0},
		{"S3", 1<<10 | 1<<13, 0},
		{"nothing", 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := newDriver()
			d.out16(OffControl, tt.cnt)
			if got := d.off.Take(); got != tt.off {
				t.Errorf("%d power-offs, want %d", got, tt.off)
			}
			if got, want := d.in16(OffControl), tt.cnt&(7<<10)|1; got != want {
				t.Errorf("PM1a_CNT %#x, want %#x: SLP_EN off, SCI_EN on", got, want)
			}
		})
	}
}

// TestLinuxPowerOff writes as acpi_hw_legacy_sleep does: the type, then the type
// with SLP_EN.
func TestLinuxPowerOff(t *testing.T) {
	d := newDriver()
	cnt := d.in16(OffControl)&^(7<<10|1<<13) | S5<<10
	d.out16(OffControl, cnt)
	d.out16(OffControl, cnt|1<<13)
	if got := d.off.Take(); got != 1 {
		t.Errorf("%d power-offs, want 1", got)
	}
}

func TestPowerButton(t *testing.T) {
	d := newDriver()
	if d.PressPowerButton() || d.sci.Take() != 0 {
		t.Error("a button that nobody asked for interrupts")
	}
	d.out16(OffEvent+2, 0xffff)
	if d.sci.Take() != 1 {
		t.Error("enabling a pending event raises no SCI")
	}
	if got := d.in32(OffEvent); got != 0x0100_0100 {
		t.Errorf("status and enable %#x, want 0x1000100", got)
	}
	d.out16(OffEvent, 0xfeff)
	if d.in16(OffEvent) != 0x100 {
		t.Error("a 0 written cleared the status")
	}
	d.out16(OffEvent, 0x100)
	if d.in16(OffEvent) != 0 {
		t.Error("a 1 written did not clear the status")
	}
	if !d.PressPowerButton() || d.sci.Take() != 1 {
		t.Error("the button does not interrupt")
	}
	if d.PressPowerButton(); d.sci.Take() != 0 {
		t.Error("an event that is pending raises a second edge")
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
		if got := d.in32(OffTimer); got != tt.want {
			t.Errorf("timer %d after %v, want %d", got, tt.after, tt.want)
		}
	}
}

func TestReset(t *testing.T) {
	d := newDriver()
	for v := range 256 {
		devicetest.Out(d, OffReset, byte(v))
	}
	if got := d.resets.Take(); got != 1 {
		t.Errorf("%d resets, want 1", got)
	}
}

func TestReadsPastTheEnd(t *testing.T) {
	d := newDriver()
	for _, off := range []uint64{Size - 1, Size, ^uint64(0)} {
		var p [2]byte
		d.Read(off, p[:])
		if p[1] != 0xff {
			t.Errorf("offset %#x reads % x", off, p)
		}
	}
}

func TestNilCallbacks(t *testing.T) {
	b := New(Config{Now: time.Now})
	var d devices.Device = b
	for off := range uint64(Size) {
		for v := range 256 {
			devicetest.Out(d, off, byte(v))
		}
	}
	if b.PressPowerButton() {
		t.Error("a button without SCI claims to be heard")
	}
}

func TestSaveRestore(t *testing.T) {
	a, b := newDriver(), newDriver()
	a.Advance(time.Second)
	a.out16(OffEvent+2, powerButton)
	a.PressPowerButton()
	b.Advance(time.Hour)
	b.Restore(a.Save())
	if got := b.in32(OffTimer); got != Frequency {
		t.Errorf("timer %d after Restore, want %d", got, Frequency)
	}
	if b.sci.Take() != 1 {
		t.Error("the pending event is lost")
	}
}

func FuzzBlock(f *testing.F) {
	f.Add([]byte{3, 4, 0x34, 1, 12, 1})
	f.Fuzz(func(t *testing.T, ops []byte) {
		d := newDriver()
		devicetest.Poke(d, Size, ops)
		if d.in16(OffControl)&^(7<<10) != 1 {
			t.Fatal("PM1a_CNT reads more than SLP_TYP and SCI_EN")
		}
		s := d.Save()
		d.Restore(s)
		if d.Save() != s {
			t.Fatal("Restore changes a state of its own making")
		}
	})
}
