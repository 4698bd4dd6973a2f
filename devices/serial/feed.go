package serial

import "time"

// A line without a speed needs limits, or a driver that reads until the FIFO is empty, as all do, never comes to the end.
const (
	// patience is how long the FIFO stays empty at least, for a driver that does not show that it has seen that.
	patience = time.Millisecond
	// turn is how many characters come at full speed. Then the line rests, until the guest has had idle-1 times as
	// long for what is behind its interrupt handler as the characters have waited for that: Linux drops, without a
	// word, what comes while 64 KiB wait between the two.
	turn = 256
	idle = 4
	// longestRest bounds a rest, for a guest that was paused, say.
	longestRest = 100 * time.Millisecond
)

// feed is what the host has to send yet, and when the FIFO may take it. The UART's mu guards it.
type feed struct {
	left    []byte // of the Receive that is under way
	errors  byte   // of each of its characters
	invited bool   // the guest has asked for them: no rest

	reading bool // the guest has begun to empty the FIFO, and has not seen its end yet

	filled, emptied time.Time // when the FIFO got a first character, and gave the last
	begun, resume   time.Time // when the turn began, and when the rest after it ends
	busy            time.Duration
	n               int // characters of the turn
}

// refill moves to the FIFO what it takes, if the moment allows. mu is held, and something is left.
//
// The FIFO takes characters until the guest begins to read it, and then none until the guest has seen it empty: a
// driver's handler meets a FIFO's worth, and ends. What comes next is a new interrupt.
func (u *UART) refill() {
	f := &u.feed
	room := int(u.capacity() - u.s.RXLen)
	if room == 0 || !u.listening() || f.reading && u.s.RXLen > 0 {
		return
	}
	now := time.Now()
	if f.reading && now.Sub(f.emptied) < patience || !f.invited && now.Before(f.resume) {
		return
	}
	n := min(len(f.left), room)
	f.note(n, u.s.RXLen == 0, now)
	for _, c := range f.left[:n] {
		u.push(Char{Data: c, Errors: f.errors})
	}
	f.left = f.left[n:]
	if len(f.left) == 0 {
		select {
		case u.taken <- struct{}{}:
		default:
		}
	}
}

// seen notes that the guest has looked, and knows if there is no more to read.
func (u *UART) seen() {
	if u.s.RXLen == 0 {
		u.feed.reading = false
	}
}

// note notes that n characters come.
func (f *feed) note(n int, first bool, now time.Time) {
	f.reading = false
	if first {
		f.filled = now
	}
	if f.invited {
		return
	}
	if f.n == 0 {
		f.begun = now
	}
	f.n += n
}

// popped notes that the guest has taken a character, and whether it was the last one.
func (f *feed) popped(last bool) {
	f.reading = true
	if !last {
		return
	}
	now := time.Now()
	f.emptied = now
	if f.n == 0 {
		return
	}
	f.busy += now.Sub(f.filled)
	if f.n < turn {
		return
	}
	f.resume = f.begun.Add(idle * f.busy)
	if latest := now.Add(longestRest); f.resume.After(latest) {
		f.resume = latest
	}
	f.n, f.busy = 0, 0
}
