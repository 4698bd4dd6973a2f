package balloon

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"terem/devices/virtio"
)

// Queues by number, section 5.5.2.
const (
	inflateQueue = 0
	deflateQueue = 1
	statsQueue   = 2
	queues       = 5

	// queueSize is the most entries of each queue. Linux has reports of 32 buffers.
	queueSize = 128
)

// Balloon is a memory balloon. It is a [virtio.Device].
type Balloon struct {
	c        Config
	counters counters

	mu     sync.Mutex // guards what follows
	config [configSize]byte
	stats  *statistics // nil: the driver gives none

	// Activate and Pause only.
	active   []*virtio.Queue
	workers  sync.WaitGroup
	stopping atomic.Bool
}

// New makes an empty balloon without a target.
func New(c Config) (*Balloon, error) {
	if c.Memory == nil {
		return nil, errors.New("balloon: there is no memory")
	}
	return &Balloon{c: c}, nil
}

// Info says what the device is; see [virtio.Device].
func (b *Balloon) Info() virtio.Info {
	return virtio.Info{
		ID:         virtio.Balloon,
		Features:   b.c.features(),
		QueueSizes: slices.Repeat([]uint16{queueSize}, queues),
		ConfigSize: configSize,
	}
}

// Negotiated has nothing that depends on it; see [virtio.Device].
func (b *Balloon) Negotiated(uint64) {}

// Activate starts a worker for each queue that the driver uses.
func (b *Balloon) Activate(features uint64, all []*virtio.Queue) error {
	b.stopping.Store(false)
	for i, q := range all {
		if q == nil {
			continue
		}
		work := b.worker(i, q, features)
		if work == nil {
			continue // a queue that does not exist
		}
		b.active = append(b.active, q)
		b.workers.Go(work)
	}
	return nil
}

// worker gives what serves queue i with the negotiated features, or nil.
func (b *Balloon) worker(i int, q *virtio.Queue, features uint64) func() {
	switch {
	case i == inflateQueue:
		p := &pages{balloon: b}
		return func() { b.serve(q, p.inflate) }
	case i == deflateQueue:
		return func() { b.serve(q, func(*virtio.Chain) {}) }
	case i == statsQueue && features&featureStats != 0:
		s := &statistics{queue: q, stopping: &b.stopping}
		b.mu.Lock()
		b.stats = s
		b.mu.Unlock()
		return s.serve
	case features&featureReporting == 0:
		return nil
	case features&featurePoison != 0 && b.get(offPoison) != 0:
		return func() { b.serve(q, b.leave) }
	}
	return func() { b.serve(q, b.report) }
}

// Pause stops the workers. What they have begun they finish, which takes as long as the host
// needs to take the pages of one request.
func (b *Balloon) Pause() {
	b.stopping.Store(true)
	for _, q := range b.active {
		q.Wake()
	}
	b.workers.Wait()
	b.active = nil
	b.mu.Lock()
	b.stats = nil
	b.mu.Unlock()
}

// Reset stops the workers and forgets what the driver has said of itself. Its balloon is empty now:
// the next driver has all pages, and those that the host has taken come back as it touches them.
func (b *Balloon) Reset() {
	b.Pause()
	b.set(offActual, 0)
	b.set(offPoison, 0)
}

// Close stops the workers too.
func (b *Balloon) Close() error {
	b.Pause()
	return nil
}

// serve is a worker: it does one request after the other. The driver waits for each.
func (b *Balloon) serve(q *virtio.Queue, do func(*virtio.Chain)) {
	var c virtio.Chain
	for !b.stopping.Load() {
		if q.Pop(&c) {
			do(&c)
			q.Push(&c, 0)
			q.Interrupt()
			continue
		}
		if err := q.Wait(); err != nil {
			q.Fail(err)
			return
		}
	}
}
