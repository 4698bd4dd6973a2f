package link

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"terem/devices/virtio/net"
)

// TestLink carries frames, in pieces, and messages about offloads.
func TestLink(t *testing.T) {
	a, theirs, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	b, err := New(theirs)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{26, 1514, net.MaxFrame} {
		f := bytes.Repeat([]byte{byte(n)}, n)
		if err := a.Send([][]byte{f[:12], f[12:13], f[13:]}); err != nil {
			t.Fatal(err)
		}
		room := make([]byte, net.MaxFrame)
		k, err := b.Receive([][]byte{room[:5], room[5:]}, true)
		if err != nil || !bytes.Equal(room[:k], f) {
			t.Errorf("%d bytes: %d, %v", n, k, err)
		}
	}
	if k, err := b.Receive([][]byte{make([]byte, 9)}, false); k != 0 || err != nil {
		t.Errorf("nothing is there: %d, %v", k, err)
	}
	o := net.Offloads{Checksum: true, TSO6: true}
	if err := a.SetOffloads(o); err != nil {
		t.Fatal(err)
	}
	p := make([]byte, 100)
	k, err := b.Receive([][]byte{p}, true)
	if got, ok := ParseOffloads(p[:k]); err != nil || !ok || got != o {
		t.Errorf("offloads %+v, %v", got, err)
	}
	if _, ok := ParseOffloads([]byte{9, 0, 0, 0}); ok {
		t.Error("offloads that there are not")
	}
	b.Interrupt(true)
	if _, err := b.Receive([][]byte{p}, true); !errors.Is(err, net.ErrInterrupted) {
		t.Errorf("interrupted: %v", err)
	}
	if err := b.SetOffloads(o); !errors.Is(err, net.ErrInterrupted) {
		t.Errorf("offloads, interrupted: %v", err)
	}
	b.Interrupt(false)
	a.Close()
	if _, err := b.Receive([][]byte{p}, true); !errors.Is(err, io.EOF) {
		t.Errorf("the other end is closed: %v", err)
	}
	if err := b.Send([][]byte{p}); err == nil || errors.Is(err, net.ErrDropped) {
		t.Errorf("the other end is closed: %v", err)
	}
	b.Close()
}

// TestInterrupt: who waits comes back.
func TestInterrupt(t *testing.T) {
	a, theirs, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	defer a.Close()
	ended := make(chan error, 2)
	go func() { _, err := a.Receive([][]byte{make([]byte, 9)}, true); ended <- err }()
	go func() {
		for {
			if err := a.Send([][]byte{make([]byte, 60000)}); err != nil {
				ended <- err
				return
			}
		}
	}()
	a.Interrupt(true)
	for range 2 {
		if err := <-ended; !errors.Is(err, net.ErrInterrupted) {
			t.Error(err)
		}
	}
}

// TestFramesDoNotAllocate: neither way.
func TestFramesDoNotAllocate(t *testing.T) {
	a, theirs, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	b, err := New(theirs)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	defer b.Close()
	f, room := [][]byte{make([]byte, 12), make([]byte, 1500)}, [][]byte{make([]byte, 2000)}
	n := testing.AllocsPerRun(1000, func() {
		if err := a.Send(f); err != nil {
			t.Error(err)
		}
		if _, err := b.Receive(room, true); err != nil {
			t.Error(err)
		}
	})
	if n >= 1 {
		t.Errorf("%v allocations a frame", n)
	}
}

func TestNoTap(t *testing.T) {
	for _, name := range []string{"", "no-such-tap", "a/b", "lo%d", "more-than-sixteen-bytes", "a b"} {
		if _, _, err := OpenTap(name); err == nil {
			t.Errorf("%q is open", name)
		}
	}
}
