package serial

import (
	"context"
	"fmt"
)

// Receive sends p to the guest. It returns when the UART has taken all of p, or
// when ctx is done, with the number of bytes taken; the error is then the cause. If ctx
// is done already, nothing is taken: the guest may be gone.
//
// While the FIFO is full, or the guest does not listen (see the package's doc), it
// waits. Bytes of calls that overlap may be interleaved.
func (u *UART) Receive(ctx context.Context, p []byte) (int, error) {
	n := 0
	for ctx.Err() == nil {
		if n += u.take(p[n:], 0); n == len(p) {
			return n, nil
		}
		u.wait(ctx)
	}
	return n, fmt.Errorf("serial: receive: %w", context.Cause(ctx))
}

// SendBreak sends a break, which Linux takes as the SysRq key. It waits as Receive
// does, so that the break stays in its place between characters.
func (u *UART) SendBreak(ctx context.Context) error {
	null := []byte{0}
	for ctx.Err() == nil {
		if u.take(null, lsrBreak) == 1 {
			return nil
		}
		u.wait(ctx)
	}
	return fmt.Errorf("serial: send break: %w", context.Cause(ctx))
}

// wait waits until there may be room in the FIFO, or ctx is done.
func (u *UART) wait(ctx context.Context) {
	select {
	case <-u.room:
	case <-ctx.Done():
	}
}

// take puts as much of p into the FIFO as fits and reports how much that was.
func (u *UART) take(p []byte, errors byte) int {
	u.mu.Lock()
	if !u.listening() {
		u.mu.Unlock()
		return 0
	}
	n := min(len(p), int(u.capacity()-u.s.RXLen))
	for _, c := range p[:n] {
		u.push(Char{Data: c, Errors: errors})
	}
	u.unlock()
	return n
}

// listening says whether the guest is ready for input: RTS up, port connected. In
// loopback the line is cut off from the receiver.
func (u *UART) listening() bool {
	return u.s.MCR&(mcrRTS|mcrOUT2|mcrLoop) == mcrRTS|mcrOUT2
}

// drained says whether a waiting Receive should go on. Half a FIFO is left by
// then, for the guest to read while the receiver's goroutine wakes up: its handler
// finds the next characters in place and need not be interrupted anew.
func (u *UART) drained() bool {
	return u.listening() && u.s.RXLen <= u.capacity()/2
}

// push receives one character, or overruns. With the FIFO on, a character that
// finds it full is lost; without, it takes the place of the one before (section
// 8.3, OE).
func (u *UART) push(c Char) {
	if u.s.RXLen < u.capacity() {
		u.s.RX[(u.s.RXHead+u.s.RXLen)%fifoSize] = c
		u.s.RXLen++
		return
	}
	u.s.Overrun = true
	if u.s.FCR&fcrEnable == 0 {
		u.s.RX[u.s.RXHead] = c
	}
}

// pop reads RBR. An empty receiver reads as 0.
func (u *UART) pop() byte {
	if u.s.RXLen == 0 {
		return 0
	}
	c := u.s.RX[u.s.RXHead]
	u.s.RXHead = (u.s.RXHead + 1) % fifoSize
	u.s.RXLen--
	return c.Data
}

// top is the character that the next read of RBR gives; LSR shows its errors.
func (u *UART) top() Char {
	if u.s.RXLen == 0 {
		return Char{}
	}
	return u.s.RX[u.s.RXHead]
}

// anyError says whether any character in the FIFO has an error: LSR bit 7.
func (u *UART) anyError() bool {
	for i := range u.s.RXLen {
		if u.s.RX[(u.s.RXHead+i)%fifoSize].Errors != 0 {
			return true
		}
	}
	return false
}

// controlFIFO writes FCR.
func (u *UART) controlFIFO(v byte) {
	if (v^u.s.FCR)&fcrEnable != 0 {
		u.clearRX()
	}
	if v&fcrEnable == 0 {
		u.s.FCR &^= fcrEnable
		return
	}
	if v&fcrClearRX != 0 {
		u.clearRX()
	}
	u.s.FCR = v & fcrStored
}

func (u *UART) clearRX() { u.s.RXHead, u.s.RXLen = 0, 0 }

// capacity is how many characters the receiver, or the transmitter, holds.
func (u *UART) capacity() uint8 {
	if u.s.FCR&fcrEnable == 0 {
		return 1
	}
	return fifoSize
}

// trigger is the number of characters from which on IIR says "data" and no longer
// "timeout".
func (u *UART) trigger() uint8 {
	if u.s.FCR&fcrEnable == 0 {
		return 1
	}
	return [4]uint8{1, 4, 8, 14}[u.s.FCR>>6]
}
