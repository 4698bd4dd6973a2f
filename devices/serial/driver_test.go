package serial

import (
	"bytes"
	"context"
	"sync/atomic"
	"testing"
	"time"
)

// line counts the pulses of an interrupt line.
type line struct{ n atomic.Int64 }

func (l *line) Trigger() { l.n.Add(1) }

// take returns the number of pulses since the last call.
func (l *line) take() int { return int(l.n.Swap(0)) }

// driver plays the guest: it reads and writes one register at a time.
type driver struct {
	*UART
	irq *line
	out *bytes.Buffer
}

func newDriver() *driver {
	d := &driver{irq: &line{}, out: &bytes.Buffer{}}
	d.UART = New(d.out, d.irq)
	return d
}

func (d *driver) in(off uint64) byte {
	p := []byte{0}
	d.Read(off, p)
	return p[0]
}

func (d *driver) outb(off uint64, v byte) { d.Write(off, []byte{v}) }

// open does what a driver does before it uses the port.
func (d *driver) open(ier byte) {
	d.outb(regIIR, fcrEnable|0x80) // trigger level 8, as Linux sets for a 16550A
	d.outb(regMCR, mcrDTR|mcrRTS|mcrOUT2)
	d.outb(regIER, ier)
}

// drain reads RBR for as long as LSR offers data, as every driver's handler does.
func (d *driver) drain() (got []byte) {
	for d.in(regLSR)&lsrData != 0 {
		got = append(got, d.in(regData))
	}
	return got
}

// passes is how often Linux's handler looks at IIR before it gives up: PASS_LIMIT in
// drivers/tty/serial/8250/8250_core.c. burst is what it reads at a time
// (serial8250_rx_chars).
const passes, burst = 512, 256

// handle is Linux's interrupt handler, as far as it receives.
func (d *driver) handle() (got []byte) {
	for range passes {
		if d.in(regIIR)&iirNone != 0 {
			return got
		}
		lsr := d.in(regLSR)
		for n := 0; n < burst && lsr&lsrData != 0; n++ {
			got = append(got, d.in(regData))
			lsr = d.in(regLSR)
		}
	}
	return got
}

// receive sends p from the host's side; all of it must fit.
func (d *driver) receive(t *testing.T, p string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if n, err := d.Receive(ctx, []byte(p)); n != len(p) || err != nil {
		t.Fatalf("Receive = %d, %v; want %d, nil", n, err, len(p))
	}
}

func want[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}

// TestLinuxAutoconfig takes the steps by which Linux's autoconfig and
// autoconfig_16550a (drivers/tty/serial/8250/8250_port.c) tell one chip from
// another, and must end at PORT_16550A.
func TestLinuxAutoconfig(t *testing.T) {
	d := newDriver()

	// There is a UART: IER holds four bits.
	d.outb(regIER, 0)
	want(t, "IER cleared", d.in(regIER), 0)
	d.outb(regIER, 0xff)
	want(t, "IER set", d.in(regIER), 0x0f)
	d.outb(regIER, 0)

	// Loopback brings OUT2 and RTS back as DCD and CTS.
	d.outb(regMCR, mcrLoop|mcrOUT2|mcrRTS)
	want(t, "MSR in loopback", d.in(regMSR)&0xf0, 0x90)
	d.outb(regMCR, 0)

	// Both FIFO bits: not an 8250, 16450 or 16550.
	d.outb(regLCR, 0)
	d.outb(regIIR, fcrEnable)
	want(t, "IIR", d.in(regIIR), iirFIFO|iirNone)

	// No extended features at offset 2: not a 16650 or a 16850.
	for _, lcr := range []byte{0x80, 0xbf} {
		d.outb(regLCR, lcr)
		want(t, "EFR", d.in(2), iirFIFO|iirNone)
	}

	// No bank 2: not a National SuperIO, whose EXCR1 there follows MCR's loop bit.
	for _, mcr := range []byte{0, mcrLoop} {
		d.outb(regLCR, 0)
		d.outb(regMCR, mcr)
		d.outb(regLCR, 0xe0)
		want(t, "EXCR1", d.in(2)&mcrLoop, 0)
	}
	d.outb(regLCR, 0)
	d.outb(regMCR, 0)

	// No FIFO of 64 behind FCR bit 5: not a TI 16750.
	for _, lcr := range []byte{0, 0x80} {
		d.outb(regLCR, lcr)
		d.outb(regIIR, fcrEnable|0x20)
		want(t, "IIR with 64 asked for", d.in(regIIR)>>5, 6)
		d.outb(regIIR, fcrEnable)
	}
	d.outb(regLCR, 0)

	// No IER bit 6: not an XScale.
	d.outb(regIER, 1<<6)
	want(t, "IER.UUE", d.in(regIER), 0)
}

// TestLinuxFIFOSize is size_fifo, which tells a 16550A from a U6: send 256
// characters to ourselves and count those that come back.
func TestLinuxFIFOSize(t *testing.T) {
	d := newDriver()
	d.outb(regIIR, 0x07)
	d.outb(regMCR, mcrLoop)
	d.outb(regLCR, lcrDLAB)
	d.outb(0, 1)
	d.outb(1, 0)
	d.outb(regLCR, 3)
	for i := range 256 {
		d.outb(regData, byte(i))
	}
	lsr := d.in(regLSR)
	want(t, "LSR", lsr, lsrData|lsrOverrun|lsrTHRE|lsrTEMT)
	got := d.drain()
	want(t, "characters", len(got), fifoSize)
	want(t, "first and last", [2]byte{got[0], got[15]}, [2]byte{0, 15})
	want(t, "output of a looped UART", d.out.Len(), 0)
}

// TestLinuxStartup takes the tests of serial8250_do_startup for chips that do not
// raise THR empty when it is enabled: twice, and with the interrupt taken between.
func TestLinuxStartup(t *testing.T) {
	d := newDriver()
	for range 2 {
		d.outb(regIER, 0)
		d.outb(regIER, ierTHRE)
		want(t, "LSR", d.in(regLSR), lsrTHRE|lsrTEMT)
		want(t, "IIR", d.in(regIIR), iirTHRE)
		want(t, "IIR again", d.in(regIIR), iirNone)
	}
	want(t, "pulses with OUT2 off", d.irq.take(), 0)
}

// TestLinuxTransmit sends as serial8250_tx_chars does: enable THRE, and from then
// on up to sixteen characters per interrupt.
func TestLinuxTransmit(t *testing.T) {
	d := newDriver()
	d.open(ierData | ierLine)
	text := bytes.Repeat([]byte("0123456789abcdef"), 3)
	rest := text
	d.outb(regIER, ierData|ierLine|ierTHRE)
	interrupts := 0
	for d.irq.take() > 0 {
		interrupts++
		want(t, "IIR", d.in(regIIR), iirFIFO|iirTHRE)
		if len(rest) == 0 {
			d.outb(regIER, ierData|ierLine)
			continue
		}
		for _, c := range rest[:16] {
			d.outb(regData, c)
		}
		rest = rest[16:]
	}
	want(t, "output", d.out.String(), string(text))
	want(t, "interrupts", interrupts, 4)
	want(t, "IIR at the end", d.in(regIIR), iirFIFO|iirNone)
}

// TestTransmitWithoutFIFO sends one character per interrupt and never looks at
// IIR, which a driver of THRE alone need not do.
func TestTransmitWithoutFIFO(t *testing.T) {
	d := newDriver()
	d.outb(regMCR, mcrOUT2)
	d.outb(regIER, ierTHRE)
	for _, c := range []byte("hello") {
		want(t, "pulses", d.irq.take(), 1)
		d.outb(regData, c)
	}
	want(t, "output", d.out.String(), "hello")
}

// TestTransmitInBursts never looks at IIR either, and fills the FIFO each time.
func TestTransmitInBursts(t *testing.T) {
	d := newDriver()
	d.open(ierTHRE)
	for range 4 {
		want(t, "pulses", d.irq.take(), 1)
		for range fifoSize {
			d.outb(regData, '.')
		}
	}
}

// TestTransmitPartFIFO sends less than a FIFO per interrupt, and looks at IIR, LSR
// or the receiver as its handler begins: each must make room for the next edge.
func TestTransmitPartFIFO(t *testing.T) {
	for _, off := range []uint64{regIIR, regLSR, regData} {
		d := newDriver()
		d.open(ierTHRE)
		for range 4 {
			want(t, "pulses", d.irq.take(), 1)
			d.in(off)
			for range 5 {
				d.outb(regData, '.')
			}
		}
	}
}

func TestReceiveByInterrupt(t *testing.T) {
	tests := []struct {
		name string
		text string
		iir  byte
	}{
		{"one", "x", iirFIFO | iirTimeout},
		{"below the level", "1234567", iirFIFO | iirTimeout},
		{"at the level", "12345678", iirFIFO | iirData},
		{"full", "0123456789abcdef", iirFIFO | iirData},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := newDriver()
			d.open(ierData | ierLine)
			d.receive(t, tt.text)
			want(t, "pulses", d.irq.take(), 1)
			want(t, "IIR", d.in(regIIR), tt.iir)
			want(t, "text", string(d.drain()), tt.text)
			want(t, "IIR after", d.in(regIIR), iirFIFO|iirNone)
			want(t, "pulses after", d.irq.take(), 0)
		})
	}
}

// TestPrioritiesAndNoLostEdge has all four sources pending and serves one per
// interrupt: each must be followed by the edge for the next.
func TestPrioritiesAndNoLostEdge(t *testing.T) {
	d := newDriver()
	d.open(ierMask)
	d.in(regIIR) // THRE from enabling it
	d.outb(regMCR, mcrLoop)
	d.outb(regData, 'x')
	for range fifoSize {
		d.outb(regData, 'y') // one too many: overrun
	}
	d.irq.take()
	d.outb(regMCR, mcrRTS|mcrOUT2) // out of loopback: modem inputs change
	steps := []struct {
		name  string
		iir   byte
		serve func()
	}{
		{"line status", iirLine, func() { d.in(regLSR) }},
		{"data", iirData, func() { d.drain() }},
		{"THR empty", iirTHRE, func() {}},
		{"modem status", iirModem, func() { d.in(regMSR) }},
	}
	for _, s := range steps {
		if d.irq.take() == 0 {
			t.Errorf("no edge for %s", s.name)
		}
		want(t, "IIR for "+s.name, d.in(regIIR), iirFIFO|s.iir)
		s.serve()
	}
	want(t, "pulses at the end", d.irq.take(), 0)
	want(t, "IIR at the end", d.in(regIIR), iirFIFO|iirNone)
}
