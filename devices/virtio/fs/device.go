package fs

import (
	"fmt"
	"sync"
	"sync/atomic"

	"terem/devices/virtio"
)

// maxWorkers is how many requests of a device may be with the server at the same time.
const maxWorkers = 16

// Device is a file system device. It is a [virtio.Device].
type Device struct {
	c     Config
	lanes []*lane
	jobs  chan *request // for the workers
	free  chan *request // in nobody's hands
	work  sync.WaitGroup
	asked atomic.Bool // the server has had a request since it last forgot the session
}

// New makes a device, which owns c.Server from then on: Close closes it. After an error the server is still the caller's.
func New(c Config) (*Device, error) {
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("shared directory: %w", err)
	}
	return &Device{c: c}, nil
}

// Info says what the device is; see [virtio.Device].
func (d *Device) Info() virtio.Info {
	sizes := []uint16{hiprioSize}
	for range d.c.Queues {
		sizes = append(sizes, queueSize)
	}
	return virtio.Info{ID: virtio.FileSystem, QueueSizes: sizes, ConfigSize: configSize}
}

// Negotiated has nothing to take note of: there are no features (section 5.11.3) but that of a queue that is not here.
func (d *Device) Negotiated(uint64) {}

// Activate starts the workers, and a lane for each queue that the driver uses.
func (d *Device) Activate(_ uint64, queues []*virtio.Queue) error {
	d.jobs, d.free = make(chan *request), make(chan *request, maxWorkers)
	for range maxWorkers {
		d.free <- new(request)
		d.work.Go(d.worker)
	}
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

// Pause waits until the server has answered what it has been given, and forgets the queues. Requests that the lanes have taken
// are answered before it returns, others are not.
func (d *Device) Pause() {
	if d.jobs == nil {
		return
	}
	for _, l := range d.lanes {
		l.stop()
	}
	for _, l := range d.lanes {
		<-l.done
	}
	close(d.jobs)
	d.work.Wait()
	d.lanes, d.jobs, d.free = nil, nil, nil
}

// Reset stops the device and ends the session of its driver: the next one begins with INIT.
func (d *Device) Reset() {
	d.Pause()
	if d.asked.Swap(false) { // a driver begins with a reset, and a server may need a while to start
		d.c.Server.Forget()
	}
}

// Close ends the server first, so that no worker waits for a disk of the host's that does not answer.
func (d *Device) Close() error {
	err := d.c.Server.Close()
	d.Pause()
	if err != nil {
		return fmt.Errorf("close shared directory %s: %w", d.c.Tag, err)
	}
	return nil
}
