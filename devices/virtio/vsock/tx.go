package vsock

import (
	"terem/devices/virtio"
)

// batch is for how many packets at most a guest waits until it gets their buffers back.
const batch = 16

// packet is what the guest sends: a header, which was copied, and data, which are guest RAM.
type packet struct {
	header
	data [][]byte
}

// serveTX is the worker that takes what the guest sends. It never waits, for the host as little as for
// the guest: one connection does not hold up the others.
func (d *Device) serveTX(q *virtio.Queue) {
	var c virtio.Chain
	var p packet
	for !d.stopping.Load() {
		d.drainTX(q, &c, &p)
		if err := q.Wait(); err != nil {
			q.Fail(err)
			return
		}
	}
}

func (d *Device) drainTX(q *virtio.Queue, c *virtio.Chain, p *packet) {
	n := 0
	for !d.stopping.Load() && q.Pop(c) {
		if n == 0 {
			q.Quiet()
		}
		if p.read(c) {
			d.receive(p)
		}
		q.Push(c, 0)
		if n++; n%batch == 0 {
			q.Interrupt()
		}
	}
	q.Interrupt()
}

// takeRest takes what a guest has sent that is gone: an entry of the ring, once.
func (d *Device) takeRest(q *virtio.Queue) {
	var c virtio.Chain
	var p packet
	for range q.Size() {
		if !q.Pop(&c) {
			return
		}
		if p.read(&c) && p.op != opRequest {
			d.receive(&p)
		}
		q.Push(&c, 0)
	}
}

// read takes a packet from a chain; false: it is not a whole one.
func (p *packet) read(c *virtio.Chain) bool {
	if c.ReadLen() < headerSize {
		return false
	}
	var b [headerSize]byte
	p.data = p.data[:0]
	at := 0
	for _, from := range c.Read {
		k := copy(b[at:], from)
		if at += k; k < len(from) {
			p.data = append(p.data, from[k:])
		}
	}
	p.header = parse(&b)
	if uint64(p.len) > c.ReadLen()-headerSize {
		return false
	}
	p.data = limit(p.data, uint64(p.len))
	return true
}

// limit cuts slices off after n bytes.
func limit(p [][]byte, n uint64) [][]byte {
	for i, b := range p {
		if n == 0 {
			return p[:i]
		}
		if uint64(len(b)) > n {
			p[i] = b[:n]
		}
		n -= uint64(len(p[i]))
	}
	return p
}

// receive does what a packet says. One that says that it is from somebody else is dropped; one that belongs
// to nothing is answered by RST, unless it is one.
func (d *Device) receive(p *packet) {
	if p.srcCID != d.c.CID {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	defer d.pump()
	var c *conn
	if p.dstCID == HostCID && p.kind == kindStream {
		c = d.conns[ports{guest: p.srcPort, host: p.dstPort}]
	}
	if c != nil {
		c.learn(&p.header)
		d.enlist(c) // there may be credit for more
		d.dispatch(c, p)
		return
	}
	switch {
	case p.op == opRST:
	case p.op == opRequest && p.dstCID == HostCID && p.kind == kindStream:
		d.called(p)
	default:
		d.refuse(p.reset())
	}
}

// dispatch is receive for a connection that is there. Whatever does not fit its state ends it.
func (d *Device) dispatch(c *conn, p *packet) {
	switch {
	case p.op == opRST:
		d.drop(c, ErrRefused)
	case p.op == opResponse && c.state == calling:
		c.begin(c.caller)
		c.answer(nil)
	case c.state != open:
		d.abort(c, ErrRefused)
	case p.op == opRW:
		d.carry(c, p)
	case p.op == opShutdown:
		d.shutdown(c, p.flags&shutBoth)
	case p.op == opCreditUpdate:
	case p.op == opCreditRequest:
		c.owe(oweCredit)
	default:
		d.abort(c, nil)
	}
}

// called is the guest's wish for a connection.
func (d *Device) called(p *packet) {
	if d.c.Dial == nil || d.closed {
		d.refuse(p.reset())
		return
	}
	c := d.add(ports{guest: p.srcPort, host: p.dstPort}, dialing)
	if c == nil {
		d.refuse(p.reset())
		return
	}
	c.learn(&p.header)
	c.holds++ // until Dial is back
	d.jobs.Go(func() { d.dial(c) })
}

// carry takes data for the host. More than there is room for ends the connection.
func (d *Device) carry(c *conn, p *packet) {
	if p.len > c.alloc-(c.received-c.forwarded) {
		d.abort(c, nil)
		return
	}
	c.received += p.len
	if c.gone || c.shut&shutSend != 0 {
		c.forward(int(p.len)) // to nobody
		return
	}
	rest := p.data
	if c.quick != nil && !c.writing && p.len > 0 {
		rest = c.direct(rest)
	}
	for _, b := range rest {
		c.pending = append(c.pending, b...)
	}
	c.work()
}

// direct writes to a host that has taken all so far, straight from guest RAM, and gives what is
// left. The lock is not held meanwhile. Nobody else writes: what the goroutine write may be started
// for in the meantime is to close the stream.
func (c *conn) direct(data [][]byte) [][]byte {
	q := c.quick
	c.d.mu.Unlock()
	n, err := q.TryWrite(data)
	c.d.mu.Lock()
	c.forward(n)
	if err != nil {
		c.lost()
		for _, b := range skip(data, n) {
			c.forward(len(b))
		}
		return nil
	}
	return skip(data, n)
}

// skip cuts the first n bytes off.
func skip(p [][]byte, n int) [][]byte {
	for len(p) > 0 && n >= len(p[0]) {
		n -= len(p[0])
		p = p[1:]
	}
	if n > 0 && len(p) > 0 {
		p[0] = p[0][n:]
	}
	return p
}

// shutdown is the guest's word that it will not do something any more. When it will do neither, the
// connection has ended, for the guest at once; the host still gets what was sent.
func (d *Device) shutdown(c *conn, flags uint32) {
	c.shut |= flags
	if c.shut == shutBoth {
		d.abort(c, nil)
		return
	}
	if c.shut&shutReceive != 0 {
		c.data, c.eof = nil, true
		c.awake.Signal()
		if r, ok := c.stream.(ReadCloser); ok {
			_ = r.CloseRead() // an error says that it is closed
		}
		d.enlist(c)
	}
	c.work()
}
