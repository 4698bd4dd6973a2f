package net

import (
	"errors"

	"terem/devices/virtio"
)

// batch is for how many frames at most a guest waits until it gets their buffers back.
const batch = 32

// sender takes what the guest sends.
type sender struct {
	d      *Device
	chain  virtio.Chain
	header header
	pieces [][]byte // the header's copy, and then guest RAM
}

// serveTX is the worker of the transmit queue. A backend that takes nothing has the guest wait, as a wire does.
func (d *Device) serveTX(q *virtio.Queue) {
	s := &sender{d: d}
	for !d.stopping.Load() {
		s.drain(q)
		if d.stopping.Load() {
			return
		}
		if err := q.Wait(); err != nil {
			q.Fail(err)
			return
		}
	}
}

func (s *sender) drain(q *virtio.Queue) {
	n := 0
	for !s.d.stopping.Load() && q.Pop(&s.chain) {
		if n == 0 {
			q.Quiet()
		}
		if !s.send(&s.chain) {
			break // the request stays in flight, for who comes next
		}
		q.Push(&s.chain, 0)
		if n++; n%batch == 0 {
			q.Interrupt()
		}
	}
	q.Interrupt()
}

// send sends a frame, or drops it; false: it was called off, and the frame has not been sent.
func (s *sender) send(c *virtio.Chain) bool {
	d := s.d
	switch {
	case !s.read(c):
		d.counters.refused.Add(1)
		return true
	case d.down.Load():
		d.counters.lost.Add(1)
		return true
	}
	err := d.c.Backend.Send(s.pieces)
	switch {
	case err == nil:
		n := c.ReadLen() - HeaderSize
		d.counters.sent.Add(1)
		d.counters.sentBytes.Add(n)
		if d.c.Dump != nil {
			d.c.Dump(s.pieces[1:])
		}
	case errors.Is(err, ErrInterrupted):
		return false
	default:
		d.counters.lost.Add(1)
		if !errors.Is(err, ErrDropped) {
			d.lost(err)
		}
	}
	return true
}

// read takes the frame of a chain apart; false: it breaks a rule.
func (s *sender) read(c *virtio.Chain) bool {
	if c.ReadLen() < HeaderSize+ethernetSize || c.ReadLen() > MaxFrame {
		return false
	}
	s.pieces = append(s.pieces[:0], s.header[:])
	at := 0
	for _, b := range c.Read {
		k := copy(s.header[at:], b)
		if at += k; k < len(b) {
			s.pieces = append(s.pieces, b[k:])
		}
	}
	s.header[OffBuffers], s.header[OffBuffers+1] = 0, 0
	return len(s.pieces) <= MaxPieces && s.header.may(s.d.features.Load(), c.ReadLen()-HeaderSize)
}
