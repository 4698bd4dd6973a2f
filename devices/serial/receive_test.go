package serial

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"testing/synctest"
)

// TestReceiveWaitsUntilTheGuestListens boots a guest that throws its input away
// while it probes, as Linux does; what the host sends early must arrive whole.
func TestReceiveWaitsUntilTheGuestListens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDriver()
		go d.Receive(t.Context(), []byte("uname -a\n"))
		synctest.Wait()
		for _, mcr := range []byte{0, mcrRTS, mcrDTR | mcrRTS, mcrOUT2, mcrLoop | mcrOUT2 | mcrRTS} {
			d.outb(regMCR, mcr)
			d.outb(regIIR, fcrEnable|fcrClearRX)
			synctest.Wait()
			want(t, "data before the guest listens", d.in(regLSR)&lsrData, 0)
		}
		d.open(ierData)
		synctest.Wait()
		want(t, "text", string(d.drain()), "uname -a\n")
	})
}

func TestReceiveStops(t *testing.T) {
	why := errors.New("console closed")
	tests := []struct {
		name string
		open bool
		n    int
	}{
		{"full FIFO", true, fifoSize},
		{"guest that does not listen", false, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDriver()
				if tt.open {
					d.open(0)
				}
				ctx, cancel := context.WithCancelCause(t.Context())
				go func() {
					synctest.Wait()
					cancel(why)
				}()
				n, err := d.Receive(ctx, make([]byte, 100))
				want(t, "taken", n, tt.n)
				if !errors.Is(err, why) {
					t.Errorf("error %v, want %v", err, why)
				}
				if err := d.SendBreak(ctx); !errors.Is(err, why) {
					t.Errorf("SendBreak: %v, want %v", err, why)
				}
			})
		})
	}
}

// TestReceiveStopsWhileOutputBlocks has a guest that waits for a host which does
// not read: the host's other hand must stay free.
func TestReceiveStopsWhileOutputBlocks(t *testing.T) {
	r, w := io.Pipe()
	u := New(w, &line{})
	d := &driver{UART: u, irq: &line{}}
	d.open(0)
	var wg sync.WaitGroup
	wg.Go(func() { d.outb(regData, 'x') })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := u.Receive(ctx, make([]byte, fifoSize+1)); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want %v", err, context.Canceled)
	}
	u.Save()
	r.Close()
	wg.Wait()
}

// TestReceiveLosesNothing pushes much more than a FIFO through, at full speed, to a
// guest that reads by interrupt, with FIFOs and without.
func TestReceiveLosesNothing(t *testing.T) {
	for name, fcr := range map[string]byte{"16550A": fcrEnable | 0x80, "16450": 0} {
		t.Run(name, func(t *testing.T) {
			sent := make([]byte, 20_000)
			for i := range sent {
				sent[i] = byte(i * 7)
			}
			irq := make(chan struct{}, 1)
			u := New(io.Discard, pulse(irq))
			d := &driver{UART: u}
			d.outb(regIIR, fcr)
			d.outb(regMCR, mcrRTS|mcrOUT2)
			d.outb(regIER, ierData)
			var wg sync.WaitGroup
			wg.Go(func() {
				if _, err := u.Receive(t.Context(), sent); err != nil {
					t.Error(err)
				}
			})
			var got []byte
			for len(got) < len(sent) {
				<-irq
				got = append(got, d.handle()...)
			}
			wg.Wait()
			if !bytes.Equal(got, sent) {
				t.Error("the guest did not read what the host sent")
			}
		})
	}
}

// pulse is an interrupt line that holds one edge, as the controller's latch does.
type pulse chan struct{}

func (p pulse) Trigger() {
	select {
	case p <- struct{}{}:
	default:
	}
}

// TestConcurrentSenders has several hosts and vCPUs at the UART together; under
// -race it is the test of the locks.
func TestConcurrentSenders(t *testing.T) {
	var mu sync.Mutex
	written := 0
	u := New(counter{&mu, &written}, &line{})
	d := &driver{UART: u}
	d.open(ierMask)
	const each, senders = 2000, 3
	var hosts, guests sync.WaitGroup
	for range senders {
		hosts.Go(func() {
			if _, err := u.Receive(t.Context(), make([]byte, each)); err != nil {
				t.Error(err)
			}
		})
		guests.Go(func() {
			for range each {
				d.outb(regData, '.')
				d.in(regIIR)
				_ = u.Save()
			}
		})
	}
	for read := 0; read < each*senders; {
		read += len(d.drain())
	}
	hosts.Wait()
	guests.Wait()
	want(t, "written", written, each*senders)
}

type counter struct {
	mu *sync.Mutex
	n  *int
}

func (c counter) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	*c.n += len(p)
	return len(p), nil
}
