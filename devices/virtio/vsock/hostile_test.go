package vsock

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"terem/devices/virtio/virtiotest"
)

// TestHostilePackets: what belongs to no connection, or breaks the rules of one. A connection that is not meant goes
// on.
func TestHostilePackets(t *testing.T) {
	var dials atomic.Int32
	g := attach(t, func(uint32) (Stream, error) { dials.Add(1); return nil, errors.New("nobody") }, 8, 4096)
	host, h := g.connect(52)
	ok := back(h, opRW)
	for _, tt := range []struct {
		name  string
		of    func(*header) // changes a good packet
		bytes int           // that are really there
		reset bool          // is answered by RST
	}{
		{"another's source", func(h *header) { h.srcCID = 99 }, 0, false},
		{"the host's source", func(h *header) { h.srcCID = HostCID }, 0, false},
		{"a source with high bits", func(h *header) { h.srcCID |= 1 << 32 }, 0, false},
		{"another's destination", func(h *header) { h.dstCID = 99 }, 0, true},
		{"its own destination", func(h *header) { h.dstCID = guestCID }, 0, true},
		{"a destination with high bits", func(h *header) { h.dstCID |= 1 << 32 }, 0, true},
		{"seqpacket", func(h *header) { h.kind = 2 }, 0, true},
		{"type 0", func(h *header) { h.kind = 0 }, 0, true},
		{"type 65535", func(h *header) { h.kind = 65535; h.op = opRequest }, 0, true},
		{"another port of the guest", func(h *header) { h.srcPort++ }, 0, true},
		{"another port of the host", func(h *header) { h.dstPort++ }, 10, true},
		{"RST for nothing", func(h *header) { h.srcPort++; h.op = opRST }, 0, false},
		{"RST to nobody", func(h *header) { h.dstCID = 99; h.op = opRST }, 0, false},
		{"RESPONSE for nothing", func(h *header) { h.srcPort++; h.op = opResponse }, 0, true},
		{"SHUTDOWN for nothing", func(h *header) { h.srcPort++; h.op = opShutdown; h.flags = 3 }, 0, true},
		{"CREDIT_REQUEST for nothing", func(h *header) { h.srcPort++; h.op = opCreditRequest }, 0, true},
		{"op 0 for nothing", func(h *header) { h.srcPort++; h.op = 0 }, 0, true},
		{"REQUEST to nobody", func(h *header) { h.srcPort++; h.op = opRequest }, 0, true},
		{"more than there is", func(h *header) { h.len = 11 }, 10, false},
		{"a length near 2^32", func(h *header) { h.len = 1<<32 - 1 }, 10, false},
		{"a length that wraps", func(h *header) { h.len = 1<<32 - headerSize + 1 }, 10, false},
	} {
		p := ok
		p.len = uint32(tt.bytes)
		tt.of(&p)
		g.raw(p, make([]byte, tt.bytes))
		if tt.reset {
			r, _ := g.expect(opRST)
			if r.srcCID != p.dstCID || r.srcPort != p.dstPort || r.dstPort != p.srcPort || r.kind != p.kind {
				t.Errorf("%s: the answer to %+v is %+v", tt.name, p, r)
			}
		}
		g.quiet(tt.name)
	}
	want(t, "calls", dials.Load(), 1)
	g.send(ok, []byte("still here"))
	same(t, "to the host", read(t, host, 10), []byte("still here"))
}

// TestBreaksTheRules: what a driver may not do on a connection ends that, and the host's end.
func TestBreaksTheRules(t *testing.T) {
	for name, do := range map[string]func(g *guest, h header){
		"more than credit": func(g *guest, h header) { g.send(back(h, opRW), make([]byte, largeBuffer+1)) },
		"REQUEST again":    func(g *guest, h header) { g.send(back(h, opRequest), nil) },
		"RESPONSE again":   func(g *guest, h header) { g.send(back(h, opResponse), nil) },
		"op 0":             func(g *guest, h header) { g.send(back(h, 0), nil) },
		"op 65535":         func(g *guest, h header) { g.send(back(h, 65535), nil) },
	} {
		t.Run(name, func(t *testing.T) {
			g := attach(t, nil, 8, 4096)
			host, h := g.connect(52)
			other, h2 := g.connect(53)
			do(g, h)
			g.expect(opRST)
			if n, err := host.Read(make([]byte, 1)); n != 0 || err == nil {
				t.Errorf("the host's end reads %d, %v", n, err)
			}
			g.send(back(h2, opRW), []byte("a neighbour"))
			same(t, "to the host", read(t, other, 11), []byte("a neighbour"))
			eventually(t, func() bool { return g.connections() == 1 })
		})
	}
}

// TestStalledHost: one that does not read gets what it has room for, and what the guest was given room for. Then
// the guest has to wait; others need not. More is against the rules.
func TestStalledHost(t *testing.T) {
	g := attach(t, nil, 8, 4096)
	host, h := g.connect(52)
	other, h2 := g.connect(53)
	all := pattern(8 << 20)
	sent, fwd := 0, uint32(0)
	for room := h.bufAlloc; room > 0; room = h.bufAlloc - (uint32(sent) - fwd) {
		n := min(int(room), 60_000)
		g.send(back(h, opRW), all[sent:sent+n])
		sent += n
		for { // what it says of its buffer
			g.send(back(h, opCreditRequest), nil)
			c, _ := g.expect(opCreditUpdate)
			if fwd = c.fwdCnt; len(g.rxWaiting()) == 0 {
				break
			}
		}
	}
	t.Logf("%d bytes sent, %d of them taken by the host", sent, fwd)
	g.send(back(h2, opRW), []byte("a neighbour"))
	same(t, "to the host", read(t, other, 11), []byte("a neighbour"))
	same(t, "to the slow host", read(t, host, sent), all[:sent])
	for fwd != uint32(sent) {
		g.send(back(h, opCreditRequest), nil)
		c, _ := g.packet()
		fwd = c.fwdCnt
	}
	g.send(back(h, opRW), []byte("on it goes"))
	same(t, "to the slow host", read(t, host, 10), []byte("on it goes"))
}

// TestTinyBuffers: one that has no room for a header breaks the queue, one that has room for a byte will do.
func TestTinyBuffers(t *testing.T) {
	for size, ok := range map[int]bool{1: false, headerSize: false, headerSize + 1: true} {
		g := attach(t, nil, 4, size)
		ours, host := pair(t)
		go func() { _, _ = g.d.Connect(t.Context(), 1, ours) }()
		if !ok {
			eventually(t, func() bool { return g.Status()&virtiotest.StatusNeedsReset != 0 })
			continue
		}
		h, _ := g.expect(opRequest)
		g.send(back(h, opResponse), nil)
		write(t, host, []byte("bytes"))
		for _, b := range []byte("bytes") {
			if _, data := g.expect(opRW); !bytes.Equal(data, []byte{b}) {
				t.Errorf("%q, want %q", data, b)
			}
		}
	}
}

// TestNoBuffers: packets wait for the guest's buffers; nothing is lost, nobody is busy, the host's program waits.
func TestNoBuffers(t *testing.T) {
	g := attach(t, nil, 2, 200)
	host, h := g.connect(52)
	all := pattern(2 << 20)
	go func() {
		_, _ = host.Write(all)
		_ = host.CloseWrite()
	}()
	var got []byte
	for range 20 { // a guest that takes its time
		time.Sleep(time.Millisecond)
		_, data := g.expect(opRW)
		got = append(got, data...)
	}
	var goroutines [1 << 16]byte
	if n := runtime.Stack(goroutines[:], true); bytes.Contains(goroutines[:n], []byte("vsock.(*Device).pump")) {
		t.Error("the device is busy, though there is nothing to do")
	}
	for {
		p, data := g.packet()
		if p.op == opShutdown {
			break
		}
		got = append(got, data...)
		if len(got)%(1<<18) < 200 {
			g.send(withFwd(back(h, opCreditUpdate), len(got)), nil)
		}
	}
	same(t, "to the guest", got, all)
}

func withFwd(h header, n int) header {
	h.fwdCnt = uint32(n)
	return h
}

// TestGuestCredit: no more is sent than the guest has room for, whatever it says of that.
func TestGuestCredit(t *testing.T) {
	g := attach(t, nil, 8, 4096)
	host, h := g.connect(52)
	say := func(alloc, fwd uint32) {
		u := back(h, opCreditUpdate)
		u.bufAlloc, u.fwdCnt = alloc, fwd
		g.send(u, nil)
	}
	say(10, 0)
	write(t, host, []byte("0123456789abcdef"))
	_, data := g.expect(opRW)
	// The reader may have read with the credit of before.
	same(t, "with room for 10", data, []byte("0123456789"))
	g.await(opCreditRequest, "")
	say(10, 4)
	g.await(opRW, "abcd")
	g.await(opCreditRequest, "")
	say(5, 4)        // less than is under way
	say(1<<20, 1000) // more taken than was given
	say(0, 14)
	g.quiet("without room")
	say(1<<32-1, 14)
	g.await(opRW, "ef")
}

// await takes packets until there is one of a kind with these data: others may come once more.
func (g *guest) await(op uint16, data string) {
	g.t.Helper()
	for range 10 {
		h, b := g.packet()
		if h.op == op && string(b) == data {
			return
		}
		if h.op != opCreditRequest {
			g.t.Fatalf("packet %+v with %q, want op %d with %q", h, b, op, data)
		}
	}
	g.t.Fatalf("no packet of op %d with %q", op, data)
}

// TestFloodOfRequests: there is an end to how many connections a guest can have, and to the goroutines that it
// makes; what ends makes room.
func TestFloodOfRequests(t *testing.T) {
	release := make(chan struct{})
	var inside atomic.Int32
	g := attach(t, func(uint32) (Stream, error) {
		inside.Add(1)
		<-release
		return nil, errors.New("too late")
	}, 8, 4096)
	before := runtime.NumGoroutine()
	for i := range uint32(3 * MaxConnections) {
		g.send(from(i, 1, opRequest), nil)
		g.send(from(i, 1, opRST), nil)
	}
	eventually(t, func() bool { return inside.Load() == MaxConnections })
	if n := runtime.NumGoroutine() - before; n > MaxConnections+10 {
		t.Errorf("%d goroutines", n)
	}
	ours, _ := pair(t)
	if _, err := g.d.Connect(t.Context(), 1, ours); !errors.Is(err, ErrFull) {
		t.Errorf("Connect: %v", err)
	}
	close(release)
	eventually(t, func() bool { return g.connections() == 0 })
	for range 2 * MaxConnections {
		g.expect(opRST) // of those that were too many
	}
	g.quiet("in the end")
	g.connect(52)
}

// TestFloodWithoutBuffers: a guest that takes no answers makes the device keep a bounded number of them.
func TestFloodWithoutBuffers(t *testing.T) {
	g := attach(t, nil, 0, 0)
	for i := range uint32(3 * maxResets) {
		g.send(from(i, 1, opRW), []byte("x"))
	}
	g.d.locked(func() { want(t, "answers", len(g.d.resets), maxResets) })
}

// TestListIsBounded: connections that come and go while the guest takes no packets leave nothing.
func TestListIsBounded(t *testing.T) {
	g := attach(t, func(uint32) (Stream, error) { a, _ := pair(t); return a, nil }, 0, 0)
	for i := range uint32(200) {
		g.send(from(i, 1, opRequest), nil)
		g.send(from(i, 1, opRST), nil)
	}
	eventually(t, func() bool { return g.connections() == 0 })
	g.d.locked(func() {
		if g.d.first != nil || g.d.last != nil || len(g.d.conns) != 0 {
			t.Error("something is left in the lists")
		}
	})
}

// TestLeavesNothing: 300 connections, closed in all the ways there are.
func TestLeavesNothing(t *testing.T) {
	g := attach(t, nil, 8, 4096)
	round := func(i int) {
		ours, host := pair(t)
		done := make(chan error, 1)
		go func() { _, err := g.d.Connect(t.Context(), 52, socket{ours}); done <- err }()
		h, _ := g.expect(opRequest)
		if i%5 == 4 {
			g.send(back(h, opRST), nil)
			<-done
			ours.Close()
			host.Close()
			return
		}
		g.send(back(h, opResponse), nil)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		bye := back(h, opShutdown)
		bye.flags = shutBoth
		switch i % 5 {
		case 0: // the guest closes
			g.send(bye, nil)
			g.expect(opRST)
			read(t, host, 0)
			host.Close()
		case 1: // the host closes
			host.Close()
			g.untilShut()
			g.send(back(h, opRST), nil)
		case 2: // the guest resets
			g.send(back(h, opRST), nil)
			host.Close()
		case 3: // the guest sends to a host that has gone
			host.Close()
			g.send(back(h, opRW), []byte("x"))
			g.untilShut()
			g.send(bye, nil)
			g.expect(opRST)
		}
	}
	for i := range 10 {
		round(i)
	}
	eventually(t, func() bool { return g.connections() == 0 })
	goroutines, files := runtime.NumGoroutine(), descriptors(t)
	for i := range 300 {
		round(i)
	}
	eventually(t, func() bool { return g.connections() == 0 })
	eventually(t, func() bool { return runtime.NumGoroutine() <= goroutines && descriptors(t) <= files })
}

// untilShut takes packets up to that which says that the host does neither any more.
func (g *guest) untilShut() {
	g.t.Helper()
	for {
		if h, _ := g.packet(); h.op == opShutdown && h.flags == shutBoth {
			return
		}
	}
}

// raw sends a packet whose header is as it is.
func (g *guest) raw(h header, data []byte) {
	g.t.Helper()
	var b [headerSize]byte
	h.put(&b)
	g.tx.Do([][]byte{append(b[:], data...)}, nil)
}

// rxWaiting is the packets that came and were not taken.
func (g *guest) rxWaiting() []struct{} {
	return make([]struct{}, g.rx.UsedIdx()-g.taken)
}

// quiet finds no packet.
func (g *guest) quiet(when string) {
	g.t.Helper()
	if n := len(g.rxWaiting()); n > 0 {
		h, _ := g.packet()
		g.t.Fatalf("%s: %d packets, first %+v", when, n, h)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}

// TestShortPackets: less than a header is nothing, and a header may be in many pieces.
func TestShortPackets(t *testing.T) {
	g := attach(t, nil, 8, 4096)
	host, h := g.connect(52)
	for n := range headerSize {
		g.tx.Do([][]byte{make([]byte, n+1)[:n+1-min(1, n)]}, nil)
	}
	var b [headerSize]byte
	p := back(h, opRW)
	p.len = 6
	p.put(&b)
	all := append(b[:], "pieces and more"...)
	var pieces [][]byte
	for i := range all {
		pieces = append(pieces, all[i:i+1])
	}
	g.tx.Do(pieces, nil)
	same(t, "to the host", read(t, host, 6), []byte("pieces"))
	g.quiet(fmt.Sprint("after ", len(pieces), " pieces"))
}
