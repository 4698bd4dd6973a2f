package serial

import (
	"errors"
	"testing"
)

func TestRegistersHoldWhatTheyHold(t *testing.T) {
	tests := []struct {
		name       string
		lcr        byte
		off        uint64
		write, get byte
	}{
		{"IER", 0, regIER, 0xf5, 0x05},
		{"LCR", 0, regLCR, 0x1b, 0x1b},
		{"MCR", 0, regMCR, 0xff, 0x1f},
		{"SCR", 0, regSCR, 0xa5, 0xa5},
		{"DLL", lcrDLAB, 0, 0x12, 0x12},
		{"DLM", lcrDLAB, 1, 0x34, 0x34},
		{"LSR", 0, regLSR, 0x00, lsrTHRE | lsrTEMT},
		{"MSR", 0, regMSR, 0x0f, msrCTS | msrDSR | msrDCD},
		{"IIR", 0, regIIR, 0x00, iirNone},
		{"past the end", 0, 8, 0x12, 0xff},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := newDriver()
			d.outb(regLCR, tt.lcr)
			d.outb(tt.off, tt.write)
			want(t, "value", d.in(tt.off), tt.get)
		})
	}
}

func TestDLABHidesAndKeeps(t *testing.T) {
	d := newDriver()
	d.outb(regIER, ierData)
	d.outb(regLCR, lcrDLAB)
	d.outb(regData, 0x0c)
	d.outb(regIER, 0x01)
	d.outb(regLCR, 0x03)
	want(t, "IER", d.in(regIER), ierData)
	want(t, "output", d.out.Len(), 0)
	d.outb(regLCR, lcrDLAB)
	want(t, "divisor", [2]byte{d.in(0), d.in(1)}, [2]byte{0x0c, 0x01})
}

func TestWideAccess(t *testing.T) {
	d := newDriver()
	d.Write(regData, []byte{'x', ierData}) // outw(0x3f8)
	want(t, "output", d.out.String(), "x")
	p := make([]byte, 4)
	d.Read(regLSR, p)
	want(t, "LSR, MSR, SCR, none", [4]byte(p), [4]byte{0x60, 0xb0, 0, 0xff})
	d.Read(^uint64(0), p) // offsets may not wrap around into the registers' names
}

func TestModemStatus(t *testing.T) {
	// Each step is a write to MCR in loopback, from the state that the last left.
	steps := []struct {
		mcr, msr byte
	}{
		{mcrRTS, msrCTS | msrDeltaDSR | msrDeltaDCD}, // the far end's DSR and DCD are gone
		{mcrRTS, msrCTS},
		{mcrRTS | mcrDTR, msrCTS | msrDSR | msrDeltaDSR},
		{mcrOUT1, msrRI | msrDeltaCTS | msrDeltaDSR}, // RI's rise is not noted
		{0, msrEndRI},
		{mcrOUT2, msrDCD | msrDeltaDCD},
	}
	d := newDriver()
	for _, s := range steps {
		d.outb(regMCR, mcrLoop|s.mcr)
		want(t, "MSR", d.in(regMSR), s.msr)
		want(t, "deltas read twice", d.in(regMSR)&msrDeltas, 0)
	}
}

func TestModemDeltasAddUp(t *testing.T) {
	d := newDriver()
	d.outb(regMCR, mcrLoop|mcrRTS|mcrDTR|mcrOUT2)
	d.outb(regMCR, mcrLoop|mcrRTS|mcrDTR)
	d.outb(regMCR, mcrLoop|mcrRTS)
	want(t, "MSR", d.in(regMSR), msrCTS|msrDeltaDSR|msrDeltaDCD)
}

func TestOUT2GatesTheInterrupt(t *testing.T) {
	d := newDriver()
	d.outb(regIER, ierTHRE)
	want(t, "pulses with OUT2 off", d.irq.take(), 0)
	d.outb(regMCR, mcrOUT2|mcrLoop)
	want(t, "pulses in loopback", d.irq.take(), 0)
	d.outb(regMCR, mcrOUT2)
	want(t, "pulses with OUT2 on", d.irq.take(), 1)
}

func TestFIFOControl(t *testing.T) {
	fill := func(d *driver) {
		d.outb(regMCR, mcrLoop)
		for range 4 {
			d.outb(regData, 'x')
		}
	}
	tests := []struct {
		name        string
		before, fcr byte
		left        int
	}{
		{"nothing", 0x01, 0x01, 4},
		{"trigger level only", 0x01, 0xc1, 4},
		{"clear", 0x01, 0x03, 0},
		{"clear of the transmitter", 0x01, 0x05, 4},
		{"off", 0x01, 0x00, 0},
		{"off and clear without enable", 0x01, 0x02, 0},
		{"on", 0x00, 0x01, 0},
		{"still off", 0x00, 0xc2, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := newDriver()
			d.outb(regIIR, tt.before)
			fill(d)
			d.outb(regIIR, tt.fcr)
			want(t, "characters left", len(d.drain()), tt.left)
		})
	}
}

func TestTriggerLevels(t *testing.T) {
	for i, level := range []int{1, 4, 8, 14} {
		d := newDriver()
		d.outb(regIIR, fcrEnable|byte(i)<<6)
		d.outb(regIER, ierData)
		d.outb(regMCR, mcrLoop)
		for n := 1; n <= fifoSize; n++ {
			d.outb(regData, 'x')
			id := byte(iirFIFO | iirTimeout)
			if n >= level {
				id = iirFIFO | iirData
			}
			want(t, "IIR", d.in(regIIR), id)
		}
	}
}

func TestOverrun(t *testing.T) {
	tests := []struct {
		name string
		fcr  byte
		sent string
		kept string
	}{
		{"FIFO keeps the first", fcrEnable, "0123456789abcdefGH", "0123456789abcdef"},
		{"RBR keeps the last", 0, "abc", "c"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := newDriver()
			d.outb(regIIR, tt.fcr)
			d.outb(regMCR, mcrLoop)
			for _, c := range []byte(tt.sent) {
				d.outb(regData, c)
			}
			want(t, "overrun", d.in(regLSR)&lsrOverrun, lsrOverrun)
			want(t, "overrun read twice", d.in(regLSR)&lsrOverrun, 0)
			want(t, "kept", string(d.drain()), tt.kept)
		})
	}
}

func TestBreak(t *testing.T) {
	d := newDriver()
	d.open(ierData | ierLine)
	d.receive(t, "a")
	if err := d.SendBreak(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.receive(t, "h")
	want(t, "LSR before the break", d.in(regLSR), lsrData|lsrTHRE|lsrTEMT|lsrFIFOError)
	want(t, "a", d.in(regData), 'a')
	want(t, "IIR", d.in(regIIR), iirFIFO|iirLine)
	want(t, "LSR", d.in(regLSR), lsrData|lsrTHRE|lsrTEMT|lsrFIFOError|lsrBreak)
	want(t, "LSR again", d.in(regLSR), lsrData|lsrTHRE|lsrTEMT)
	want(t, "the break's character", d.in(regData), 0)
	want(t, "h", d.in(regData), 'h')
}

// failing is a writer whose far end is gone.
type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestWriterErrorsDoNotStopTheGuest(t *testing.T) {
	gone := errors.New("gone")
	u := New(failing{gone}, &line{})
	want(t, "Err before", u.Err(), nil)
	d := &driver{UART: u, irq: &line{}}
	for range 3 {
		d.outb(regData, 'x')
	}
	if !errors.Is(u.Err(), gone) {
		t.Errorf("Err = %v, want %v", u.Err(), gone)
	}
	want(t, "Lost", u.Lost(), 3)
	want(t, "LSR", d.in(regLSR), lsrTHRE|lsrTEMT)
}

func TestSaveRestore(t *testing.T) {
	a := newDriver()
	a.open(ierData | ierLine)
	a.outb(regSCR, 0x5a)
	a.receive(t, "0123456789")
	a.in(regData)
	a.in(regData)

	b := newDriver()
	b.Restore(a.Save())
	want(t, "pulses after Restore", b.irq.take(), 1)
	want(t, "state", b.Save(), a.Save())
	want(t, "SCR", b.in(regSCR), 0x5a)
	want(t, "text", string(b.drain()), "23456789")
}

func TestRestoreTrustsNothing(t *testing.T) {
	s := State{
		IER: 0xff, FCR: 0xff, LCR: 0xff, MCR: 0xff, MSR: 0xff,
		RXHead: 0xff, RXLen: 0xff, Burst: 0xff, Raised: 0xff, THREPending: true,
	}
	for i := range s.RX {
		s.RX[i] = Char{0xff, 0xff}
	}
	d := newDriver()
	d.Restore(s)
	d.outb(regLCR, 0)
	want(t, "characters", len(d.drain()), fifoSize)
	s.FCR = 0
	d.Restore(s)
	d.outb(regLCR, 0)
	want(t, "characters without FIFO", len(d.drain()), 1)
}
