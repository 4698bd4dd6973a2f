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

// serveEvents announces the reset, and waits for the driver to have done what that says.
func (d *Device) serveEvents(q *virtio.Queue) {
	offered, err := d.announced(q)
	if err != nil {
		q.Fail(err)
		return
	}
	if d.heed(q, offered); d.stopping.Load() {
		return // and goes on with that when it is active again
	}
	d.locked(func() {
		d.owed, d.mute, d.said = false, false, false
		d.pump()
	})
}

// announced announces the reset as soon as the driver has a buffer for that, once: a second one could end a connection that came after
// the first. It returns how many buffers the driver had offered by then.
func (d *Device) announced(q *virtio.Queue) (offered uint16, err error) {
	said := false
	d.locked(func() { said, offered = d.said, d.offered })
	if said && q.Offered() == offered { // otherwise it has dealt with that, and may have connected since
		return offered, nil
	}
	for offered = q.Offered(); !d.stopping.Load(); offered = q.Offered() {
		if d.announce(q) {
			d.locked(func() { d.said, d.offered = true, offered })
			break
		}
		if err := q.Wait(); err != nil {
			return 0, err
		}
	}
	return offered, nil
}

// How often the buffer of an event is looked for: at first a restored guest's users wait for that, and later nobody is in a hurry any more.
const (
	look   = 50 * time.Microsecond
	hurry  = 50 * time.Millisecond
	seldom = 5 * time.Millisecond
)

// heed waits until the driver offers another buffer, as Linux's does when it has dealt with an event. A connection that it heard
// of before might be among those that it ends then. On a busy host that can take a guest a minute, so there is no limit: a driver that never
// offers one has no connections.
func (d *Device) heed(q *virtio.Queue, offered uint16) {
	start := time.Now()
	for q.Offered() == offered && !d.stopping.Load() {
		if time.Since(start) < hurry {
			time.Sleep(look)
		} else {
			time.Sleep(seldom)
		}
	}
}
