package balloon

import (
	"encoding/binary"
	"errors"
	"testing"

	"terem/devices/virtio/virtiotest"
)

func TestNew(t *testing.T) {
	if _, err := New(Config{}); err == nil {
		t.Error("New without memory: no error")
	}
	for _, tt := range []struct {
		c    Config
		want uint64
	}{
		{Config{}, featureStats},
		{Config{Reporting: true}, featureStats | featureReporting | featurePoison},
		{Config{DeflateOnOOM: true}, featureStats | featureOnOOM},
	} {
		want(t, "features", tt.c.features(), tt.want)
	}
	d := attach(t, virtiotest.Options{})
	want(t, "DeviceID", d.Read32(virtiotest.RegDeviceID), 5)
	want(t, "features", d.Offered()&(1<<24-1), everything|featurePoison)
}

// field reads a field as the driver does.
func (d *driver) field(off int) uint32 { return binary.LittleEndian.Uint32(d.Config(off, 4)) }

func TestTarget(t *testing.T) {
	d := up(t, everything)
	want(t, "num_pages", d.field(offTarget), 0)
	generation, edges := d.Read32(virtiotest.RegConfigGeneration), d.IRQ.Count()
	if err := d.b.SetTarget(10*page + 1); err != nil {
		t.Fatal(err)
	}
	d.MMIO.ConfigChanged()
	want(t, "num_pages", d.field(offTarget), 10)
	want(t, "Target", d.b.Target(), 10*page)
	want(t, "InterruptStatus", d.Ack(), 2)
	want(t, "interrupts", d.IRQ.Count(), edges+1)
	want(t, "generation changed", d.Read32(virtiotest.RegConfigGeneration) != generation, true)
	if err := d.b.SetTarget(uint64(len(d.RAM)) + page); !errors.Is(err, ErrTarget) {
		t.Errorf("more than there is: %v", err)
	}
	want(t, "Target after an error", d.b.Target(), 10*page)
	want(t, "all of it", d.b.SetTarget(uint64(len(d.RAM))), nil)
}

// TestDriversFields writes to all of the space.
func TestDriversFields(t *testing.T) {
	d := up(t, everything)
	d.WriteConfig(offActual, []byte{1, 2, 0, 0})
	want(t, "Actual", d.b.Actual(), 0x201*page)
	for i := range configSize {
		d.WriteConfig(i, []byte{byte(i + 1)})
	}
	want(t, "configuration", string(d.Config(0, 16)), "\x00\x00\x00\x00\x05\x06\x07\x08\x00\x00\x00\x00\x0d\x0e\x0f\x10")
	d.WriteConfig(2, []byte{9, 9, 9, 9})
	want(t, "configuration", string(d.Config(0, 8)), "\x00\x00\x00\x00\x09\x09\x07\x08")
	d.WriteConfig(12, []byte{1, 2, 3, 4, 5, 6, 7, 8})
	want(t, "configuration", string(d.Config(12, 4)), "\x0d\x0e\x0f\x10")
}

// TestResetEmptiesTheBalloon: what the driver has said is forgotten, what the host wants stays.
func TestResetEmptiesTheBalloon(t *testing.T) {
	d := up(t, everything|featurePoison)
	want(t, "SetTarget", d.b.SetTarget(64*page), nil)
	d.MMIO.ConfigChanged()
	d.WriteConfig(offActual, []byte{7, 0, 0, 0})
	d.WriteConfig(offPoison, []byte{1, 1, 1, 1})
	d.MMIO.Pause()
	d.MMIO.Resume()
	want(t, "state after a pause", d.b.Save(), State{Target: 64, Actual: 7, Poison: 0x01010101})
	d.Reset()
	want(t, "state after a reset", d.b.Save(), State{Target: 64})
	want(t, "actual", d.field(offActual), 0)
	want(t, "Actual", d.b.Actual(), 0)
}

// TestMigrate moves a balloon with statistics that somebody waits for and a request in flight.
func TestMigrate(t *testing.T) {
	d := up(t, everything)
	want(t, "SetTarget", d.b.SetTarget(64*page), nil)
	d.WriteConfig(offActual, []byte{7, 0, 0, 0})
	offer(d, stat(Free, 1))
	for range 20 {
		a, ram := d.pages(4)
		r := d.Queue(inflateQueue).Submit([][]byte{pfns(pfn(a), pfn(a)+1)}, nil)
		d.MMIO.Pause()
		state := d.b.Save()
		d.b = &Balloon{c: d.b.c}
		d.b.Restore(state)
		d.Migrate(d.b)
		want(t, "used", d.Queue(inflateQueue).WaitUsed(virtiotest.Timeout).Request, r)
		want(t, "resident", resident(t, ram), 2)
		want(t, "state", d.b.Save(), State{Target: 64, Actual: 7})
		want(t, "num_pages", d.field(offTarget), 64)
		fresh(d, stat(Free, 5))
		want(t, "statistics", value(d, Free), 5)
	}
}

func TestRestoreTrustsNothing(t *testing.T) {
	d := attach(t, virtiotest.Options{})
	d.b.Restore(State{Target: 1 << 31, Actual: 1 << 31, Poison: 3})
	want(t, "state", d.b.Save(), State{Target: uint32(len(d.RAM) / page), Actual: 1 << 31, Poison: 3})
}
