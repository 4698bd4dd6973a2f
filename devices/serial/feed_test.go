package serial

import (
	"bytes"
	"context"
	"io"
	"testing"
	"testing/synctest"
	"time"
)

// slow is a driver each access of which takes a while, on a UART that has much to give.
type slow struct {
	*driver
	irq pulse
}

// access is how long one takes: as much as an exit does.
const access = 20 * time.Microsecond

func newSlow(fcr, ier byte) *slow {
	irq := make(pulse, 1)
	s := &slow{&driver{UART: New(io.Discard, irq)}, irq}
	s.outb(regIIR, fcr)
	s.outb(regIER, ier)
	s.outb(regMCR, mcrRTS|mcrOUT2)
	return s
}

// Read makes each access of the driver's take its time.
func (s *slow) in(off uint64) byte {
	time.Sleep(access)
	return s.driver.in(off)
}

// handle is the handler of driver, at that pace.
func (s *slow) handle() (got []byte) {
	for range passes {
		if s.in(regIIR)&iirNone != 0 {
			return got
		}
		lsr := s.in(regLSR)
		for n := 0; n < burst && lsr&lsrData != 0; n++ {
			got = append(got, s.in(regData))
			lsr = s.in(regLSR)
		}
	}
	return got
}

// input is as much as a test sends: no two parts of it are the same.
func input(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * 7 >> (i / 256 % 8))
	}
	return b
}

// TestHandlerEnds: however much the host has to send, and however fast, an interrupt handler that reads until there is
// no more meets a FIFO's worth. Between the handlers the guest has most of the time for itself, unless it has
// asked for what comes.
func TestHandlerEnds(t *testing.T) {
	for _, tt := range []struct {
		name    string
		fcr     byte
		atOnce  int
		receive func(*UART, context.Context, []byte) (int, error)
		share   float64 // of the time, one in so many is the handler's
	}{
		{"16550A", fcrEnable | 0x80, fifoSize, (*UART).Receive, idle},
		{"16450", 0, 1, (*UART).Receive, idle * 3 / 5.}, // it has two more looks after each character
		{"invited", fcrEnable | 0x80, fifoSize, (*UART).ReceiveInvited, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newSlow(tt.fcr, ierData|ierLine)
				sent := input(20 * turn)
				go tt.receive(d.UART, t.Context(), sent)
				var got []byte
				var busy time.Duration
				begun := time.Now()
				for len(got) < len(sent) {
					<-d.irq
					in := time.Now()
					p := d.handle()
					busy += time.Since(in)
					if len(p) > tt.atOnce {
						t.Fatalf("the handler met %d characters, want at most %d", len(p), tt.atOnce)
					}
					got = append(got, p...)
				}
				if !bytes.Equal(got, sent) {
					t.Error("the guest did not read what the host sent")
				}
				if is := float64(time.Since(begun)) / float64(busy); is < 0.9*tt.share || is > 1.2*tt.share {
					t.Errorf("one in %.2f of the time is the handler's, want %.2f", is, tt.share)
				}
			})
		})
	}
}

// TestTypingNeedsNoRest: keys that come one by one are never held up.
func TestTypingNeedsNoRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newSlow(fcrEnable|0x80, ierData)
		for i := range 4 * turn {
			time.Sleep(10 * time.Millisecond)
			before := time.Now()
			if _, err := d.Receive(t.Context(), []byte{byte(i)}); err != nil {
				t.Fatal(err)
			}
			if held := time.Since(before); held != 0 {
				t.Fatalf("key %d waited for %v", i, held)
			}
			<-d.irq
			if got := d.handle(); len(got) != 1 || got[0] != byte(i) {
				t.Fatalf("key %d came as %v", i, got)
			}
		}
	})
}

// TestOtherDrivers are such that do not look at IIR when they are done: all of the input comes to them as well.
func TestOtherDrivers(t *testing.T) {
	for name, get := range map[string]func(*slow) []byte{
		"reads until LSR is clean": func(d *slow) []byte { <-d.irq; return d.drain() },
		"one for each interrupt":   func(d *slow) []byte { <-d.irq; return []byte{d.in(regData)} },
		"a FIFO's worth": func(d *slow) (p []byte) {
			for <-d.irq; d.Save().RXLen > 0; {
				p = append(p, d.in(regData))
			}
			return p
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fcr := byte(fcrEnable)
				if name == "one for each interrupt" {
					fcr = 0
				}
				d := newSlow(fcr, ierData)
				sent := input(3 * fifoSize)
				go d.Receive(t.Context(), sent)
				var got []byte
				for len(got) < len(sent) {
					got = append(got, get(d)...)
				}
				if !bytes.Equal(got, sent) {
					t.Errorf("got %q, want %q", got, sent)
				}
			})
		})
	}
}

// TestPollingDriver has no interrupt: the line does not wait longer than for its look at LSR.
func TestPollingDriver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newSlow(fcrEnable, 0)
		sent := input(turn)
		go d.Receive(t.Context(), sent)
		synctest.Wait()
		begun := time.Now()
		var got []byte
		for len(got) < len(sent) {
			if d.in(regLSR)&lsrData != 0 {
				got = append(got, d.in(regData))
			}
		}
		if !bytes.Equal(got, sent) {
			t.Error("the guest did not read what the host sent")
		}
		if all, want := time.Since(begun), access*time.Duration(2*len(sent)+len(sent)/fifoSize); all > want {
			t.Errorf("%v, want %v", all, want)
		}
	})
}

// TestWithdrawn: what a guest has not taken when the host gives up does not come later, and what it has taken counts.
func TestWithdrawn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newSlow(fcrEnable|0x80, ierData)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		n, err := d.Receive(ctx, input(100))
		if n != fifoSize || err == nil {
			t.Fatalf("Receive = %d, %v; want a FIFO's worth and an error", n, err)
		}
		want(t, "characters", len(d.handle()), fifoSize)
		want(t, "characters after that", len(d.handle()), 0)
		go d.Receive(t.Context(), []byte("x"))
		synctest.Wait()
		want(t, "the next", string(d.handle()), "x")
	})
}
