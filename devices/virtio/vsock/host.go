package vsock

import (
	"errors"
	"io"
	"time"
)

// Bounds of what is read from the host at once. It grows with what the host has to say.
const (
	minRead = 4 << 10
	maxRead = 64 << 10
)

// maxWrite is after how many bytes, at most, that a host has taken, the guest may hear of it.
const maxWrite = 64 << 10

// dial connects a guest that calls.
func (d *Device) dial(c *conn) {
	s, err := d.c.Dial(c.host)
	d.mu.Lock()
	defer d.mu.Unlock()
	defer d.pump()
	defer c.release()
	switch {
	case c.state == over: // the guest has thought better of it
		if err == nil && s != nil {
			d.mu.Unlock()
			_ = s.Close()
			d.mu.Lock()
		}
	case err != nil || s == nil:
		d.abort(c, nil)
	default:
		c.begin(s)
		c.owe(oweResponse)
	}
}

// read is the goroutine that reads what the host says, as much as the guest has room for, and
// waits until it is gone.
func (c *conn) read(s Stream) {
	b := make([]byte, minRead)
	for {
		n := c.room(len(b))
		if n == 0 {
			return
		}
		n, err := s.Read(b[:n])
		c.said(b[:n], err)
		switch {
		case errors.Is(err, io.EOF):
			c.hangup(s)
			return
		case err != nil:
			return
		case n == len(b) && n < maxRead:
			b = make([]byte, 2*len(b)) // the guest may still be given the old one
		case n < len(b)/4 && len(b) > minRead:
			b = make([]byte, len(b)/2)
		}
	}
}

// room waits until what was read is gone and the guest has room for more, and says for how much,
// up to most; 0: the connection is over.
func (c *conn) room(most int) int {
	c.d.mu.Lock()
	defer c.d.mu.Unlock()
	for c.state == open && c.shut&shutReceive == 0 {
		n := c.credit()
		if len(c.data) == 0 && n > 0 {
			return min(most, int(n))
		}
		if n == 0 && !c.asked {
			c.asked = true
			c.owe(oweCreditRequest)
			c.d.pump()
		}
		c.awake.Wait()
	}
	if c.state != open {
		return 0
	}
	return most // it is thrown away
}

// said takes what was read from the host.
func (c *conn) said(b []byte, err error) {
	c.d.mu.Lock()
	defer c.d.mu.Unlock()
	if c.state != open {
		return
	}
	if c.shut&shutReceive == 0 {
		c.data = b
	}
	if err != nil {
		c.eof = true
		if !errors.Is(err, io.EOF) {
			c.lost()
		}
	}
	c.d.enlist(c)
	c.d.pump()
}

// hangup waits until the host's end, which says no more, does not listen either.
func (c *conn) hangup(s Stream) {
	h, ok := s.(Hanger)
	if !ok {
		return
	}
	h.AwaitHangup()
	c.d.mu.Lock()
	defer c.d.mu.Unlock()
	if c.state == open {
		c.lost()
		c.d.pump()
	}
}

// lost notes that the host's end is not read any more. What was for it counts as taken.
func (c *conn) lost() {
	c.gone = true
	c.forward(len(c.pending))
	c.pending = nil
	c.d.enlist(c)
	c.work()
}

// work starts the goroutine write, if there is something for it to do.
func (c *conn) work() {
	if c.writing || c.stream == nil || c.state < open || c.todo() == nothing {
		return
	}
	c.writing = true
	c.d.jobs.Go(c.write)
}

// What the goroutine write has to do next.
type job uint8

const (
	nothing job = iota
	writePending
	closeWrite
	closeAll
)

func (c *conn) todo() job {
	switch {
	case len(c.pending) > 0:
		return writePending
	case c.state == over, c.told == shutBoth:
		return closeAll
	case c.shut&shutSend != 0 && !c.finished:
		return closeWrite
	}
	return nothing
}

// write is the goroutine that does what may have to wait for the host, or that must come after what
// waits. It ends when there is nothing to do.
func (c *conn) write() {
	d := c.d
	d.mu.Lock()
	defer d.mu.Unlock()
	defer func() { c.writing = false }()
	for c.stream != nil {
		s := c.stream
		switch c.todo() {
		case nothing:
			return
		case writePending:
			n := min(len(c.pending), maxWrite)
			b := c.pending[:n:n]
			c.pending = c.pending[n:]
			d.mu.Unlock()
			_, err := s.Write(b)
			d.mu.Lock()
			c.forward(n)
			if err != nil {
				c.lost()
			}
			if len(c.pending) == 0 {
				c.pending = nil
			}
		case closeWrite:
			c.finished = true
			d.mu.Unlock()
			_ = s.CloseWrite() // if it fails, the next read does
			d.mu.Lock()
			c.gone = true
			d.enlist(c)
		case closeAll:
			c.stream, c.quick = nil, nil
			d.mu.Unlock()
			_ = s.Close()
			d.mu.Lock()
			c.release()
		}
		d.pump()
	}
}

// await waits until all connections are over and all hosts' ends closed, or until the time is up.
func (d *Device) await(limit time.Duration) {
	late := false
	timer := time.AfterFunc(limit, func() {
		d.locked(func() { late = true })
		d.drained.Broadcast()
	})
	defer timer.Stop()
	for len(d.live) > 0 && !late {
		d.drained.Wait()
	}
}

// cut takes the hosts' ends away from all connections that are left.
func (d *Device) cut() (streams []Stream) {
	for c := range d.live {
		if c.stream != nil {
			streams = append(streams, c.stream)
			c.stream, c.quick, c.pending = nil, nil, nil
			c.release()
		}
	}
	return streams
}
