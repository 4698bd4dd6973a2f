package serial

import (
	"io"
	"sync"
	"sync/atomic"

	"terem/devices"
)

// UART is a 16550A. Its methods may be called from any goroutine.
//
// Two locks, never held together: mu guards the registers and is held for the
// length of a register access; outMu is held while a character is written to the
// host, which can take for ever when nobody reads the other end. A guest that
// waits there does not keep Receive from being cancelled, or Save from copying.
type UART struct {
	irq    devices.IRQ
	sender chan struct{} // holds a token of the Receive that is under way
	taken  chan struct{} // capacity 1: the guest has taken all of it

	mu   sync.Mutex
	s    State
	feed feed

	outMu sync.Mutex
	out   io.Writer
	one   [1]byte // what out is given; here so that it need not be allocated

	lost atomic.Uint64
	err  atomic.Pointer[error]
}

// New returns a UART after reset that sends to out and interrupts through irq.
//
// Each character is one Write of one byte, made on the goroutine of the vCPU that
// sent it, and no two at a time. A writer that blocks holds up that vCPU; one that
// fails loses the character, see [UART.Err].
func New(out io.Writer, irq devices.IRQ) *UART {
	return &UART{
		out:    out,
		irq:    irq,
		sender: make(chan struct{}, 1),
		taken:  make(chan struct{}, 1),
		s:      State{MSR: msrCTS | msrDSR | msrDCD},
	}
}

// Read reads registers; see [devices.Device]. A wide access reads one register per
// byte, as the 8-bit bus of the card would.
func (u *UART) Read(off uint64, p []byte) {
	for i := range p {
		u.mu.Lock()
		p[i] = u.load(off + uint64(i))
		u.unlock()
	}
}

// Write writes registers; see [devices.Device].
func (u *UART) Write(off uint64, p []byte) {
	for i, v := range p {
		u.mu.Lock()
		if off+uint64(i) == regData && u.s.LCR&lcrDLAB == 0 && u.s.MCR&mcrLoop == 0 {
			u.mu.Unlock()
			u.send(v)
			u.mu.Lock()
			u.sent()
			u.unlock()
			continue
		}
		u.store(off+uint64(i), v)
		u.unlock()
	}
}

// unlock ends an access to the state: it fills the receive FIFO, releases mu, and then
// tells the guest what has changed for it.
func (u *UART) unlock() {
	if len(u.feed.left) > 0 {
		u.refill()
	}
	pulse := u.settle()
	u.mu.Unlock()
	if pulse {
		u.irq.Trigger()
	}
}

// load reads one register, with all that reading it sets off. mu is held.
func (u *UART) load(off uint64) byte {
	u.s.Burst = 0
	switch off {
	case regData:
		if u.s.LCR&lcrDLAB != 0 {
			return u.s.DLL
		}
		return u.pop()
	case regIER:
		if u.s.LCR&lcrDLAB != 0 {
			return u.s.DLM
		}
		return u.s.IER
	case regIIR:
		return u.identify()
	case regLCR:
		return u.s.LCR
	case regMCR:
		return u.s.MCR
	case regLSR:
		return u.lineStatus()
	case regMSR:
		v := u.s.MSR
		u.s.MSR &^= msrDeltas
		return v
	case regSCR:
		return u.s.SCR
	}
	return 0xff
}

// store writes one register, save for THR outside loopback, which Write has dealt
// with. mu is held.
func (u *UART) store(off uint64, v byte) {
	if off != regData {
		u.s.Burst = 0
	}
	switch off {
	case regData:
		if u.s.LCR&lcrDLAB != 0 {
			u.s.DLL = v
			return
		}
		u.loop(v)
	case regIER:
		if u.s.LCR&lcrDLAB != 0 {
			u.s.DLM = v
			return
		}
		u.enable(v & ierMask)
	case regIIR:
		u.controlFIFO(v)
	case regLCR:
		u.s.LCR = v
	case regMCR:
		u.s.MCR = v & mcrMask
		u.setModemInputs()
	case regSCR:
		u.s.SCR = v
	}
}

// setModemInputs follows the inputs: in loopback they are the chip's own outputs,
// otherwise those of a far end that is always ready.
func (u *UART) setModemInputs() {
	in := byte(msrCTS | msrDSR | msrDCD)
	if u.s.MCR&mcrLoop != 0 {
		in = route(u.s.MCR, mcrRTS, msrCTS) | route(u.s.MCR, mcrDTR, msrDSR) |
			route(u.s.MCR, mcrOUT1, msrRI) | route(u.s.MCR, mcrOUT2, msrDCD)
	}
	was := u.s.MSR
	changed := (was ^ in) &^ msrDeltas
	deltas := route(changed, msrCTS, msrDeltaCTS) | route(changed, msrDSR, msrDeltaDSR) |
		route(changed&was, msrRI, msrEndRI) | route(changed, msrDCD, msrDeltaDCD)
	u.s.MSR = in | was&msrDeltas | deltas
}

// route is the bit to if the bit from is set in v, otherwise 0.
func route(v, from, to byte) byte {
	if v&from == 0 {
		return 0
	}
	return to
}
