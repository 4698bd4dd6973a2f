package vsock

import (
	"fmt"

	"terem/devices/virtio"
)

// maxResets bounds the RST packets that wait for the guest's buffers. Beyond it they are forgotten: a
// guest that sends what belongs to no connection and takes no answer has itself to blame.
const maxResets = 2 * MaxConnections

// serveRX waits for the guest's buffers, when there are packets and no buffers. All else that goes to
// the guest, pump puts there on whichever goroutine it comes from.
func (d *Device) serveRX(q *virtio.Queue, stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case <-d.hungry:
		}
		if d.stopping.Load() { // both may have been ready, and the bell rings once
			return
		}
		if err := q.Wait(); err != nil {
			q.Fail(err)
			return
		}
		d.locked(d.pump)
	}
}

// refuse has an RST sent.
func (d *Device) refuse(h header) {
	if len(d.resets) < maxResets {
		d.resets = append(d.resets, h)
	}
}

// pump puts packets into the guest's buffers for as long as there are both. It takes one of each
// connection in turn.
func (d *Device) pump() {
	if d.rx == nil || d.mute {
		return
	}
	filled := false
	for d.due() {
		if !d.rx.Pop(&d.chain) {
			select {
			case d.hungry <- struct{}{}:
			default:
			}
			break
		}
		if d.chain.WriteLen() <= headerSize {
			d.rx.Fail(fmt.Errorf("a buffer of %d bytes for packets: there is no room for one", d.chain.WriteLen()))
			break
		}
		d.rx.Push(&d.chain, d.fill())
		filled = true
	}
	if filled {
		d.rx.Interrupt()
	}
}

// due says whether there is a packet for the guest: first among resets, or of the first connection.
func (d *Device) due() bool {
	for len(d.resets) == 0 && d.first != nil {
		if d.first.due() != 0 {
			return true
		}
		d.delist(d.first)
	}
	return len(d.resets) > 0
}

// fill writes the packet that is due into the chain, and says how long it is.
func (d *Device) fill() uint32 {
	if len(d.resets) > 0 {
		h := d.resets[0]
		if d.resets = d.resets[1:]; len(d.resets) == 0 {
			d.resets = nil
		}
		return d.write(&h, nil)
	}
	c := d.first
	h := c.header(c.due())
	data := c.take(&h, d.chain.WriteLen()-headerSize)
	c.toldFwd = c.forwarded
	d.delist(c)
	d.enlist(c)
	return d.write(&h, data)
}

// due is the operation of the packet that a connection has to send next, or 0.
func (c *conn) due() uint16 {
	switch {
	case c.state == over:
		return 0
	case c.owes&oweRequest != 0:
		return opRequest
	case c.owes&oweResponse != 0:
		return opResponse
	case c.owes&oweCredit != 0 && (len(c.data) == 0 || c.credit() == 0):
		return opCreditUpdate // otherwise the data say it
	case len(c.data) > 0 && c.credit() > 0:
		return opRW
	case c.owes&oweCreditRequest != 0:
		return opCreditRequest
	case c.farewell()&^c.told != 0:
		return opShutdown
	}
	return 0
}

// take completes the header of a packet that is being sent, and gives its data, room bytes at most.
func (c *conn) take(h *header, room uint64) (data []byte) {
	switch h.op {
	case opRequest:
		c.owes &^= oweRequest
	case opResponse:
		c.owes &^= oweResponse
	case opCreditRequest:
		c.owes &^= oweCreditRequest
	case opShutdown:
		c.told |= c.farewell()
		h.flags = c.told
		c.work() // that may have been the last
	case opRW:
		n := min(room, uint64(c.credit()), uint64(len(c.data)))
		data, c.data = c.data[:n], c.data[n:]
		h.len = uint32(n)
		c.sent += h.len
		if len(c.data) == 0 {
			c.awake.Signal()
		}
	}
	c.owes &^= oweCredit // every packet is one
	return data
}

// farewell is what the guest is to be told that the host will not do any more. That the host takes
// no more because the guest has said that it sends no more, goes without saying until it is the end.
func (c *conn) farewell() (flags uint32) {
	if c.eof && len(c.data) == 0 {
		flags = shutSend
	}
	if c.gone && (flags != 0 || c.shut&shutSend == 0) {
		flags |= shutReceive
	}
	return flags
}

// write puts a packet into the chain's buffers, which have room for it.
func (d *Device) write(h *header, data []byte) uint32 {
	var b [headerSize]byte
	h.put(&b)
	rest, n := b[:], uint32(0)
	for _, to := range d.chain.Write {
		for len(to) > 0 && len(rest) > 0 {
			k := copy(to, rest)
			to, rest = to[k:], rest[k:]
			if n += uint32(k); len(rest) == 0 {
				rest, data = data, nil
			}
		}
	}
	return n
}
