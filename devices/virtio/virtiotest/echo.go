package virtiotest

import (
	"bytes"
	"sync"
	"sync/atomic"

	"terem/devices/virtio"
)

// Echo is the simplest whole device, and the pattern for others: on each queue, a worker copies what
// the driver wrote into the buffers that it left. Its configuration space is Config.
type Echo struct {
	Queues   int    // 0: one
	Size     uint16 // entries of each; 0: 256
	Features uint64
	Served   atomic.Int64 // requests

	mu            sync.Mutex // guards config
	config, first []byte

	queues  []*virtio.Queue // while active
	stop    atomic.Bool
	workers sync.WaitGroup
}

// NewEcho makes an Echo with one queue and a configuration space that begins as config.
func NewEcho(config []byte) *Echo { return &Echo{config: config, first: bytes.Clone(config)} }

// Info says that it is a device that the specification does not know.
func (e *Echo) Info() virtio.Info {
	size, n := e.Size, max(e.Queues, 1)
	if size == 0 {
		size = 256
	}
	sizes := make([]uint16, n)
	for i := range sizes {
		sizes[i] = size
	}
	return virtio.Info{ID: 63, Features: e.Features, QueueSizes: sizes, ConfigSize: len(e.config)}
}

// ReadConfig copies the configuration space.
func (e *Echo) ReadConfig(p []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	copy(p, e.config)
}

// WriteConfig changes it.
func (e *Echo) WriteConfig(off uint64, p []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	copy(e.config[off:], p)
}

// Negotiated does nothing.
func (e *Echo) Negotiated(uint64) {}

// Activate starts the workers.
func (e *Echo) Activate(_ uint64, queues []*virtio.Queue) error {
	e.stop.Store(false)
	for _, q := range queues {
		if q == nil {
			continue
		}
		e.queues = append(e.queues, q)
		e.workers.Go(func() { e.serve(q) })
	}
	return nil
}

// Pause stops the workers and waits for them.
func (e *Echo) Pause() {
	e.stop.Store(true)
	for _, q := range e.queues {
		q.Wake()
	}
	e.workers.Wait()
	e.queues = nil
}

// Reset stops the workers and makes the configuration space what it was.
func (e *Echo) Reset() {
	e.Pause()
	e.mu.Lock()
	defer e.mu.Unlock()
	copy(e.config, e.first)
}

// Close stops the workers too.
func (e *Echo) Close() error {
	e.Pause()
	return nil
}

// serve is a worker: empty the queue, tell the driver, sleep.
func (e *Echo) serve(q *virtio.Queue) {
	var c virtio.Chain
	for !e.stop.Load() {
		for !e.stop.Load() && q.Pop(&c) {
			q.Push(&c, echo(&c))
			e.Served.Add(1)
		}
		q.Interrupt()
		if err := q.Wait(); err != nil {
			q.Fail(err)
			return
		}
	}
}

// echo copies from c.Read to c.Write and returns the number of bytes.
func echo(c *virtio.Chain) uint32 {
	var n int
	from, to := c.Read, c.Write
	var f, t []byte
	for {
		for len(f) == 0 && len(from) > 0 {
			f, from = from[0], from[1:]
		}
		for len(t) == 0 && len(to) > 0 {
			t, to = to[0], to[1:]
		}
		k := copy(t, f)
		if k == 0 {
			return uint32(n)
		}
		n, f, t = n+k, f[k:], t[k:]
	}
}
