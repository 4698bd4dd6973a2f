package serial

import (
	"io"
	"math/bits"
	"testing"
)

// FuzzUART takes pairs of bytes as what guest and host do to a UART, and checks
// after each that what the registers say agrees with the state behind them.
func FuzzUART(f *testing.F) {
	f.Add([]byte{0x82, 0x01, 0x84, 0x0b, 0x81, 0x0f, 0x40, 'x', 0x02, 0, 0x05, 0, 0x00, 0})
	f.Add([]byte{0x82, 0x07, 0x84, 0x1f, 0x80, 'a', 0x80, 'b', 0x05, 0, 0x84, 0x0b, 0x41, 0})
	f.Fuzz(func(t *testing.T, ops []byte) {
		irq := &line{}
		d := &driver{UART: New(io.Discard, irq), irq: irq}
		for ; len(ops) >= 2; ops = ops[2:] {
			before := d.Save()
			irq.take()
			act(d, ops[0], ops[1])
			check(t, d, before)
		}
	})
}

// act does one thing: bit 7 is a write, bit 6 the host's doing, the rest a
// register. What finds no room waits there, until the host thinks of something else.
func act(d *driver, op, v byte) {
	off := uint64(op & 0x0f)
	switch {
	case op&0x80 != 0:
		d.outb(off, v)
	case op&0x40 != 0 && off == 1:
		d.offer([]byte{0}, lsrBreak, false)
	case op&0x40 != 0 && off == 2:
		d.withdraw()
	case op&0x40 != 0:
		d.offer(make([]byte, v), 0, off == 3)
	default:
		d.in(off)
	}
}

// check holds the state to what must be true of every UART. It looks at a copy, so
// that looking does not acknowledge anything.
func check(t *testing.T, d *driver, before State) {
	t.Helper()
	s := d.Save()
	if s.RXLen > fifoSize || s.FCR&fcrEnable == 0 && s.RXLen > 1 {
		t.Fatalf("%d characters with FCR %#x", s.RXLen, s.FCR)
	}
	if s.RXLen > before.RXLen && before.RXLen > 0 && d.feed.reading && before.MCR&mcrLoop == 0 {
		t.Fatalf("%d characters after %d, while the guest reads", s.RXLen, before.RXLen)
	}
	if s.IER&^ierMask != 0 || s.MCR&^mcrMask != 0 {
		t.Fatalf("IER %#x, MCR %#x", s.IER, s.MCR)
	}
	if n := d.irq.take(); n == 0 && newlyRaised(before, s) {
		t.Fatalf("sources %#x after %#x, and no pulse", s.Raised, before.Raised)
	}
	copied := newDriver()
	copied.Restore(s)
	pending := copied.pending()
	iir := copied.in(regIIR)
	if (iir&iirNone == 0) != (pending != 0) {
		t.Fatalf("IIR %#x with %d sources pending", iir, bits.OnesCount8(uint8(pending)))
	}
	if (iir&iirFIFO == iirFIFO) != (s.FCR&fcrEnable != 0) {
		t.Fatalf("IIR %#x with FCR %#x", iir, s.FCR)
	}
	if lsr := copied.in(regLSR); (lsr&lsrData != 0) != (s.RXLen > 0) {
		t.Fatalf("LSR %#x with %d characters", lsr, s.RXLen)
	}
	copied.outb(regLCR, 0)
	if got := copied.drain(); len(got) != int(s.RXLen) {
		t.Fatalf("%d characters read of %d", len(got), s.RXLen)
	}
}

// newlyRaised says whether s has a source up that before had not.
func newlyRaised(before, s State) bool { return s.Raised&^before.Raised != 0 }
