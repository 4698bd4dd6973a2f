package net

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"sync"
	"testing"
	"time"

	"terem/devices/virtio"
	"terem/devices/virtio/virtiotest"
)

// everything is what Linux negotiates.
const everything = offered | virtio.FeatureEventIdx | virtio.FeatureIndirectDesc

var testMAC = [6]byte{0x52, 0x54, 0, 1, 2, 3}

// wire is a backend: what the guest sends is in sent, and what is put into coming, the guest receives.
type wire struct {
	sent    chan []byte
	mu      sync.Mutex
	wake    *sync.Cond
	coming  [][]byte
	off     bool // interrupted
	err     error
	closed  bool
	offload []Offloads
	full    bool // Send waits
}

func newWire() *wire {
	w := &wire{sent: make(chan []byte, 1024)}
	w.wake = sync.NewCond(&w.mu)
	return w
}

func (w *wire) Send(frame [][]byte) error {
	w.mu.Lock()
	for w.full && !w.off && w.err == nil {
		w.wake.Wait()
	}
	off, err := w.off, w.err
	w.mu.Unlock()
	if off {
		return ErrInterrupted
	}
	if err != nil {
		return err
	}
	select {
	case w.sent <- bytes.Join(frame, nil):
	default:
	}
	return nil
}

func (w *wire) Receive(room [][]byte, wait bool) (n int, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		switch {
		case w.off:
			return 0, ErrInterrupted
		case len(w.coming) > 0:
			f := w.coming[0]
			w.coming = w.coming[1:]
			for _, b := range room {
				k := copy(b, f)
				n, f = n+k, f[k:]
			}
			return n, nil
		case w.err != nil:
			return 0, w.err
		case !wait:
			return 0, nil
		}
		w.wake.Wait()
	}
}

func (w *wire) locked(f func()) {
	w.mu.Lock()
	f()
	w.mu.Unlock()
	w.wake.Broadcast()
}

func (w *wire) Interrupt(on bool) { w.locked(func() { w.off = on }) }
func (w *wire) SetOffloads(o Offloads) (err error) {
	w.locked(func() {
		for w.full && !w.off {
			w.wake.Wait()
		}
		if err = ErrInterrupted; !w.off {
			w.offload, err = append(w.offload, o), nil
		}
	})
	return err
}

func (w *wire) Close() error {
	w.locked(func() { w.closed = true })
	return nil
}

// bring puts frames before the guest.
func (w *wire) bring(frames ...[]byte) { w.locked(func() { w.coming = append(w.coming, frames...) }) }

// told is what the guest can do, as the backend was told the nth time.
func (w *wire) told(n int) (o Offloads) {
	w.locked(func() {
		for len(w.offload) < n {
			w.wake.Wait()
		}
		o = w.offload[n-1]
	})
	return o
}

// next is what the guest sends next.
func (w *wire) next(t testing.TB) []byte {
	t.Helper()
	select {
	case f := <-w.sent:
		return f
	case <-time.After(virtiotest.Timeout):
		t.Fatal("the guest sends nothing")
		return nil
	}
}

// guest is a driver.
type guest struct {
	*virtiotest.Guest
	t           testing.TB
	d           *Device
	w           *wire
	rx, tx, ctl *virtiotest.Queue
}

func attach(t testing.TB, features uint64, o virtiotest.Options) *guest {
	t.Helper()
	w := newWire()
	d, err := New(Config{Backend: w, MAC: testMAC, MTU: 1500})
	if err != nil {
		t.Fatal(err)
	}
	g := &guest{Guest: virtiotest.New(t, d, o), t: t, d: d, w: w}
	g.up(features)
	return g
}

func (g *guest) up(features uint64) {
	g.t.Helper()
	g.Init(features)
	g.rx, g.tx, g.ctl = g.Queue(rxQueue), g.Queue(txQueue), g.Queue(controlQueue)
}

// room offers n buffers of size bytes.
func (g *guest) room(n, size int) {
	g.t.Helper()
	for range n {
		g.rx.Submit(nil, []int{size})
	}
	g.rx.Notify()
}

// frame takes the next frame out of as many buffers as it says, and offers those again.
func (g *guest) frame() []byte {
	g.t.Helper()
	var all []byte
	for left := 1; left > 0; left-- {
		u := g.rx.WaitUsed(virtiotest.Timeout)
		b := bytes.Clone(u.Request.Written()[:u.Len])
		if all == nil {
			left = int(binary.LittleEndian.Uint16(b[OffBuffers:]))
			if left == 0 || left > int(g.rx.Size) {
				g.t.Fatalf("a frame in %d buffers", left)
			}
			if left > 1 && g.rx.UsedIdx() == 0 {
				g.t.Fatal("unreachable")
			}
		}
		all = append(all, b...)
		g.rx.Offer(u.Request)
	}
	g.rx.Notify()
	return all
}

// send sends a frame in pieces.
func (g *guest) send(pieces ...[]byte) {
	g.t.Helper()
	g.tx.Do(pieces, nil)
}

// command gives a command, and the answer.
func (g *guest) command(class, command byte, data ...byte) byte {
	g.t.Helper()
	_, answer := g.ctl.Do([][]byte{{class, command}, append(data, 0)[:max(len(data), 1)]}, []int{1})
	return answer[0]
}

// packet is a frame of n bytes without its header, for the guest.
func packet(n int, seed byte) []byte {
	b := make([]byte, HeaderSize+n)
	copy(b[HeaderSize:], testMAC[:])
	for i := HeaderSize + 6; i < len(b); i++ {
		b[i] = byte(i*7+i>>8) + seed
	}
	return b
}

// same compares frames, but for num_buffers.
func same(t testing.TB, what string, got, want []byte) {
	t.Helper()
	if len(got) != len(want) || !bytes.Equal(got[:OffBuffers], want[:OffBuffers]) || !bytes.Equal(got[HeaderSize:], want[HeaderSize:]) {
		t.Fatalf("%s: a frame of %d bytes is not the one of %d that it should be", what, len(got), len(want))
	}
}

func want[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}

// eventually waits until something holds; the test's own timeout is the only one.
func eventually(t testing.TB, holds func() bool) {
	t.Helper()
	for !holds() {
		if t.Context().Err() != nil {
			t.Fatal("the test has ended")
		}
		time.Sleep(100 * time.Microsecond)
	}
}

var errGone = errors.Join(io.EOF, errors.New("the other end is gone"))
