package virtio

// ID says what kind of device it is (virtio 1.2 section 5).
type ID uint32

// The device types that exist here.
const (
	Net        ID = 1
	Block      ID = 2
	Entropy    ID = 4
	Balloon    ID = 5
	Vsock      ID = 19
	FileSystem ID = 26
)

// Feature bits of the transport and the rings (virtio 1.2 section 6). The transport offers these
// three for every device; it offers no other of the bits 24 to 41.
const (
	FeatureIndirectDesc uint64 = 1 << 28 // descriptors may lie in a table of their own
	FeatureEventIdx     uint64 = 1 << 29 // each side says at which index it wants to be woken
	FeatureVersion1     uint64 = 1 << 32 // not a legacy device; a driver must accept it
)

const transportFeatures = FeatureIndirectDesc | FeatureEventIdx | FeatureVersion1

// reservedFeatures are the bits that do not belong to a device type (section 2.2): 24 to 41.
const reservedFeatures = uint64(1)<<42 - 1<<24

// MaxQueueSize is the most entries that a queue may have.
const MaxQueueSize = 1024

// Info is what a device is. It never changes.
type Info struct {
	ID         ID
	Features   uint64   // the device's own; the transport adds VERSION_1, INDIRECT_DESC and EVENT_IDX
	QueueSizes []uint16 // the most entries of each queue: powers of two, at most MaxQueueSize
	ConfigSize int      // bytes of configuration space, at most MaxConfigSize
}

// Device is what is behind a transport: a disk, a network card.
//
// Negotiated, Activate, Pause, Reset, Close and WriteConfig are never called at the same time.
// ReadConfig may be called at any time and from any goroutine, but not after Close has begun; it must
// not call the transport. Neither Activate, Pause, Reset nor Close may wait for something that a vCPU
// has to do.
type Device interface {
	Info() Info

	// ReadConfig fills p, which is Info().ConfigSize bytes, with the configuration space.
	ReadConfig(p []byte)

	// WriteConfig is a driver's write of p at off, all of it within the space. Most devices ignore it.
	WriteConfig(off uint64, p []byte)

	// Negotiated says what the driver has accepted: it has set FEATURES_OK. The configuration space,
	// which is read again after that, may depend on it.
	Negotiated(features uint64)

	// Activate starts the device with what was negotiated: the driver has set DRIVER_OK. The queue
	// q[i] is nil if the driver left queue i unused. An error makes the device ask for a reset.
	Activate(features uint64, q []*Queue) error

	// Pause stops the device. When it returns, nothing of the device touches a queue or guest RAM.
	// It comes at any time, with requests in flight, and also when the device is not active.
	// Requests that were not pushed by then need not be. What the driver has set in the device
	// stays as it is: the same driver goes on, here or in another process, by Activate.
	Pause()

	// Reset does what Pause does, and forgets what the driver has set (section 2.4): the next driver
	// finds the configuration space as the first one did. What the host has set stays.
	Reset()

	// Close does what Pause does and releases what the device holds. It is called once.
	Close() error
}

// Bell is a doorbell, a counter that a guest's store to QueueNotify adds to by way of an
// ioeventfd, and the host by Signal. *kvm.Event is one.
type Bell interface {
	Signal() error // ring it
	Wait() error   // block until it has been rung since the last Wait
}
