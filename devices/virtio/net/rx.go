package net

import (
	"encoding/binary"
	"errors"

	"terem/devices/virtio"
)

// receiver puts frames into the guest's buffers.
type receiver struct {
	d *Device
	q *virtio.Queue

	// The buffers in hand: n chains from first on, modulo their number, with room for so many bytes.
	chains   []virtio.Chain
	first, n int
	room     uint64

	pieces [][]byte // of those, for one frame
	owed   int      // frames since the last interrupt
}

// waiting is a frame for which there was no room yet. It outlives a pause.
type waiting struct {
	frame [][]byte // one piece; nil: none was ever needed
	n     int      // how long the frame is; 0: there is none
}

// errNoRoom is the error of a driver whose buffer takes nothing.
var errNoRoom = errors.New("a buffer for received frames that the device must not write to")

// serveRX is the worker of the receive queue.
func (d *Device) serveRX(q *virtio.Queue) {
	d.tell()
	r := &receiver{d: d, q: q, chains: make([]virtio.Chain, q.Size())}
	for !d.stopping.Load() {
		if err := r.next(); err != nil {
			q.Interrupt()
			d.lost(err)
			<-d.stop // the buffers in hand stay in flight
			return
		}
	}
}

// next receives a frame, and delivers it if there is room; else it waits for room.
func (r *receiver) next() error {
	r.gather()
	if r.d.waiting.n > 0 {
		return r.deliverWaiting()
	}
	if r.n == 0 {
		return r.await()
	}
	room := r.direct()
	n, err := r.d.c.Backend.Receive(room, false)
	if n == 0 && err == nil {
		r.interrupt()
		n, err = r.d.c.Backend.Receive(room, true)
	}
	switch {
	case errors.Is(err, ErrInterrupted) || n == 0 && err == nil:
		return nil
	case err != nil:
		return err
	}
	n = min(n, MaxFrame)
	if len(r.pieces) == 0 {
		r.d.waiting.n = n
		return nil
	}
	r.deliver(n)
	return nil
}

// gather takes buffers for the longest frame, as far as the driver has some to give.
func (r *receiver) gather() {
	most := len(r.chains)
	if r.d.features.Load()&featureMergeable == 0 {
		most = 1
	}
	for r.n < most && r.room < MaxFrame {
		c := &r.chains[(r.first+r.n)%len(r.chains)]
		if !r.q.Pop(c) {
			return
		}
		if c.WriteLen() == 0 {
			r.q.Fail(errNoRoom)
			return
		}
		r.n++
		r.room += c.WriteLen()
	}
}

// direct is where a frame may go: into the buffers in hand, if it fits whatever its length, and else where it waits.
func (r *receiver) direct() [][]byte {
	r.pieces = r.pieces[:0]
	if r.room >= MaxFrame {
		left := MaxFrame
		for i := 0; left > 0; i++ {
			for _, b := range r.at(i).Write {
				if left == 0 {
					break
				}
				b = b[:min(len(b), left)]
				left -= len(b)
				r.pieces = append(r.pieces, b)
			}
		}
		if len(r.pieces) <= MaxPieces {
			return r.pieces
		}
		r.pieces = r.pieces[:0]
	}
	w := &r.d.waiting
	if w.frame == nil {
		w.frame = [][]byte{make([]byte, MaxFrame)}
	}
	return w.frame
}

// at is the i-th chain in hand.
func (r *receiver) at(i int) *virtio.Chain { return &r.chains[(r.first+i)%len(r.chains)] }

// await waits for the driver's buffers.
func (r *receiver) await() error {
	r.interrupt()
	if err := r.q.Wait(); err != nil {
		r.q.Fail(err)
		<-r.d.stop
	}
	return nil
}

// deliverWaiting delivers the frame that waits as soon as there is room for it. What can never have room, goes.
func (r *receiver) deliverWaiting() error {
	w := &r.d.waiting
	if uint64(w.n) > r.room {
		if r.n > 0 && (r.n == len(r.chains) || r.d.features.Load()&featureMergeable == 0) {
			w.n = 0
			r.d.counters.tooLong.Add(1)
			return nil
		}
		return r.await()
	}
	frame, n := w.frame[0][:w.n], w.n
	r.pieces = r.pieces[:0]
	for i := 0; len(frame) > 0; i++ {
		for _, b := range r.at(i).Write {
			k := copy(b, frame)
			if frame = frame[k:]; k > 0 {
				r.pieces = append(r.pieces, b[:k])
			}
		}
	}
	w.n = 0
	r.deliver(n)
	return nil
}

// deliver gives the driver the frame of n bytes that is in the first of its buffers, all of them at once: it must not
// see some without the others.
func (r *receiver) deliver(n int) {
	d := r.d
	if n < HeaderSize+ethernetSize {
		return // no frame, and the buffers are there for the next one
	}
	if f := d.filter.Load(); d.features.Load()&featureControlRX != 0 && !f.wants(r.destination()) {
		d.counters.unwanted.Add(1)
		return
	}
	if d.c.Dump != nil {
		d.c.Dump(cut(r.pieces, HeaderSize, n-HeaderSize))
	}
	used := r.take(n)
	var buffers [2]byte
	binary.LittleEndian.PutUint16(buffers[:], uint16(used))
	put(r.pieces, OffBuffers, buffers[:])
	for i := range used {
		c := r.at(i)
		k := min(c.WriteLen(), uint64(n))
		n -= int(k)
		r.room -= c.WriteLen()
		if i < used-1 {
			r.q.Stage(c, uint32(k))
		} else {
			r.q.Push(c, uint32(k))
		}
	}
	r.first, r.n = (r.first+used)%len(r.chains), r.n-used
	d.counters.received.Add(1)
	if r.owed++; r.owed >= batch {
		r.interrupt()
	}
}

// take counts the chains that n bytes fill, and notes how many bytes those are.
func (r *receiver) take(n int) (used int) {
	r.d.counters.receivedBytes.Add(uint64(n - HeaderSize))
	for left := uint64(n); ; used++ {
		c := r.at(used)
		if left <= c.WriteLen() {
			return used + 1
		}
		left -= c.WriteLen()
	}
}

// destination is the address that a received frame begins with.
func (r *receiver) destination() (a [6]byte) {
	get(r.pieces, HeaderSize, a[:])
	return a
}

func (r *receiver) interrupt() {
	r.owed = 0
	r.q.Interrupt()
}
