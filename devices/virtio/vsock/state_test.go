package vsock

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"runtime"
	"sync"
	"testing"
	"time"

	"terem/devices/virtio"
	"terem/devices/virtio/virtiotest"
)

// TestPause: connections outlive it, and what both sides say meanwhile arrives afterwards. Guest RAM stands still.
func TestPause(t *testing.T) {
	g := attach(t, nil, 8, 4096)
	host, h := g.connect(52)
	for i := range 100 {
		g.MMIO.Pause()
		before := bytes.Clone(g.RAM)
		write(t, host, []byte{byte(i)})
		if i%10 == 0 {
			time.Sleep(time.Millisecond)
		}
		runtime.Gosched()
		if !bytes.Equal(before, g.RAM) {
			t.Fatal("RAM changes while the device is paused")
		}
		g.MMIO.Resume()
		_, data := g.expect(opRW)
		same(t, "to the guest", data, []byte{byte(i)})
		g.send(back(h, opRW), []byte{byte(i)})
		same(t, "to the host", read(t, host, 1), []byte{byte(i)})
	}
}

// TestConnectDuringPause is answered after it.
func TestConnectDuringPause(t *testing.T) {
	g := attach(t, nil, 8, 4096)
	g.MMIO.Pause()
	ours, _ := pair(t)
	done := make(chan error, 1)
	go func() {
		_, err := g.d.Connect(t.Context(), 1, ours)
		done <- err
	}()
	time.Sleep(time.Millisecond)
	g.MMIO.Resume()
	h, _ := g.expect(opRequest)
	g.send(back(h, opResponse), nil)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestRestore: in another process there are no connections. The guest is told so, once it has a buffer for that, and what
// it still says of the old ones is refused.
func TestRestore(t *testing.T) {
	for _, buffers := range []int{0, 2} {
		g := attach(t, nil, 8, 4096)
		events := g.Queue(eventQueue)
		for range buffers {
			events.Submit(nil, []int{eventLen})
		}
		host, h := g.connect(52)
		g.MMIO.Pause()
		state := g.d.Save()
		fresh, err := New(Config{CID: guestCID + 1})
		if err != nil {
			t.Fatal(err)
		}
		fresh.Restore(state)
		g.Migrate(fresh)
		g.d = fresh
		if buffers == 0 {
			events.Submit(nil, []int{1, eventLen})
			events.Notify()
		}
		u := events.WaitUsed(virtiotest.Timeout)
		want(t, "length of the event", u.Len, eventLen)
		want(t, "event", binary.LittleEndian.Uint32(u.Request.Written()), eventReset)
		want(t, "events", events.UsedIdx(), 1)
		want(t, "CID", g.Config(0, 1)[0], guestCID+1)
		if b, err := io.ReadAll(host); len(b) > 0 || err != nil {
			t.Errorf("the old host's end reads %q, %v", b, err)
		}
		old := back(h, opRW)
		old.srcCID++
		told := g.rx.UsedIdx()
		g.raw(old, nil)
		time.Sleep(20 * time.Millisecond)
		want(t, "packets for a driver that has not dealt with the event", g.rx.UsedIdx(), told)
		events.Submit(nil, []int{eventLen})
		r := g.rx.WaitUsed(virtiotest.Timeout)
		want(t, "answer", binary.LittleEndian.Uint16(r.Request.Written()[30:]), opRST)
		ours, _ := pair(t)
		go func() { _, _ = g.d.Connect(t.Context(), 52, ours) }()
		r = g.rx.WaitUsed(virtiotest.Timeout)
		want(t, "the next port", binary.LittleEndian.Uint32(r.Request.Written()[16:]), h.srcPort+1)
		g.Reset() // ends Connect
	}
}

// TestRestoreTwice: a guest that was saved with the event before it is not told once more, and nothing else until it has dealt with that:
// a second event would end what came after the first.
func TestRestoreTwice(t *testing.T) {
	for _, dealt := range []bool{false, true} {
		g := attach(t, nil, 8, 4096)
		events := g.Queue(eventQueue)
		for range 3 {
			events.Submit(nil, []int{eventLen})
		}
		anew := func() {
			g.MMIO.Pause()
			state := g.d.Save()
			fresh, err := New(Config{CID: guestCID})
			if err != nil {
				t.Fatal(err)
			}
			fresh.Restore(state)
			g.Migrate(fresh)
			g.d = fresh
		}
		anew()
		events.WaitUsed(virtiotest.Timeout)
		before := uint16(1)
		if dealt {
			events.Submit(nil, []int{eventLen})
			eventually(t, func() bool { return !g.d.Save().Said })
			before = 2 // it may have connections since
		}
		anew()
		if dealt {
			events.WaitUsed(virtiotest.Timeout)
		}
		ours, _ := pair(t)
		go func() { _, _ = g.d.Connect(t.Context(), 52, ours) }()
		told := g.rx.UsedIdx()
		time.Sleep(20 * time.Millisecond)
		want(t, "packets for a driver that has not dealt with the event", g.rx.UsedIdx(), told)
		want(t, "events", events.UsedIdx(), before)
		events.Submit(nil, []int{eventLen})
		r := g.rx.WaitUsed(virtiotest.Timeout)
		want(t, "what it is told then", binary.LittleEndian.Uint16(r.Request.Written()[30:]), opRequest)
		want(t, "events in the end", events.UsedIdx(), before)
		g.Reset() // ends Connect
	}
}

// TestStateIsNotTrusted: ports are the device's to choose.
func TestStateIsNotTrusted(t *testing.T) {
	for _, last := range []uint32{0, 1, lastHostPort, lastHostPort + 1, 1<<32 - 1} {
		d, err := New(Config{CID: MinCID})
		if err != nil {
			t.Fatal(err)
		}
		d.Restore(State{LastPort: last})
		want(t, "first port", d.nextPort(1), firstHostPort)
	}
}

// TestEventBufferTooSmall breaks the queue.
func TestEventBufferTooSmall(t *testing.T) {
	g := attach(t, nil, 1, 4096)
	g.Queue(eventQueue).Submit(nil, []int{eventLen - 1})
	g.MMIO.Pause()
	g.d.Restore(g.d.Save())
	g.MMIO.Resume()
	eventually(t, func() bool { return g.Status()&virtiotest.StatusNeedsReset != 0 })
}

// TestResetKeepsWhatWasSent: a guest that has sent its last words and goes down has them heard.
func TestResetKeepsWhatWasSent(t *testing.T) {
	last := pattern(200_000)
	for name, end := range map[string]func(g *guest){
		"reset": func(g *guest) { g.Reset() },
		"close": func(g *guest) { g.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			g := attach(t, nil, 8, 4096)
			host, h := g.connect(52)
			for off := 0; off < len(last); off += 50_000 {
				g.send(back(h, opRW), last[off:off+50_000])
			}
			heard := make(chan []byte)
			go func() {
				b, _ := io.ReadAll(host)
				heard <- b
			}()
			end(g)
			same(t, "to the host", <-heard, last)
		})
	}
}

// TestCloseTakesTheRest: what the guest has put into the ring before its end counts.
func TestCloseTakesTheRest(t *testing.T) {
	for range 50 {
		g := attach(t, nil, 8, 4096)
		host, h := g.connect(52)
		for i := range 20 {
			var b [headerSize]byte
			p := back(h, opRW)
			p.len = 1
			p.put(&b)
			g.tx.Submit([][]byte{b[:], {byte(i)}}, nil)
		}
		g.tx.Kick()
		g.Close()
		b, err := io.ReadAll(host)
		if err != nil || len(b) != 20 {
			t.Fatalf("the host reads %d bytes, %v", len(b), err)
		}
	}
}

// TestCloseDoesNotWait for a host that does not read, or not for long; and leaves nothing.
func TestCloseDoesNotWait(t *testing.T) {
	goroutines, files := runtime.NumGoroutine(), descriptors(t)
	func() {
		ours, host := pair(t)
		defer host.Close()
		g := attach(t, func(uint32) (Stream, error) { return socket{ours}, nil }, 8, 4096)
		g.send(from(1, 1, opRequest), nil)
		h, _ := g.expect(opResponse)
		for range 3 {
			g.send(back(h, opRW), make([]byte, 80_000))
			g.send(back(h, opCreditRequest), nil)
		}
		before := time.Now()
		g.Close()
		t.Logf("Close took %v", time.Since(before))
		_, err := g.d.Connect(t.Context(), 1, ours)
		want(t, "Connect's error", errors.Is(err, ErrDown), true)
	}()
	eventually(t, func() bool { return runtime.NumGoroutine() <= goroutines && descriptors(t) <= files })
}

// TestLifeCycle attaches, uses, resets and closes devices, in all orders that come about.
func TestLifeCycle(t *testing.T) {
	goroutines, files := runtime.NumGoroutine(), descriptors(t)
	for i := range 100 {
		ours, host := pair(t)
		d, err := New(Config{CID: guestCID, Dial: func(uint32) (Stream, error) { return ours, nil }})
		if err != nil {
			t.Fatal(err)
		}
		g := boot(t, d, virtiotest.Options{RAM: 1 << 20})
		g.up(4, 1000)
		g.send(from(1, 1, opRequest), nil)
		var callers sync.WaitGroup
		for range i % 3 {
			a, b := pair(t)
			callers.Go(func() {
				if _, err := d.Connect(t.Context(), 1, a); err == nil {
					t.Error("connected to nobody")
				}
				a.Close()
				b.Close()
			})
		}
		switch i % 4 {
		case 1:
			g.up(4, 1000)
		case 2:
			g.MMIO.Pause()
			g.MMIO.Resume()
		case 3:
			g.Reset()
		}
		g.Close()
		callers.Wait()
		ours.Close() // Dial may not have been called
		host.Close()
	}
	eventually(t, func() bool { return runtime.NumGoroutine() <= goroutines && descriptors(t) <= files })
}

// TestNoQueue has a driver that wants nothing.
func TestNoQueue(t *testing.T) {
	d, err := New(Config{CID: guestCID})
	if err != nil {
		t.Fatal(err)
	}
	g := virtiotest.New(t, d, virtiotest.Options{})
	for range 3 {
		if err := g.Negotiate(virtio.FeatureEventIdx); err != nil {
			t.Fatal(err)
		}
		if err := g.DriverOK(); err != nil {
			t.Fatal(err)
		}
	}
}
