package exercise

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
)

const readQueue = "https://docs.oasis-open.org/virtio/virtio/v1.2/virtio-v1.2.html (2.7, Split Virtqueues)"

// virtioQueue is exercise 5: a virtio device. It needs no KVM: a device knows nothing of what is on the other side of memory.
func virtioQueue() *Exercise {
	return &Exercise{Number: 5, Name: "05-virtio", Title: "the device's side of a virtqueue", Checks: []Check{
		{Name: "one request", Points: 2, Do: oneRequest},
		{Name: "the index wraps", Points: 2, Do: indexWraps},
		{Name: "a hostile driver", Points: 4, Do: hostileDriver},
		{Name: "the entry before the index", Points: 2, Do: entryFirst},
	}}
}

// served is what came of a Serve.
type served struct {
	Served  int    `json:"served"`
	Handled int    `json:"handled"`
	Next    uint16 `json:"next"`
	Stores  []struct {
		Addr  uint64 `json:"addr"`
		Value uint32 `json:"value"`
	} `json:"stores"`
	Error string `json:"error"`
}

// serve has the queue served.
func (d *driver) serve(s Subject) (a served, err error) {
	if d.err != nil {
		return a, d.err
	}
	err = s.Ask(Question{Op: "serve", Args: d, Files: []*os.File{d.ram.File}}, &a)
	if err == nil && a.Error == notWritten {
		err = unwritten("Serve", readQueue)
	}
	d.Next = d.avail
	return a, err
}

func oneRequest(s Subject) error {
	r := s.Rand()
	for _, shape := range [][2][]int{{{8}, {8}}, {{5, 1, 9}, {4, 20}}, {{40}, {3, 3}}, {{16}, nil}} {
		d, err := newDriver(r, 16, 0)
		if err != nil {
			return err
		}
		defer d.ram.Close()
		d.desc = uint16(r.IntN(16)) // a chain may begin anywhere, and go on from the last descriptor to the first
		q := d.send(r, shape[0], shape[1])
		a, err := d.serve(s)
		if err != nil {
			return err
		}
		if err := d.check(a, q, fmt.Sprintf("a request of %v bytes to read and %v to write", shape[0], shape[1])); err != nil {
			return err
		}
	}
	return nil
}

// check looks at a request that was served alone.
func (d *driver) check(a served, q sent, does string) error {
	got, err := d.got(q)
	if err != nil {
		return err
	}
	index, head, n, err := d.used(d.avail - 1)
	if err != nil {
		return err
	}
	w := &Wrong{
		Seen:     fmt.Sprintf("%s: Serve gives %d, %q; used.idx %d, its entry: id %d, len %d; written: % x", does, a.Served, a.Error, index, head, n, short(got)),
		Expected: fmt.Sprintf("1, no error; used.idx %d, id %d, len %d; written: % x", d.avail, q.head, len(q.want), short(q.want)), Read: readQueue,
	}
	switch {
	case a.Error != "":
		w.Cause = "a request that is right is refused"
	case a.Handled == 0:
		w.Cause = "no request was carried out: the available index says how many there were since the beginning, and Next how many were served"
	case !bytes.Equal(got, q.want):
		w.Cause = "the handler got other bytes than the chain's: descriptors without WRITE are read, those with it written, in the order of the chain"
	case index != d.avail:
		w.Cause = "the used index does not count the request: the driver never learns that it was served"
	case head != uint32(q.head):
		w.Cause = "the used entry has not the number of the chain's first descriptor: that is how the driver knows which request it was"
	case n != uint32(len(q.want)):
		w.Cause = "the length in the used entry is not what was written: it is not the size of the buffers, and what was read does not count"
	case a.Served != 1, a.Next != d.avail:
		w.Cause = "Serve does not count the request, or Next does not"
	default:
		return nil
	}
	return w
}

// indexWraps has more requests than the queue has entries, and more than 16 bits count.
func indexWraps(s Subject) error {
	r := s.Rand()
	for _, first := range []uint16{uint16(r.IntN(1000)), 65536 - 20} {
		d, err := newDriver(r, 8, first)
		if err != nil {
			return err
		}
		defer d.ram.Close()
		for range 40 {
			var q sent
			number := d.avail
			d.at = 0x20000
			q = d.send(r, []int{4}, []int{4})
			a, err := d.serve(s)
			if err == nil {
				err = d.check(a, q, fmt.Sprintf("request number %d in a queue of %d", number, d.Size))
			}
			if err != nil {
				return wrapping(err, number, d.Size)
			}
		}
	}
	return severalAtOnce(s)
}

// severalAtOnce has several requests at once.
func severalAtOnce(s Subject) error {
	r := s.Rand()
	d, err := newDriver(r, 8, uint16(65536-2))
	if err != nil {
		return err
	}
	defer d.ram.Close()
	var list []sent
	for range 4 {
		list = append(list, d.send(r, []int{4}, []int{4}))
	}
	a, err := d.serve(s)
	if err != nil {
		return wrapping(err, d.avail, d.Size)
	}
	for _, q := range list {
		got, err := d.got(q)
		if err != nil {
			return err
		}
		if !bytes.Equal(got, q.want) || a.Served != len(list) {
			return wrapping(&Wrong{Seen: fmt.Sprintf("%d requests at once, from number 65534 on: Serve gives %d, %q", len(list), a.Served, a.Error),
				Expected: "each is served", Cause: "not all requests that are available were served", Read: readQueue}, d.avail, d.Size)
		}
	}
	return nil
}

// wrapping gives the cause of a mistake that comes only with many requests.
func wrapping(err error, number, size uint16) error {
	w := new(Wrong)
	if !errors.As(err, &w) || strings.Contains(w.Cause, "as you got it") {
		return err
	}
	switch {
	case number >= size && number < 65536-64:
		w.Cause = "an index does not wrap: indices count on and on, and an entry's place in a ring is the index modulo the queue's size"
	case number >= size || number < 64:
		w.Cause = "an index does not wrap: both are of 16 bits, so 0 follows on 65535, and their difference must be taken in 16 bits, too"
	}
	return w
}

// entryFirst looks at the order in which the used ring is written.
func entryFirst(s Subject) error {
	r := s.Rand()
	d, err := newDriver(r, 16, uint16(r.IntN(60000)))
	if err != nil {
		return err
	}
	defer d.ram.Close()
	first := d.avail
	for range 3 + r.IntN(3) {
		d.send(r, []int{4}, []int{4})
	}
	a, err := d.serve(s)
	if err != nil {
		return err
	}
	entries := map[uint16]int{} // stores into the entry of a request
	var seen []string
	told := first
	for _, t := range a.Stores {
		seen = append(seen, fmt.Sprintf("%s = %d", d.name(t.Addr), t.Value))
		if t.Addr != d.Device+2 {
			if off := t.Addr - d.Device - 4; off < 8*uint64(d.Size) {
				entries[uint16(off/8)]++
			}
			continue
		}
		for ; told != uint16(t.Value) && told != d.avail; told++ {
			if entries[told%d.Size] < 2 {
				return &Wrong{
					Seen: strings.Join(seen, ", ") + ", ...", Expected: "both halves of an entry, then the index that counts it", Read: readQueue,
					Cause: "the used index is written before its entry: the driver may look at once, on another CPU, and finds what was there before",
				}
			}
		}
	}
	if told != d.avail {
		return &Wrong{Seen: fmt.Sprintf("stores: %s", strings.Join(seen, ", ")), Expected: "an entry for each request, and the index that counts it", Read: readQueue,
			Cause: "the used ring was not written by Store16 and Store32, or not for each request"}
	}
	return nil
}

// name is a place in the used ring in words.
func (d *driver) name(addr uint64) string {
	off := addr - d.Device
	switch {
	case off == 2:
		return "used.idx"
	case off >= 4 && off < 4+8*uint64(d.Size) && off%8 == 4:
		return fmt.Sprintf("ring[%d].id", (off-4)/8)
	case off >= 4 && off < 4+8*uint64(d.Size) && off%8 == 0:
		return fmt.Sprintf("ring[%d].len", (off-4)/8)
	}
	return "used+" + hex(off)
}
