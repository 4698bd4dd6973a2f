package serial

// State is all that a guest can change in a UART. It holds no pointers: an
// assignment copies it.
type State struct {
	IER, FCR, LCR, MCR, SCR byte
	DLL, DLM                byte

	// MSR holds the modem inputs and what of them has changed since the guest
	// last looked.
	MSR byte

	// RX is the receive FIFO, a ring of RXLen characters from RXHead on. With the
	// FIFOs off, RXLen is at most 1.
	RX            [fifoSize]Char
	RXHead, RXLen uint8

	// Overrun is LSR.OE: a character came and found no room.
	Overrun bool

	// THREPending says that THR became empty and the guest has not taken note of
	// it, neither by IIR nor by writing the next character.
	THREPending bool

	// Burst counts the characters written to THR since the last pulse for it.
	Burst uint8

	// Raised is the set of sources that the last pulse told the guest of.
	Raised Sources
}

// Char is a received character and what was wrong with it: LSR bits 2-4.
type Char struct {
	Data   byte
	Errors byte
}

// Save returns a copy of the state. Call it while no vCPU runs and no Receive is
// under way, or be content with the state of some instant.
func (u *UART) Save() State {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.s
}

// Restore replaces the state by s, of which nothing is taken on trust: bits and
// lengths that no UART can have are masked away.
//
// If an interrupt was pending it is pulsed again. The pulse before the snapshot
// may have been on its way to the interrupt controller when that was saved; a
// second one costs the guest one look at IIR, a lost one costs it the console.
func (u *UART) Restore(s State) {
	s.IER &= ierMask
	s.FCR &= fcrStored
	s.MCR &= mcrMask
	s.RXHead %= fifoSize
	s.Burst %= fifoSize
	s.Raised = 0
	u.mu.Lock()
	u.s = s
	u.s.RXLen = min(s.RXLen, u.capacity())
	for i := range u.s.RX {
		u.s.RX[i].Errors &= lsrBreak
	}
	u.unlock()
}
