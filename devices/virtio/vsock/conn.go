package vsock

import (
	"sync"
)

// What the device holds of the guest's bytes, for a host that reads slowly: it is what buf_alloc
// says. The first connections get more. So a guest makes the host keep some 80 MiB at most, and if it
// takes nothing itself, the 64 KiB that a host's program has said on each connection (maxRead).
const (
	largeBuffer = 256 << 10
	smallBuffer = 64 << 10
	maxLarge    = 64
)

// ports name a connection: one of the guest's, one of the host's.
type ports struct{ guest, host uint32 }

// state is how far a connection has come.
type state uint8

const (
	calling state = iota // the host calls: RESPONSE or RST is to come
	dialing              // the guest calls: Dial has not come back
	open
	over // the guest knows nothing of it any more, and it is not in Device.conns
)

// Packets that a connection owes the guest, by the bit.
const (
	oweRequest = 1 << iota
	oweResponse
	oweCredit        // CREDIT_UPDATE
	oweCreditRequest // CREDIT_REQUEST
)

// conn is a connection. Device.mu guards it.
type conn struct {
	d *Device
	ports
	state  state
	caller Stream     // of Connect, until the guest has answered
	stream Stream     // the host's end; nil: there is none yet, or it is closed
	quick  Quick      // the same, if it is one
	result chan error // takes what Connect waits for
	holds  int        // the table, Dial, the stream: when all have let go, its place is free
	awake  *sync.Cond // the reader looks again

	// To the guest.
	next, prev               *conn // in the device's list, with queued
	queued                   bool
	owes                     uint8
	data                     []byte // what the host has said; the reader waits until it is gone
	eof                      bool   // the host says no more
	told                     uint32 // flags of the SHUTDOWN that the guest has had
	asked                    bool   // CREDIT_REQUEST was sent, and nothing came of it yet
	sent, peerAlloc, peerFwd uint32

	// From the guest.
	shut      uint32 // flags of the SHUTDOWN that came
	pending   []byte // for the host, that has not taken it yet
	writing   bool   // the goroutine write runs
	finished  bool   // CloseWrite was called
	gone      bool   // the host takes no more
	alloc     uint32
	received  uint32
	forwarded uint32
	toldFwd   uint32 // forwarded, as the guest knows it
}

// add makes a connection, if there is room for one.
func (d *Device) add(p ports, s state) *conn {
	if len(d.live) >= MaxConnections && !d.evict() {
		return nil
	}
	c := &conn{d: d, ports: p, state: s, holds: 1, awake: sync.NewCond(&d.mu), alloc: smallBuffer}
	if d.large < maxLarge {
		d.large++
		c.alloc = largeBuffer
	}
	d.live[c] = struct{}{}
	d.conns[p] = c
	return c
}

// evict makes room: it ends a connection that both sides have done with, but which the guest's
// program has not closed yet.
func (d *Device) evict() bool {
	for _, c := range d.conns {
		if c.holds == 1 && c.state == open {
			d.abort(c, nil)
			return true
		}
	}
	return false
}

// release gives up one hold.
func (c *conn) release() {
	if c.holds--; c.holds > 0 {
		return
	}
	delete(c.d.live, c)
	if c.alloc == largeBuffer {
		c.d.large--
	}
	c.d.drained.Broadcast()
}

// drop takes a connection out of the table: the guest does not know it any more. What the
// guest has sent still goes to the host.
func (d *Device) drop(c *conn, why error) {
	delete(d.conns, c.ports)
	d.delist(c)
	c.state, c.caller, c.data = over, nil, nil
	c.answer(why)
	c.awake.Signal()
	c.work()
	c.release()
}

// abort drops a connection and tells the guest.
func (d *Device) abort(c *conn, why error) {
	d.refuse(c.header(opRST))
	d.drop(c, why)
}

// answer tells Connect how it went. Only the first answer counts.
func (c *conn) answer(err error) {
	if c.result != nil {
		c.result <- err // it has room
		c.result = nil
	}
}

// begin gives a connection its host's end: bytes flow from now on.
func (c *conn) begin(s Stream) {
	c.state, c.stream, c.caller = open, s, nil
	c.quick, _ = s.(Quick)
	c.holds++
	c.d.jobs.Go(func() { c.read(s) })
}

// header is that of a packet to the guest.
func (c *conn) header(op uint16) header {
	return header{
		srcCID: HostCID, dstCID: c.d.c.CID, srcPort: c.host, dstPort: c.guest, kind: kindStream, op: op,
		bufAlloc: c.alloc, fwdCnt: c.forwarded,
	}
}

// learn takes what every packet of the guest says of its buffer.
func (c *conn) learn(h *header) {
	c.peerAlloc, c.peerFwd = h.bufAlloc, h.fwdCnt
	if c.credit() > 0 {
		c.asked = false
		c.awake.Signal()
	}
}

// credit is how many bytes the guest has room for, as it says. Counters go round; those that make no
// sense mean that there is no room, or more than there is, which is the guest's loss.
func (c *conn) credit() uint32 {
	under := c.sent - c.peerFwd
	return c.peerAlloc - min(under, c.peerAlloc)
}

// forward counts bytes that have left the device's buffer, and tells the guest, once it could
// think that half of the buffer is full. It always finds room for more than nothing, so it never waits
// for an update that does not come.
func (c *conn) forward(n int) {
	c.forwarded += uint32(n)
	if c.state == open && c.forwarded-c.toldFwd >= c.alloc/2 {
		c.owe(oweCredit)
	}
}

// owe has a packet sent to the guest.
func (c *conn) owe(what uint8) {
	c.owes |= what
	c.d.enlist(c)
}

// enlist puts a connection at the end of the list of those that have something to say.
func (d *Device) enlist(c *conn) {
	if c.queued || c.state == over {
		return
	}
	c.queued, c.prev = true, d.last
	if d.last == nil {
		d.first = c
	} else {
		d.last.next = c
	}
	d.last = c
}

// delist takes it off the list.
func (d *Device) delist(c *conn) {
	if !c.queued {
		return
	}
	if c.prev == nil {
		d.first = c.next
	} else {
		c.prev.next = c.next
	}
	if c.next == nil {
		d.last = c.prev
	} else {
		c.next.prev = c.prev
	}
	c.queued, c.next, c.prev = false, nil, nil
}
