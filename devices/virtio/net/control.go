package net

import (
	"encoding/binary"
	"fmt"

	"terem/devices/virtio"
)

// Commands, section 5.1.6.5: a class, a command, and what it says.
//
//	class          command         says
//	-------------  --------------  ---------------------------------------------------------------
//	0 RX           0 PROMISC       a byte: 1 on, 0 off
//	               1 ALLMULTI      likewise
//	1 MAC          0 TABLE_SET     twice a le32 and so many addresses: for one station, for many
//	               1 ADDR_SET      an address
//	5 OFFLOADS     0 SET           a le64: bits as those of the features
//
// The answer is a byte: 0 OK, 1 error.
const (
	classRX       = 0
	classMAC      = 1
	classOffloads = 5

	rxPromiscuous  = 0
	rxAllMulticast = 1
	macTable       = 0
	macAddress     = 1
	offloadsSet    = 0

	answerOK    = 0
	answerError = 1
)

// serveControl is the worker of the control queue.
func (d *Device) serveControl(q *virtio.Queue) {
	var c virtio.Chain
	for !d.stopping.Load() {
		for !d.stopping.Load() && q.Pop(&c) {
			if c.WriteLen() == 0 {
				q.Fail(fmt.Errorf("a command of %d bytes with no room for an answer", c.ReadLen()))
				break
			}
			c.Write[0][0] = answerError
			if d.obey(&reader{rest: c.Read}) {
				c.Write[0][0] = answerOK
			}
			q.Push(&c, 1)
		}
		q.Interrupt()
		if err := q.Wait(); err != nil {
			q.Fail(err)
			return
		}
	}
}

// obey carries out a command; false: it makes no sense, or was not negotiated.
func (d *Device) obey(r *reader) bool {
	var what [2]byte
	if !r.read(what[:]) {
		return false
	}
	features := d.features.Load()
	switch {
	case what[0] == classRX && features&featureControlRX != 0:
		return d.setMode(what[1], r)
	case what == [2]byte{classMAC, macTable} && features&featureControlRX != 0:
		return d.setTable(r)
	case what == [2]byte{classMAC, macAddress} && features&featureControlMAC != 0:
		f := *d.filter.Load()
		if !r.read(f.MAC[:]) || f.MAC[0]&1 != 0 {
			return false
		}
		d.filter.Store(&f)
		return true
	case what == [2]byte{classOffloads, offloadsSet} && features&featureGuestOffloads != 0:
		return d.setOffloads(r)
	}
	return false
}

func (d *Device) setMode(command byte, r *reader) bool {
	var on [1]byte
	if !r.read(on[:]) || on[0] > 1 {
		return false
	}
	f := *d.filter.Load()
	switch command {
	case rxPromiscuous:
		f.Promiscuous = on[0] == 1
	case rxAllMulticast:
		f.AllMulticast = on[0] == 1
	default:
		return false
	}
	d.filter.Store(&f)
	return true
}

func (d *Device) setTable(r *reader) bool {
	f := *d.filter.Load()
	var ok, more bool
	if f.Unicast, f.ManyUnicast, ok = r.table(); !ok {
		return false
	}
	if f.Multicast, f.ManyMulti, more = r.table(); !more {
		return false
	}
	d.filter.Store(&f)
	return true
}

// setOffloads takes what the driver does from now on: nothing that was not negotiated.
func (d *Device) setOffloads(r *reader) bool {
	var b [8]byte
	if !r.read(b[:]) {
		return false
	}
	want := binary.LittleEndian.Uint64(b[:])
	if want&^(d.features.Load()&offloadBits) != 0 {
		return false
	}
	d.mu.Lock()
	d.offloads, d.switched = want, true
	d.mu.Unlock()
	d.tell()
	return true
}

// reader reads what a driver has written, once.
type reader struct{ rest [][]byte }

// read fills p; false: there is not as much.
func (r *reader) read(p []byte) bool {
	for len(p) > 0 && len(r.rest) > 0 {
		n := copy(p, r.rest[0])
		p, r.rest[0] = p[n:], r.rest[0][n:]
		if len(r.rest[0]) == 0 {
			r.rest = r.rest[1:]
		}
	}
	return len(p) == 0
}

// skip passes over n bytes; false: there are not as many.
func (r *reader) skip(n uint64) bool {
	for n > 0 && len(r.rest) > 0 {
		k := min(n, uint64(len(r.rest[0])))
		n, r.rest[0] = n-k, r.rest[0][k:]
		if len(r.rest[0]) == 0 {
			r.rest = r.rest[1:]
		}
	}
	return n == 0
}

// table reads a table of addresses. One with too many is passed over.
func (r *reader) table() (list [][6]byte, many, ok bool) {
	var b [4]byte
	if !r.read(b[:]) {
		return nil, false, false
	}
	n := binary.LittleEndian.Uint32(b[:])
	if n > maxAddresses {
		return nil, true, r.skip(6 * uint64(n))
	}
	list = make([][6]byte, n)
	for i := range list {
		if !r.read(list[i][:]) {
			return nil, false, false
		}
	}
	return list, false, true
}
