package net

import (
	"runtime"
	"testing"

	"terem/devices/virtio/virtiotest"
)

// loop is a backend that gives the guest back what it sends, and copies nothing.
type loop struct {
	*wire
	frames chan int
}

func (l *loop) Send(frame [][]byte) error {
	n := 0
	for _, b := range frame {
		n += len(b)
	}
	l.frames <- n
	return nil
}

func (l *loop) Receive(_ [][]byte, wait bool) (int, error) {
	for {
		select {
		case n := <-l.frames:
			return n, nil
		default:
		}
		off := false
		l.locked(func() { off = l.off })
		switch {
		case off:
			return 0, ErrInterrupted
		case !wait:
			return 0, nil
		}
		runtime.Gosched()
	}
}

// TestFramesDoNotAllocate counts what a frame there and back costs once all slices have grown, the fake driver included.
func TestFramesDoNotAllocate(t *testing.T) {
	d, err := New(Config{Backend: &loop{newWire(), make(chan int, 16)}, MAC: testMAC})
	if err != nil {
		t.Fatal(err)
	}
	g := &guest{Guest: virtiotest.New(t, d, virtiotest.Options{}), t: t, d: d}
	g.up(everything &^ featureControlRX) // what comes is for nobody
	g.room(64, 4096)
	r := g.tx.Build([][]byte{make([]byte, HeaderSize), append(testMAC[:], make([]byte, 10000)...)}, nil)
	trip := func() {
		g.tx.Offer(r)
		g.tx.Notify()
		g.tx.WaitUsed(virtiotest.Timeout)
		for range 3 {
			g.rx.Offer(g.rx.WaitUsed(virtiotest.Timeout).Request)
		}
		g.rx.Notify()
	}
	for range 1000 {
		trip()
	}
	// The runtime makes a sudog now and then.
	if n := testing.AllocsPerRun(1000, trip); n > 1 {
		t.Errorf("%v allocations a frame", n)
	}
}
