package serial

import (
	"context"
	"fmt"
	"time"
)

// Receive sends p to the guest. It returns when the UART has taken all of p, or
// when ctx is done, with the number of bytes taken; the error is then the cause. If ctx
// is done already, nothing is taken: the guest may be gone.
//
// While the FIFO is full, or the guest does not listen or needs a rest (see the package's
// doc), it waits. Calls that overlap take turns.
func (u *UART) Receive(ctx context.Context, p []byte) (int, error) {
	return u.characters(ctx, p, false)
}

// ReceiveInvited is Receive for what the guest's programs have asked for by other
// means. Since they have a place for all of it, it comes without rests.
func (u *UART) ReceiveInvited(ctx context.Context, p []byte) (int, error) {
	return u.characters(ctx, p, true)
}

func (u *UART) characters(ctx context.Context, p []byte, invited bool) (int, error) {
	n, err := u.receive(ctx, p, 0, invited)
	if err != nil {
		err = fmt.Errorf("serial: receive: %w", err)
	}
	return n, err
}

// SendBreak sends a break, which Linux takes as the SysRq key. It waits as Receive
// does, so that the break stays in its place between characters.
func (u *UART) SendBreak(ctx context.Context) error {
	if _, err := u.receive(ctx, []byte{0}, lsrBreak, false); err != nil {
		return fmt.Errorf("serial: send break: %w", err)
	}
	return nil
}

// receive sends p, and says how much of it the UART has taken.
func (u *UART) receive(ctx context.Context, p []byte, errors byte, invited bool) (int, error) {
	select {
	case u.sender <- struct{}{}:
		defer func() { <-u.sender }()
	case <-ctx.Done():
	}
	if ctx.Err() != nil || len(p) == 0 {
		return 0, context.Cause(ctx)
	}
	if u.offer(p, errors, invited) == 0 {
		return len(p), nil
	}
	err := u.await(ctx)
	left := u.withdraw()
	if left == 0 {
		err = nil
	}
	return len(p) - left, err
}

// offer begins to send p, and says how much of it is left then.
func (u *UART) offer(p []byte, errors byte, invited bool) int {
	select {
	case <-u.taken: // of one that was withdrawn
	default:
	}
	u.mu.Lock()
	u.feed.left, u.feed.errors, u.feed.invited = p, errors, invited
	u.unlock()
	return u.left()
}

func (u *UART) left() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.feed.left)
}

// withdraw takes back what the guest has not taken, and says how much that is.
func (u *UART) withdraw() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	n := len(u.feed.left)
	u.feed.left = nil
	return n
}

// await waits until the guest has taken everything. What the guest does to registers
// moves that on; time does, too, after a rest and with a guest that does not show what
// it has seen.
func (u *UART) await(ctx context.Context) error {
	const longest = 64 * patience
	wait, before := patience, 0
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case <-u.taken:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-timer.C:
		}
		left, rest := u.poke()
		wait = min(2*wait, longest)
		if left != before {
			wait, before = patience, left
		}
		if rest > 0 {
			wait = rest
		}
		timer.Reset(wait)
	}
}

// poke fills the FIFO, if it is time. It says how much was left before, and how long the line rests.
func (u *UART) poke() (left int, rest time.Duration) {
	u.mu.Lock()
	defer u.unlock()
	return len(u.feed.left), time.Until(u.feed.resume)
}

// listening says whether the guest is ready for input: RTS up, port connected. In
// loopback the line is cut off from the receiver.
func (u *UART) listening() bool {
	return u.s.MCR&(mcrRTS|mcrOUT2|mcrLoop) == mcrRTS|mcrOUT2
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
	u.feed.popped(u.s.RXLen == 0)
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

func (u *UART) clearRX() {
	u.s.RXHead, u.s.RXLen = 0, 0
	u.seen()
}

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
