package vsock

import (
	"encoding/binary"
	"fmt"
	"time"

	"terem/devices/virtio"
)

// TRANSPORT_RESET (section 5.10.6, device events): the connections of the driver are gone, and its CID may have
// changed. An event is an id, a le32.
const (
	eventReset = 0
	eventLen   = 4
)

// announce tells the driver that its connections are gone; false: it has no buffer for that.
func (d *Device) announce(q *virtio.Queue) bool {
	var c virtio.Chain
	if !q.Pop(&c) {
		return false
	}
	if c.WriteLen() < eventLen {
		q.Fail(fmt.Errorf("a buffer of %d bytes for events: want %d", c.WriteLen(), eventLen))
		return true
	}
	var b [eventLen]byte
	binary.LittleEndian.PutUint32(b[:], eventReset)
	rest := b[:]
	for _, to := range c.Write {
		rest = rest[copy(to, rest):]
	}
	q.Push(&c, eventLen)
	q.Interrupt()
	return true
}

// serveEvents waits for a buffer to announce the reset in, and then for the driver to have done what that says.
func (d *Device) serveEvents(q *virtio.Queue) {
	offered := q.Offered()
	for !d.stopping.Load() && !d.announce(q) {
		if err := q.Wait(); err != nil {
			q.Fail(err)
			return
		}
		offered = q.Offered()
	}
	if d.heed(q, offered); d.stopping.Load() {
		return // and owes it still: it may come once more
	}
	d.locked(func() {
		d.owed, d.mute = false, false
		d.pump()
	})
}

// How long a driver may take to give the buffer of an event back, and how often that is looked for.
const (
	heeds = 5 * time.Second
	look  = 50 * time.Microsecond
)

// heed waits until the driver offers another buffer, as Linux's does when it has dealt with an event. A connection that it heard
// of before might be among those that it ends then.
func (d *Device) heed(q *virtio.Queue, offered uint16) {
	for end := time.Now().Add(heeds); q.Offered() == offered && time.Now().Before(end); time.Sleep(look) {
		if d.stopping.Load() {
			return
		}
	}
}
