package vsock

import (
	"context"
	"errors"
	"io"
	"testing"

	"terem/devices/virtio/virtiotest"
)

func TestNew(t *testing.T) {
	for _, cid := range []uint64{0, 2, 1<<32 - 1, 1 << 40} {
		if _, err := New(Config{CID: cid}); err == nil {
			t.Errorf("CID %d: no error", cid)
		}
	}
	g := attach(t, nil, 1, 4096)
	want(t, "DeviceID", g.Read32(virtiotest.RegDeviceID), 19)
	want(t, "features", g.Offered()&(1<<24-1), 0)
	want(t, "configuration", string(g.Config(0, 8)), "\x07\x00\x00\x00\x00\x00\x00\x00")
}

// TestConnect: the host calls, both talk, both end.
func TestConnect(t *testing.T) {
	g := attach(t, nil, 4, 4096)
	host, h := g.connect(52)
	want(t, "source", h.srcCID, HostCID)
	want(t, "room", h.bufAlloc, largeBuffer)
	write(t, host, []byte("hello"))
	_, data := g.expect(opRW)
	same(t, "to the guest", data, []byte("hello"))
	g.send(back(h, opRW), []byte("good day"))
	same(t, "to the host", read(t, host, 8), []byte("good day"))
	if err := host.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	s, _ := g.expect(opShutdown)
	want(t, "flags", s.flags, shutSend)
	g.send(back(h, opRW), []byte("the answer"))
	bye := back(h, opShutdown)
	bye.flags = shutBoth
	g.send(bye, nil)
	b, err := io.ReadAll(host)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "to the host", b, []byte("the answer"))
	g.expect(opRST)
	eventually(t, func() bool { return g.connections() == 0 })
}

// TestRefused: nobody listens in the guest.
func TestRefused(t *testing.T) {
	g := attach(t, nil, 4, 4096)
	ours, theirs := pair(t)
	done := make(chan error, 1)
	go func() {
		_, err := g.d.Connect(t.Context(), 1, ours)
		done <- err
	}()
	h, _ := g.expect(opRequest)
	g.send(back(h, opRST), nil)
	if err := <-done; !errors.Is(err, ErrRefused) {
		t.Errorf("error %v", err)
	}
	write(t, ours, []byte("still ours")) // to close or to use
	same(t, "to the host", read(t, theirs, 10), []byte("still ours"))
	want(t, "connections", g.connections(), 0)
}

// TestCalledOff: a guest that does not answer.
func TestCalledOff(t *testing.T) {
	g := attach(t, nil, 4, 4096)
	ours, _ := pair(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := g.d.Connect(ctx, 1, ours)
		done <- err
	}()
	h, _ := g.expect(opRequest)
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	g.expect(opRST)
	g.send(back(h, opResponse), nil) // too late
	g.expect(opRST)
}

// TestDown: without a driver there is nobody to call.
func TestDown(t *testing.T) {
	g := attach(t, nil, 4, 4096)
	ours, _ := pair(t)
	done := make(chan error, 1)
	go func() {
		_, err := g.d.Connect(t.Context(), 1, ours)
		done <- err
	}()
	g.expect(opRequest)
	g.Reset()
	if err := <-done; !errors.Is(err, ErrDown) {
		t.Errorf("error %v", err)
	}
	if _, err := g.d.Connect(t.Context(), 1, ours); !errors.Is(err, ErrDown) {
		t.Errorf("error %v", err)
	}
	g.up(4, 4096)
	g.connect(1)
}

// TestCalled: the guest calls, as the host's program is there or not.
func TestCalled(t *testing.T) {
	ours, host := pair(t)
	g := attach(t, func(port uint32) (Stream, error) {
		switch port {
		case 1:
			return ours, nil
		case 2:
			return nil, nil
		}
		return nil, errors.New("nobody is there")
	}, 4, 4096)
	for _, port := range []uint32{2, 3} {
		g.send(from(1000, port, opRequest), nil)
		g.expect(opRST)
	}
	g.send(from(1000, 1, opRequest), nil)
	g.expect(opResponse)
	g.send(from(1000, 1, opRW), []byte("guest"))
	same(t, "to the host", read(t, host, 5), []byte("guest"))
	if err := host.Close(); err != nil {
		t.Fatal(err)
	}
	g.expect(opShutdown)
	g.send(from(1000, 1, opRST), nil)
	eventually(t, func() bool { return g.connections() == 0 })
}
