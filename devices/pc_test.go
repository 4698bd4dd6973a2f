package devices_test

import (
	"io"
	"sync"
	"testing"
	"time"

	"terem/devices"
	"terem/devices/acpipm"
	"terem/devices/ctl"
	"terem/devices/i8042"
	"terem/devices/legacy"
	"terem/devices/rtc"
	"terem/devices/serial"
)

// silent is an interrupt line that leads nowhere.
type silent struct{}

func (silent) Trigger() {}

// quiet is one that is level-triggered.
type quiet struct{}

func (quiet) Set(bool) {}

// newPC is a port bus with every device of this tree where a PC has it. ACPI's
// registers and the control port have no fixed place.
func newPC(t testing.TB) *devices.Bus {
	t.Helper()
	nop := func() {}
	kbd := i8042.New(nop)
	var b devices.Bus
	attach(t, &b, 0x60, 1, "i8042", kbd.Data())
	attach(t, &b, 0x61, 1, "port B", &legacy.PortB{})
	attach(t, &b, 0x64, 1, "i8042", kbd.Port())
	attach(t, &b, 0x70, rtc.Size, "rtc", rtc.New(time.Now))
	attach(t, &b, 0x80, 1, "delay", &legacy.Delay{})
	attach(t, &b, 0x92, 1, "port 92", legacy.NewPort92(nop))
	attach(t, &b, 0xed, 1, "delay", &legacy.Delay{})
	attach(t, &b, 0x3f8, serial.Size, "serial", serial.New(io.Discard, silent{}))
	pm := acpipm.New(acpipm.Config{Now: time.Now, SCI: quiet{}})
	attach(t, &b, 0x600, 4, "acpi events", pm.Events())
	attach(t, &b, 0x604, 2, "acpi control", pm.Control())
	attach(t, &b, 0x608, 4, "acpi timer", pm.Timer())
	attach(t, &b, 0x700, ctl.Size, "ctl", ctl.New(func(uint8) {}, func(ctl.Event) {}))
	attach(t, &b, 0xcf8, legacy.PCIHostSize, "pci", legacy.NewPCIHost(nop))
	return &b
}

// TestPCFromManyVCPUs has several vCPUs at every port, at every width; under -race
// it is the test of every device's locks.
func TestPCFromManyVCPUs(t *testing.T) {
	b := newPC(t)
	var wg sync.WaitGroup
	for cpu := range 4 {
		wg.Go(func() {
			var p [4]byte
			for port := range uint64(0x1000) {
				for n := 1; n <= 4; n *= 2 {
					p[0] = byte(int(port) + cpu)
					b.Write(port, p[:n])
					b.Read(port, p[:n])
				}
			}
		})
	}
	wg.Wait()
}

// TestPCDoesNotAllocate is the exit path's promise, for every port.
func TestPCDoesNotAllocate(t *testing.T) {
	b := newPC(t)
	var p [4]byte
	for _, r := range b.Ranges() {
		n := testing.AllocsPerRun(10, func() {
			for off := range r.Size {
				b.Read(r.Base+off, p[:1])
				b.Write(r.Base+off, p[:1])
				b.Read(r.Base+off, p[:4])
				b.Write(r.Base+off, p[:4])
			}
		})
		if n != 0 {
			t.Errorf("%s: %v allocations, want 0", b.Name(r.Base), n)
		}
	}
}
