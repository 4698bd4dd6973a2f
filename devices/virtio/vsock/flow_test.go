package vsock

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"testing"
	"time"

	"terem/devices/virtio"
	"terem/devices/virtio/virtiotest"
)

// program is a connection as a well-behaved guest has it: with 256 KiB of buffer, and credit.
type program struct {
	g          *system
	h          header // of its packets
	alloc, fwd uint32 // what the host has said of its buffer
	sent, took uint32
	in         bytes.Buffer
	shut, gone bool // the host says no more; the connection is over
}

// system is a guest with programs. Its packets are taken by run, on a goroutine of its own.
type system struct {
	*guest
	mu   sync.Mutex
	news *sync.Cond
	all  map[ports]*program
	tick sync.Mutex // of tx
}

func newSystem(t testing.TB, dial func(uint32) (Stream, error)) *system {
	s := &system{guest: attach(t, dial, 32, 4096), all: map[ports]*program{}}
	s.news = sync.NewCond(&s.mu)
	return s
}

// run takes packets until done says so.
func (s *system) run(done func() bool) {
	for {
		s.mu.Lock()
		if done() {
			s.mu.Unlock()
			return
		}
		s.mu.Unlock()
		h, data := s.packet()
		key := ports{guest: h.dstPort, host: h.srcPort}
		s.mu.Lock()
		p := s.all[key]
		var answer uint16
		switch {
		case h.op == opRequest:
			p = &program{g: s, h: back(h, 0)}
			p.h.bufAlloc = largeBuffer
			s.all[key] = p
			answer = opResponse
		case p == nil:
			s.t.Errorf("packet %+v for nobody", h)
			s.mu.Unlock()
			continue
		case h.op == opRW:
			p.in.Write(data)
			p.took += h.len
			if p.took-p.h.fwdCnt > largeBuffer/2 {
				p.h.fwdCnt, answer = p.took, opCreditUpdate
			}
		case h.op == opCreditRequest:
			p.h.fwdCnt, answer = p.took, opCreditUpdate
		case h.op == opShutdown:
			p.shut = p.shut || h.flags&shutSend != 0
			if h.flags == shutBoth {
				p.gone, answer = true, opRST
			}
		case h.op == opRST:
			p.shut, p.gone = true, true
		}
		p.alloc, p.fwd = h.bufAlloc, h.fwdCnt
		reply := p.h
		s.news.Broadcast()
		s.mu.Unlock()
		if answer != 0 {
			s.put(reply, answer, nil)
		}
	}
}

// put sends a packet, from any goroutine.
func (s *system) put(h header, op uint16, data []byte) {
	s.tick.Lock()
	defer s.tick.Unlock()
	h.op = op
	s.send(h, data)
}

// say sends as a program does that waits for room.
func (p *program) say(data []byte) {
	for len(data) > 0 {
		p.g.mu.Lock()
		for p.alloc == p.sent-p.fwd && !p.gone {
			p.g.news.Wait()
		}
		n := min(len(data), int(p.alloc-(p.sent-p.fwd)), 64<<10)
		p.sent += uint32(n)
		h := p.h
		gone := p.gone
		p.g.mu.Unlock()
		if gone {
			return
		}
		p.g.put(h, opRW, data[:n])
		data = data[n:]
	}
}

func (p *program) close(flags uint32) {
	p.g.mu.Lock()
	h := p.h
	p.g.mu.Unlock()
	h.flags = flags
	p.g.put(h, opShutdown, nil)
}

// call connects the host to a program of the guest, whose packets somebody runs.
func (s *system) call(port uint32, ours Stream) *program {
	s.t.Helper()
	host, err := s.d.Connect(s.t.Context(), port, ours)
	if err != nil {
		s.t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all[ports{guest: port, host: host}]
}

// both runs a test with a host's end of either kind.
func both(t *testing.T, f func(t *testing.T, s *system, wrap func(Stream) Stream)) {
	for name, quick := range map[string]bool{"plain": false, "quick": true} {
		t.Run(name, func(t *testing.T) {
			s := newSystem(t, nil)
			f(t, s, func(st Stream) Stream {
				if quick {
					return st
				}
				return struct{ Stream }{st}
			})
		})
	}
}

// TestBulk carries much in both directions at once, with a host that reads slowly at first, and ends by halves:
// each side has all of it.
func TestBulk(t *testing.T) {
	both(t, func(t *testing.T, s *system, wrap func(Stream) Stream) {
		up, down := pattern(5<<20+123), pattern(3<<20+77)
		ours, host := pair(t)
		var p *program
		var work sync.WaitGroup
		work.Go(func() { s.run(func() bool { return p != nil && p.gone }) })
		q := s.call(52, wrap(socket{ours}))
		s.mu.Lock()
		p = q
		s.mu.Unlock()
		work.Go(func() {
			q.say(up)
			q.close(shutSend)
		})
		work.Go(func() {
			write(t, host, down)
			if err := host.CloseWrite(); err != nil {
				t.Error(err)
			}
		})
		time.Sleep(20 * time.Millisecond)
		got, err := io.ReadAll(host)
		if err != nil {
			t.Error(err)
		}
		same(t, "to the host", got, up)
		work.Wait()
		same(t, "to the guest", p.in.Bytes(), down)
		eventually(t, func() bool { return s.connections() == 0 })
	})
}

// TestHalfClose: each side in turn says all, shuts, and then gets the whole answer.
func TestHalfClose(t *testing.T) {
	both(t, func(t *testing.T, s *system, wrap func(Stream) Stream) {
		question, answer := pattern(700_000), pattern(900_001)
		// The host asks.
		ours, host := pair(t)
		go func() {
			write(t, host, question)
			_ = host.CloseWrite()
		}()
		var work sync.WaitGroup
		var p *program
		work.Go(func() { s.run(func() bool { return p != nil && p.shut }) })
		q := s.call(52, wrap(socket{ours}))
		s.mu.Lock()
		p = q
		s.mu.Unlock()
		work.Wait()
		same(t, "question", p.in.Bytes(), question)
		work.Go(func() { s.run(func() bool { return p.gone }) })
		work.Go(func() { q.say(answer); q.close(shutBoth) })
		got, err := io.ReadAll(host)
		if err != nil {
			t.Error(err)
		}
		same(t, "answer", got, answer)
		work.Wait()
		// The guest asks.
		ours, host = pair(t)
		p = nil
		work.Go(func() { s.run(func() bool { return p != nil && p.gone }) })
		q = s.call(53, wrap(socket{ours}))
		s.mu.Lock()
		p = q
		s.mu.Unlock()
		work.Go(func() { q.say(question); q.close(shutSend) })
		got, err = io.ReadAll(host)
		if err != nil {
			t.Error(err)
		}
		same(t, "question", got, question)
		write(t, host, answer)
		host.Close()
		work.Wait()
		same(t, "answer", p.in.Bytes(), answer)
		eventually(t, func() bool { return s.connections() == 0 })
	})
}

// TestManyAtOnce has 500 connections, all of which talk.
func TestManyAtOnce(t *testing.T) {
	const n = 500
	s := newSystem(t, nil)
	var work, callers sync.WaitGroup
	work.Go(func() {
		s.run(func() bool {
			over := 0
			for _, p := range s.all {
				if p.gone {
					over++
				}
			}
			return over == n
		})
	})
	for i := range n {
		ours, host := pair(t)
		callers.Go(func() {
			p := s.call(uint32(i), socket{ours})
			msg := pattern(1000 + 100*i)
			go func() { _, _ = host.Write(msg); _ = host.CloseWrite() }()
			p.say(msg)
			p.close(shutSend)
			if got, err := io.ReadAll(host); err != nil || !bytes.Equal(got, msg) {
				t.Errorf("connection %d: %d bytes of %d, %v", i, len(got), len(msg), err)
			}
		})
	}
	callers.Wait()
	work.Wait()
	for k, p := range s.all {
		if want := pattern(1000 + 100*int(k.guest)); !bytes.Equal(p.in.Bytes(), want) {
			t.Errorf("connection %d: the guest has %d bytes of %d", k.guest, p.in.Len(), len(want))
		}
	}
	eventually(t, func() bool { return s.connections() == 0 })
}

// TestShutReceive: a guest that does not listen any more is told nothing, and the host's program cannot write any
// more. It still gets what the guest says.
func TestShutReceive(t *testing.T) {
	g := attach(t, nil, 8, 4096)
	ours, host := pair(t)
	go func() { _, _ = g.d.Connect(t.Context(), 1, socket{ours}) }()
	h, _ := g.expect(opRequest)
	g.send(back(h, opResponse), nil)
	s := back(h, opShutdown)
	s.flags = shutReceive
	g.send(s, nil)
	g.expect(opShutdown)
	eventually(t, func() bool { _, err := host.Write([]byte("x")); return err != nil })
	g.send(back(h, opRW), []byte("still talking"))
	same(t, "to the host", read(t, host, 13), []byte("still talking"))
}

// TestFullTableMakesRoom: a connection that both sides are done with, but which the guest's program does not close,
// makes room for a new one.
func TestFullTableMakesRoom(t *testing.T) {
	g := attach(t, func(uint32) (Stream, error) { return &talker{newDeaf(), 0}, nil }, 8, 4096)
	for i := range uint32(MaxConnections) {
		g.send(from(i, 1, opRequest), nil)
		for op := uint16(0); op != opShutdown; { // RESPONSE, then the end of what it says
			h, _ := g.packet()
			op = h.op
		}
		if i%2 == 0 { // and of what it hears
			s := from(i, 1, opShutdown)
			s.flags = shutSend
			g.send(s, nil)
			h, _ := g.expect(opShutdown)
			want(t, "flags", h.flags, shutBoth)
		}
	}
	want(t, "connections", g.connections(), MaxConnections)
	open := 0
	for i := range uint32(MaxConnections) {
		g.send(from(5000+i, 1, opRequest), nil)
		h, _ := g.packet()
		if h.op == opRST && h.dstPort >= 5000 {
			break // none is left
		}
		want(t, "makes room", h.op, opRST)
		want(t, "makes room", h.dstPort%2, 0)
		open++
		for h.op != opShutdown {
			h, _ = g.packet()
		}
	}
	want(t, "new connections", open, MaxConnections/2)
}

// TestQuickDoesNotAllocate is the budget of a packet that the host takes at once.
func TestQuickDoesNotAllocate(t *testing.T) {
	d, err := New(Config{CID: guestCID, Dial: func(uint32) (Stream, error) { return &taker{deaf: newDeaf()}, nil }})
	if err != nil {
		t.Fatal(err)
	}
	g := boot(t, d, virtiotest.Options{RAM: 1 << 20})
	g.up(8, 4096)
	g.send(from(1, 1, opRequest), nil)
	g.expect(opResponse)
	if err := g.Negotiate(virtio.FeatureEventIdx); err != nil {
		t.Fatal(err)
	}
	h := from(1, 1, opRW)
	h.len = 100
	d.locked(func() { d.add(ports{1, 1}, calling).begin(&taker{deaf: newDeaf()}) })
	p := &packet{header: h}
	data := make([]byte, 100)
	n := testing.AllocsPerRun(1000, func() {
		p.data = append(p.data[:0], data)
		d.receive(p)
	})
	want(t, "allocations", n, 0)
}

// taker takes all.
type taker struct{ *deaf }

func (*taker) TryWrite(p [][]byte) (n int, err error) {
	for _, b := range p {
		n += len(b)
	}
	return n, nil
}

// TestBrokenStreams: a host's end whose calls fail ends its connection, and no other.
func TestBrokenStreams(t *testing.T) {
	g := attach(t, func(uint32) (Stream, error) { return &broken{newDeaf()}, nil }, 8, 4096)
	g.send(from(1, 1, opRequest), nil)
	g.expect(opResponse)
	g.send(from(1, 1, opRW), []byte("x"))
	h, _ := g.expect(opShutdown)
	want(t, "flags", h.flags, shutReceive) // it may still say something
	g.send(from(1, 1, opRST), nil)
	eventually(t, func() bool { return g.connections() == 0 })
}

type broken struct{ *deaf }

func (*broken) TryWrite([][]byte) (int, error) { return 0, errors.New("no") }
