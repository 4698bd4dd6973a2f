package net

import (
	"errors"
	"sync"
	"sync/atomic"

	"terem/devices/virtio"
)

// Queues by number, section 5.1.2.
const (
	rxQueue      = 0 // to the guest
	txQueue      = 1 // from the guest
	controlQueue = 2
)

// The most entries of each queue. Linux fills the first with buffers: so many that a burst of long frames finds room.
const (
	rxSize      = 256
	txSize      = 256
	controlSize = 16
)

// Device is a network card. It is a [virtio.Device].
type Device struct {
	c Config

	features atomic.Uint64 // negotiated
	filter   atomic.Pointer[Filter]
	down     atomic.Bool // the backend's link is

	mu       sync.Mutex // guards what follows, and keeps calls of SetOffloads in order
	offloads uint64     // bits as CTRL_GUEST_OFFLOADS has them
	switched bool       // the driver has changed them at run time

	counters counters
	waiting  waiting // the receive worker's

	// Activate and Pause only.
	queues   []*virtio.Queue
	stop     chan struct{} // not nil while active
	stopping atomic.Bool
	workers  sync.WaitGroup
}

// New makes a device, which owns c.Backend from then on: Close closes it. After an error the backend is still the
// caller's.
func New(c Config) (*Device, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	d := &Device{c: c}
	d.filter.Store(&Filter{MAC: c.MAC})
	return d, nil
}

// Info says what the device is; see [virtio.Device].
func (d *Device) Info() virtio.Info {
	features := offered
	if d.c.MTU != 0 {
		features |= featureMTU
	}
	return virtio.Info{ID: virtio.Net, Features: features, QueueSizes: []uint16{rxSize, txSize, controlSize}, ConfigSize: configSize}
}

// Negotiated takes note of what the driver can do.
func (d *Device) Negotiated(features uint64) {
	d.features.Store(features)
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.switched {
		d.offloads = features & offloadBits
	}
}

// Activate starts the workers.
func (d *Device) Activate(_ uint64, queues []*virtio.Queue) error {
	d.stopping.Store(false)
	d.stop = make(chan struct{})
	d.c.Backend.Interrupt(false)
	serve := [...]func(*virtio.Queue){rxQueue: d.serveRX, txQueue: d.serveTX, controlQueue: d.serveControl}
	for i, q := range queues {
		if q != nil {
			d.queues = append(d.queues, q)
			d.workers.Go(func() { serve[i](q) })
		}
	}
	return nil
}

// Pause stops the workers.
func (d *Device) Pause() {
	if d.stop == nil {
		return
	}
	d.stopping.Store(true)
	close(d.stop)
	d.c.Backend.Interrupt(true)
	for _, q := range d.queues {
		q.Wake()
	}
	d.workers.Wait()
	d.queues, d.stop = nil, nil
}

// Reset stops the workers, and forgets what the driver has set.
func (d *Device) Reset() {
	d.Pause()
	d.features.Store(0)
	d.waiting.n = 0
	d.filter.Store(&Filter{MAC: d.c.MAC})
	d.mu.Lock()
	defer d.mu.Unlock()
	d.offloads, d.switched = 0, false
}

// Close stops the workers and closes the backend.
func (d *Device) Close() error {
	d.Pause()
	return d.c.Backend.Close()
}

// tell tells the backend what the driver does, before it is asked for frames. That may wait until the backend takes it, and so is not for the vCPU
// that has activated the device.
func (d *Device) tell() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.tellOffloads(); err != nil {
		d.lost(err)
	}
}

// tellOffloads tells the backend what the guest can do: nothing but what goes together (section 5.1.3.1).
func (d *Device) tellOffloads() error {
	sum := d.offloads&featureGuestChecksum != 0
	return d.c.Backend.SetOffloads(Offloads{
		Checksum: sum, TSO4: sum && d.offloads&featureGuestTSO4 != 0, TSO6: sum && d.offloads&featureGuestTSO6 != 0,
	})
}

// lost takes the link down: for good, but a driver that resets the device finds it so too.
func (d *Device) lost(err error) {
	if errors.Is(err, ErrInterrupted) || d.down.Swap(true) {
		return
	}
	if d.c.Down != nil {
		d.c.Down(err)
	}
}
