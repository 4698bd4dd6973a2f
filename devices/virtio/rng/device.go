package rng

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"terem/devices/virtio"
)

// queueSize is the most entries of requestq. Linux has one request under way.
const queueSize = 64

// The budget that a Config of zeros gives, and the bounds of one.
const (
	DefaultRate  = 1 << 20  // bytes a second
	DefaultBurst = 64 << 10 // bytes
	MaxRate      = 1 << 32  // bytes a second: a host does not make as many
	MaxBurst     = 1 << 20  // bytes: getrandom makes them in some tens of milliseconds
)

// Config is the budget of a device.
type Config struct {
	Rate  uint64 // bytes a second, on the average; 0: DefaultRate; at most MaxRate, which is as good as no limit
	Burst uint64 // bytes that a guest can have at once; 0: DefaultBurst; at most MaxBurst
}

// Device is an entropy device. It is a [virtio.Device].
type Device struct {
	burst  uint64
	bucket bucket
	given  atomic.Uint64

	queue *virtio.Queue // while active
	stop  chan struct{} // closed to end the worker
	done  sync.WaitGroup
}

// New makes a device whose bucket is full.
func New(c Config) (*Device, error) {
	if c.Rate == 0 {
		c.Rate = DefaultRate
	}
	if c.Burst == 0 {
		c.Burst = DefaultBurst
	}
	if c.Rate > MaxRate || c.Burst > MaxBurst {
		return nil, fmt.Errorf("entropy device: %d bytes a second and %d at once: want at most %d and %d",
			c.Rate, c.Burst, uint64(MaxRate), uint64(MaxBurst))
	}
	d := &Device{burst: c.Burst}
	d.bucket.rate = c.Rate
	d.bucket.depth = d.bucket.worth(c.Burst)
	return d, nil
}

// Info says what the device is; see [virtio.Device].
func (d *Device) Info() virtio.Info {
	return virtio.Info{ID: virtio.Entropy, QueueSizes: []uint16{queueSize}}
}

// ReadConfig has nothing to read; see [virtio.Device].
func (d *Device) ReadConfig([]byte) {}

// WriteConfig has nothing to write; see [virtio.Device].
func (d *Device) WriteConfig(uint64, []byte) {}

// Negotiated has nothing that depends on it; see [virtio.Device].
func (d *Device) Negotiated(uint64) {}

// Activate starts the worker.
func (d *Device) Activate(_ uint64, queues []*virtio.Queue) error {
	if d.queue = queues[0]; d.queue == nil {
		return nil
	}
	d.stop = make(chan struct{})
	d.done.Go(func() { d.serve(d.queue, d.stop) })
	return nil
}

// Pause stops the worker, also when it waits for the bucket to fill up.
func (d *Device) Pause() {
	if d.queue == nil {
		return
	}
	close(d.stop)
	d.queue.Wake()
	d.done.Wait()
	d.queue = nil
}

// Reset stops the worker. The bucket is the host's: a guest does not get more by starting over.
func (d *Device) Reset() { d.Pause() }

// Close stops the worker too.
func (d *Device) Close() error {
	d.Pause()
	return nil
}

// Given is the number of random bytes that the guest has had. Any goroutine may ask.
func (d *Device) Given() uint64 { return d.given.Load() }

// serve is the worker: one request after the other, each when the bucket has its bytes.
func (d *Device) serve(q *virtio.Queue, stop <-chan struct{}) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var c virtio.Chain
	for !closed(stop) {
		if !q.Pop(&c) {
			if err := q.Wait(); err != nil {
				q.Fail(err)
				return
			}
			continue
		}
		n := min(c.WriteLen(), d.burst)
		if !d.wait(n, timer, stop) {
			return // the request stays in flight, for who comes next
		}
		n, err := fill(c.Write, n)
		d.given.Add(n)
		if err != nil {
			q.Fail(err)
			return
		}
		q.Push(&c, uint32(n))
		q.Interrupt()
	}
}

// wait takes n bytes from the bucket as soon as they are there; false: the worker has to stop.
func (d *Device) wait(n uint64, timer *time.Timer, stop <-chan struct{}) bool {
	for {
		left := d.bucket.take(n)
		if left == 0 {
			return true
		}
		timer.Reset(left)
		select {
		case <-timer.C:
		case <-stop:
			return false
		}
	}
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// fill puts n random bytes into buffers, which have that many, and says how many it did.
func fill(buffers [][]byte, n uint64) (uint64, error) {
	var filled uint64
	for _, b := range buffers {
		b = b[:min(uint64(len(b)), n-filled)]
		for len(b) > 0 {
			// A long call is cut short by a signal, of which the Go runtime makes many.
			m, err := unix.Getrandom(b, 0)
			if errors.Is(err, unix.EINTR) {
				continue
			}
			if err != nil {
				return filled, fmt.Errorf("getrandom: %w", err)
			}
			b = b[m:]
			filled += uint64(m)
		}
	}
	return filled, nil
}
