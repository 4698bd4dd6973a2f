package serial

// Sources is a set of the UART's interrupt sources: those of IER, at its bits.
type Sources byte

// pending is the set of sources that are enabled and have something to say.
func (u *UART) pending() Sources {
	var p Sources
	if u.s.RXLen > 0 {
		p |= ierData
	}
	if u.s.THREPending {
		p |= ierTHRE
	}
	if u.s.Overrun || u.top().Errors != 0 {
		p |= ierLine
	}
	if u.s.MSR&msrDeltas != 0 {
		p |= ierModem
	}
	return p & Sources(u.s.IER)
}

// settle compares what is pending with what the guest was last told, and reports
// whether to pulse. In loopback the OUT2 pin is off, whatever the bit says.
func (u *UART) settle() (pulse bool) {
	var now Sources
	if u.s.MCR&(mcrOUT2|mcrLoop) == mcrOUT2 {
		now = u.pending()
	}
	pulse = now != 0 && now != u.s.Raised
	u.s.Raised = now
	return pulse
}

// identify reads IIR: the most urgent source, whether or not its interrupt is let
// out of the chip. THR empty is done with once the guest has been told.
func (u *UART) identify() byte {
	var fifo byte
	if u.s.FCR&fcrEnable != 0 {
		fifo = iirFIFO
	}
	p := u.pending()
	switch {
	case p&ierLine != 0:
		return fifo | iirLine
	case p&ierData != 0 && u.s.RXLen < u.trigger():
		return fifo | iirTimeout
	case p&ierData != 0:
		return fifo | iirData
	case p&ierTHRE != 0:
		u.s.THREPending = false
		return fifo | iirTHRE
	case p&ierModem != 0:
		return fifo | iirModem
	}
	u.seen()
	return fifo | iirNone
}

// enable writes IER. THR is always empty, so that enabling its interrupt raises it
// at once: drivers start to send that way, and Linux looks for chips that do not
// (serial8250_do_startup, UART_BUG_TXEN).
func (u *UART) enable(ier byte) {
	if ier&^u.s.IER&ierTHRE != 0 {
		u.s.THREPending = true
	}
	u.s.IER = ier
}

// lineStatus reads LSR, and so clears the errors that it shows.
func (u *UART) lineStatus() byte {
	v := byte(lsrTHRE | lsrTEMT)
	if u.s.RXLen > 0 {
		v |= lsrData | u.top().Errors
	} else if u.s.IER&ierData == 0 {
		u.seen() // a polling driver has no handler that must end
	}
	if u.s.Overrun {
		v |= lsrOverrun
	}
	if u.s.FCR&fcrEnable != 0 && u.anyError() {
		v |= lsrFIFOError
	}
	u.s.Overrun = false
	u.s.RX[u.s.RXHead].Errors = 0
	return v
}
