package fs

import (
	"sync/atomic"

	"terem/devices/virtio"
)

// lane takes the requests of one queue, on a goroutine of its own.
type lane struct {
	device   *Device
	queue    *virtio.Queue
	stopping atomic.Bool
	done     chan struct{}
}

func newLane(d *Device, q *virtio.Queue) *lane {
	return &lane{device: d, queue: q, done: make(chan struct{})}
}

// stop asks the lane to end, which it does once it has handed on all that it took. Then it closes done.
func (l *lane) stop() {
	l.stopping.Store(true)
	l.queue.Wake()
}

func (l *lane) run() {
	defer close(l.done)
	for !l.stopping.Load() {
		l.serve()
		if err := l.queue.Wait(); err != nil {
			l.queue.Fail(err)
			return
		}
	}
}

// serve hands on what is in the ring. If all requests are with the server, it waits for one.
func (l *lane) serve() {
	for !l.stopping.Load() {
		r := <-l.device.free
		if !l.queue.Pop(&r.chain) {
			l.device.free <- r
			return
		}
		r.queue = l.queue
		l.device.jobs <- r
	}
}

// worker carries out what the lanes hand on.
func (d *Device) worker() {
	for r := range d.jobs {
		if n, err := d.answer(r); err != nil {
			r.queue.Fail(err)
		} else {
			r.queue.Push(&r.chain, n)
			r.queue.Interrupt()
		}
		d.free <- r
	}
}
