package serial

import (
	"io"
	"testing"

	"terem/devices"
)

// onBus returns a bus with a UART at COM1, ready to send.
func onBus(t testing.TB) *devices.Bus {
	t.Helper()
	u := New(io.Discard, &line{})
	u.Write(regMCR, []byte{mcrOUT2})
	u.Write(regIER, []byte{ierTHRE})
	var b devices.Bus
	if err := b.Attach(devices.Range{Base: 0x3f8, Size: Size}, "serial", u); err != nil {
		t.Fatal(err)
	}
	return &b
}

func TestAccessDoesNotAllocate(t *testing.T) {
	b, p := onBus(t), []byte{'x'}
	n := testing.AllocsPerRun(1000, func() {
		b.Write(0x3f8, p)
		b.Read(0x3fd, p)
		b.Read(0x3fa, p)
	})
	want(t, "allocations", n, 0)
}

func TestReceiveDoesNotAllocate(t *testing.T) {
	d := newDriver()
	d.open(ierData)
	ctx, p := t.Context(), []byte{'x'}
	n := testing.AllocsPerRun(1000, func() {
		if _, err := d.Receive(ctx, p); err != nil {
			t.Error(err)
		}
		d.Read(regData, p)
		d.in(regIIR)
	})
	want(t, "allocations", n, 0)
}

func BenchmarkWriteByte(b *testing.B) {
	bus, p := onBus(b), []byte{'x'}
	b.ReportAllocs()
	for b.Loop() {
		bus.Write(0x3f8, p)
	}
}

func BenchmarkReadLSR(b *testing.B) {
	bus, p := onBus(b), []byte{0}
	b.ReportAllocs()
	for b.Loop() {
		bus.Read(0x3fd, p)
	}
}
