package blk

import (
	"fmt"
	"slices"
	"sync/atomic"

	"terem/devices/virtio"
)

// Disk is a block device. It is a [virtio.Device].
type Disk struct {
	c       Config
	quick   Quick // c.Backend, or nil
	size    int64
	offered uint64
	id      [idSize]byte

	features  atomic.Uint64 // negotiated; 0 before that
	writeback atomic.Bool   // the configuration field of that name

	lanes   []*lane
	workers pool
	flusher flusher
}

// New makes a disk, which owns c.Backend from then on: Close closes it. After an error the
// backend is still the caller's.
func New(c Config) (*Disk, error) {
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("disk %q: %w", c.ID, err)
	}
	d := &Disk{c: c, size: c.Backend.Size(), offered: c.features()}
	d.quick, _ = c.Backend.(Quick)
	copy(d.id[:], c.ID)
	d.flusher.init(c.Backend)
	d.writeback.Store(c.WriteCache)
	return d, nil
}

// Info says what the device is; see [virtio.Device].
func (d *Disk) Info() virtio.Info {
	return virtio.Info{
		ID:         virtio.Block,
		Features:   d.offered,
		QueueSizes: slices.Repeat([]uint16{queueSize}, d.c.Queues),
		ConfigSize: configSize,
	}
}

// Negotiated takes note of what the driver can do. One that did not take FLUSH has no write cache,
// and is told so (section 5.2.5.2).
func (d *Disk) Negotiated(features uint64) {
	d.features.Store(features)
	if features&featureFlush == 0 {
		d.writeback.Store(false)
	}
}

// Activate starts a lane for each queue that the driver uses.
func (d *Disk) Activate(_ uint64, queues []*virtio.Queue) error {
	d.workers.start()
	for _, q := range queues {
		if q != nil {
			d.lanes = append(d.lanes, newLane(d, q))
		}
	}
	for _, l := range d.lanes {
		go l.run()
	}
	return nil
}

// Pause waits until what is under way with the backend has ended, and forgets the queues.
// Requests that the lanes have taken are answered before it returns, others are not.
func (d *Disk) Pause() {
	for _, l := range d.lanes {
		l.stop()
	}
	for _, l := range d.lanes {
		<-l.done
	}
	d.workers.stop()
	d.lanes = nil
}

// Reset stops the disk and switches its write cache back to what the next driver is to find.
func (d *Disk) Reset() {
	d.Pause()
	d.features.Store(0)
	d.writeback.Store(d.c.WriteCache)
}

// Close stops the disk, flushes what the driver has written and closes the backend.
func (d *Disk) Close() error {
	d.Pause()
	flush := d.flush()
	if err := d.c.Backend.Close(); err != nil {
		return fmt.Errorf("close disk %q: %w", d.c.ID, err)
	}
	return flush
}

// writethrough says whether a write that is submitted now must be stable when it completes
// (section 5.2.6.2). It must for a driver that did not take FLUSH, which could not do anything
// about it, whatever it has switched.
func (d *Disk) writethrough() bool {
	f := d.features.Load()
	return f&featureFlush == 0 || f&featureConfigWCE != 0 && !d.writeback.Load()
}

// flush makes what the driver has written stable. A disk that is only read has nothing to flush.
func (d *Disk) flush() error {
	if d.c.ReadOnly {
		return nil
	}
	return d.flusher.flush()
}
