package vsock

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"terem/devices/virtio"
)

// HostCID is the host's address. Those below it are reserved, and so are the two highest of 32 bits.
const HostCID = 2

// The addresses that a guest may have.
const (
	MinCID = 3
	MaxCID = 1<<32 - 2
)

// Queues by number, section 5.10.2.
const (
	rxQueue    = 0 // to the guest
	txQueue    = 1 // from the guest
	eventQueue = 2
)

// The most entries of each queue. Linux fills the first with buffers of 4 KiB when it finds the
// device, which takes its time and memory, and the last with eight events. Fewer buffers make what the host
// sends slower: Linux gives new ones when half of them are used.
const (
	rxSize    = 32
	txSize    = 128
	eventSize = 8
)

// configSize is the configuration space: guest_cid, a le64 (section 5.10.4).
const configSize = 8

// MaxConnections is how many connections there can be at a time.
const MaxConnections = 1024

// lastWords is how long Close waits for the host to read what the guest has sent.
const lastWords = 250 * time.Millisecond

// What Connect fails with, besides the error of its context.
var (
	ErrDown    = errors.New("the guest has no driver for vsock, or none any more")
	ErrRefused = errors.New("connection refused by the guest")
	ErrFull    = fmt.Errorf("there are %d connections already", MaxConnections)
)

// Config of a device.
type Config struct {
	CID uint64 // the guest's address, MinCID to MaxCID

	// Dial gives the host's end of a connection that the guest wants to a port of the host. An
	// error, or a nil Stream, refuses it; so does a nil Dial. It is called on a goroutine of its
	// own, must come back in some seconds, and what it gives is the device's to close.
	Dial func(port uint32) (Stream, error)
}

// Device is a socket device. It is a [virtio.Device].
type Device struct {
	c Config

	// Activate and Pause only.
	queues   []*virtio.Queue
	workers  sync.WaitGroup
	tx       *virtio.Queue
	stop     chan struct{}
	stopping atomic.Bool

	jobs sync.WaitGroup // the goroutines of connections

	mu       sync.Mutex
	rx       *virtio.Queue // while active
	up       bool          // a driver is there, though it may be paused
	closed   bool
	owed     bool // the guest is to be told that its connections are gone
	said     bool // it has been told, when it had offered so many buffers
	offered  uint16
	mute     bool // until it has dealt with that, it is told nothing else
	conns    map[ports]*conn
	live     map[*conn]struct{} // those, and those that have ended but for their host's end
	large    int                // how many of them have the large buffer
	lastPort uint32             // of the host, that Connect gave out
	resets   []header           // RST packets that are due
	first    *conn              // the connections that have something to say to the guest
	last     *conn
	chain    virtio.Chain
	hungry   chan struct{} // holds a token if packets wait for the guest's buffers
	drained  *sync.Cond    // a connection has left live
}

// New makes a device without a connection.
func New(c Config) (*Device, error) {
	if c.CID < MinCID || c.CID > MaxCID {
		return nil, fmt.Errorf("vsock: guest CID %d: want %d to %d", c.CID, MinCID, uint64(MaxCID))
	}
	d := &Device{c: c, conns: map[ports]*conn{}, live: map[*conn]struct{}{}, lastPort: lastHostPort, hungry: make(chan struct{}, 1)}
	d.drained = sync.NewCond(&d.mu)
	return d, nil
}

// Info says what the device is; see [virtio.Device].
func (d *Device) Info() virtio.Info {
	return virtio.Info{ID: virtio.Vsock, QueueSizes: []uint16{rxSize, txSize, eventSize}, ConfigSize: configSize}
}

// ReadConfig gives the guest's CID; see [virtio.Device].
func (d *Device) ReadConfig(p []byte) { binary.LittleEndian.PutUint64(p, d.c.CID) }

// WriteConfig has nothing to write; see [virtio.Device].
func (d *Device) WriteConfig(uint64, []byte) {}

// Negotiated has nothing that depends on it; see [virtio.Device].
func (d *Device) Negotiated(uint64) {}

// Activate starts the workers. Connections that have outlived a pause go on.
func (d *Device) Activate(_ uint64, queues []*virtio.Queue) error {
	d.stopping.Store(false)
	d.stop = make(chan struct{})
	for _, q := range queues {
		if q != nil {
			d.queues = append(d.queues, q)
		}
	}
	d.mu.Lock()
	d.up, d.rx = true, queues[rxQueue]
	q := queues[eventQueue]
	owed := d.owed && q != nil
	d.mute = owed
	d.mu.Unlock()
	if owed {
		d.workers.Go(func() { d.serveEvents(q) })
	}
	if q := queues[txQueue]; q != nil {
		d.tx = q
		d.workers.Go(func() { d.serveTX(q) })
	}
	if q := queues[rxQueue]; q != nil {
		d.workers.Go(func() { d.serveRX(q, d.stop) })
		d.locked(d.pump)
	}
	return nil
}

// Pause stops the workers. Connections stay: their hosts' ends fill up, and wait.
func (d *Device) Pause() {
	d.locked(func() { d.rx = nil })
	if d.stop == nil {
		return
	}
	d.stopping.Store(true)
	close(d.stop)
	for _, q := range d.queues {
		q.Wake()
	}
	d.workers.Wait()
	d.queues, d.tx, d.stop = nil, nil, nil
}

// Reset stops the workers and ends all connections. What the guest has sent still goes to the host.
func (d *Device) Reset() {
	d.Pause()
	d.locked(d.forget)
}

// forget ends all connections, for a guest that knows of none.
func (d *Device) forget() {
	d.up, d.owed, d.said, d.mute = false, false, false, false
	for _, c := range d.conns {
		d.drop(c, ErrDown)
	}
	d.resets = nil
}

// Close ends all connections, once the host has read what the guest has sent, if it reads on. It
// leaves no goroutine. By then no vCPU runs: what is in the queue is the end of what the guest sends.
func (d *Device) Close() error {
	tx := d.tx
	d.Pause()
	if tx != nil {
		d.takeRest(tx)
	}
	d.mu.Lock()
	d.closed = true
	d.forget()
	d.await(lastWords)
	left := d.cut()
	d.mu.Unlock()
	for _, s := range left {
		_ = s.Close() // there is nobody to tell
	}
	d.jobs.Wait()
	return nil
}

// locked calls f with the lock held.
func (d *Device) locked(f func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f()
}
