package serial

import "fmt"

// send hands one character to the host. mu is not held: out may block.
func (u *UART) send(v byte) {
	u.outMu.Lock()
	u.one[0] = v
	_, err := u.out.Write(u.one[:])
	u.outMu.Unlock()
	if err == nil {
		return
	}
	u.lost.Add(1)
	if u.err.Load() == nil {
		first := fmt.Errorf("serial: write to the host: %w", err)
		u.err.CompareAndSwap(nil, &first)
	}
}

// Err returns the first error that the host's writer gave, or nil. The guest
// cannot be told of it and is not stopped by it.
func (u *UART) Err() error {
	if p := u.err.Load(); p != nil {
		return *p
	}
	return nil
}

// Lost is how many characters the host's writer has failed to take.
func (u *UART) Lost() uint64 { return u.lost.Load() }

// sent notes that THR took a character and is empty again. mu is held.
//
// The chip raises THR empty when the whole FIFO has gone out, once for up to
// sixteen characters. Here each character is gone at once, but sixteen pulses for
// one fill of the FIFO would be fifteen too many. So the first character of a
// burst pulses, and then each sixteenth; anything else that the guest does to the
// UART, above all the look at IIR with which a handler begins, ends the burst.
func (u *UART) sent() {
	u.s.THREPending = true
	if u.s.Burst == 0 {
		u.s.Raised &^= ierTHRE
	}
	u.s.Burst = (u.s.Burst + 1) % u.capacity()
}

// loop receives a character that the guest has sent to itself. mu is held.
func (u *UART) loop(v byte) {
	u.push(Char{Data: v})
	u.sent()
}
