package exercise

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// hostileDriver has requests that make no sense. Each must be refused, and nothing be done for it.
func hostileDriver(s Subject) error {
	r := s.Rand()
	const trusts = "Serve trusts %s: it is the driver's, and must be compared with what there is before it is used"
	for _, h := range []struct {
		what, cause string
		do          func(d *driver)
	}{
		{"a buffer that ends behind memory", fmt.Sprintf(trusts, "a length"), func(d *driver) { d.descriptor(0, descriptor{addr: queueRAM - 8, n: 9}) }},
		{"a buffer behind memory", fmt.Sprintf(trusts, "an address"), func(d *driver) { d.descriptor(0, descriptor{addr: queueRAM + r.Uint64N(1<<40), n: 1}) }},
		{"a buffer whose end wraps around", fmt.Sprintf(trusts, "the sum of address and length, which wraps around in 64 bits"), func(d *driver) {
			d.descriptor(0, descriptor{addr: ^uint64(0) - 7, n: 64, flags: descWrite})
		}},
		{"a length of 4 GiB", fmt.Sprintf(trusts, "a length"), func(d *driver) { d.descriptor(0, descriptor{addr: 0x20000, n: ^uint32(0)}) }},
		{"a bad buffer behind a good one", fmt.Sprintf(trusts, "a length"), func(d *driver) {
			d.descriptor(0, descriptor{addr: 0x20000, n: 4, flags: descNext, next: 5})
			d.descriptor(5, descriptor{addr: queueRAM - 1, n: 2, flags: descWrite})
		}},
		{"a chain that goes on at a descriptor that there is not", fmt.Sprintf(trusts, "a next"), func(d *driver) {
			d.descriptor(0, descriptor{addr: 0x20000, n: 4, flags: descNext, next: d.Size + uint16(r.IntN(1000))})
		}},
		{"an indirect table, which was not negotiated", fmt.Sprintf(trusts, "a flag"), func(d *driver) {
			d.descriptor(0, descriptor{addr: 0x20000, n: 16, flags: descIndirect})
		}},
		{"more requests than the queue has entries", fmt.Sprintf(trusts, "the available index"), func(d *driver) {
			d.descriptor(0, descriptor{addr: 0x20000, n: 4})
			d.put16(d.Driver+2, d.Next+d.Size+1)
		}},
		{"descriptors in a circle", "a loop of descriptors is followed for ever: a chain has no more of them than the queue has entries, so count", func(d *driver) {
			d.descriptor(0, descriptor{addr: 0x20000, n: 4, flags: descNext, next: 1})
			d.descriptor(1, descriptor{addr: 0x20010, n: 4, flags: descNext, next: 0})
		}},
	} {
		if err := refuses(s, h.what, h.cause, h.do); err != nil {
			return err
		}
	}
	return goodBadGood(s)
}

// goodBadGood has a request that makes no sense between two that do. The first is served, and the others are not.
func goodBadGood(s Subject) error {
	r := s.Rand()
	d, err := newDriver(r, 16, uint16(r.IntN(60000)))
	if err != nil {
		return err
	}
	defer d.ram.Close()
	first := d.avail
	before := d.send(r, []int{8}, []int{8})
	d.descriptor(d.desc, descriptor{addr: queueRAM - 4, n: 8})
	d.offer(d.desc)
	d.desc++
	after := d.send(r, []int{8}, []int{8})
	a, err := d.serve(s)
	if err != nil {
		return err
	}
	did, err := d.got(before)
	if err != nil {
		return err
	}
	left, err := d.got(after)
	if err != nil {
		return err
	}
	index, _, _, err := d.used(first)
	if err != nil {
		return err
	}
	w := &Wrong{Seen: fmt.Sprintf("a good request, a bad one, a good one: Serve gives %d, %q; the handler was called %d times; used.idx %d", a.Served, a.Error, a.Handled, index),
		Expected: fmt.Sprintf("1, an error; one call; used.idx %d", first+1), Read: readQueue}
	switch {
	case a.Error == "":
		w.Cause = "a bad request behind a good one is no error: each chain is to be looked at"
	case bytes.Equal(left, after.want) || a.Handled > 1:
		w.Cause = "a request behind the bad one was carried out: the queue makes no sense from there on"
	case !bytes.Equal(did, before.want) || a.Served != 1 || index != first+1:
		w.Cause = "the request before the bad one is lost: it was carried out, or should be, and must be given back to the driver and counted"
	default:
		return nil
	}
	return w
}

func refuses(s Subject, what, cause string, do func(*driver)) error {
	d, err := newDriver(s.Rand(), 8, 0)
	if err != nil {
		return err
	}
	defer d.ram.Close()
	d.offer(0)
	do(d)
	before, err := d.ram.get(0, queueRAM)
	if err != nil {
		return err
	}
	a, err := d.serve(s)
	w := &Wrong{Expected: "an error, and nothing carried out", Cause: cause, Read: readQueue}
	if saw := new(Wrong); errors.As(err, &saw) {
		if strings.Contains(saw.Cause, "as you got it") {
			return saw
		}
		w.Seen = what + ": " + saw.Seen
		return w
	}
	if err != nil {
		return err
	}
	after, err := d.ram.get(0, queueRAM)
	if err != nil || a.Error != "" && a.Handled == 0 && bytes.Equal(before, after) {
		return err
	}
	w.Seen = fmt.Sprintf("%s: Serve gives %d, %q; the handler was called %d times", what, a.Served, a.Error, a.Handled)
	return w
}
