package fs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// The configuration space, section 5.11.4, little-endian. There is no notification queue, so it ends here.
//
//	off  size  field               value
//	---  ----  ------------------  --------------------------------------
//	 0   36    tag                 the name to mount; NULs behind it
//	36   4     num_request_queues
const (
	offQueues  = 36
	configSize = 40

	maxTag = offQueues
)

const (
	// hiprioSize and queueSize are the most entries of a queue. Linux sends no more pages in a request than the queue has
	// entries, less four (fs/fuse/virtio_fs.c, FUSE_HEADER_OVERHEAD).
	hiprioSize = 64
	queueSize  = 256

	// MaxQueues is the most request queues of a device.
	MaxQueues = 8

	// MaxData is the most bytes of a file in one request or answer, and so is max_write: 128 pages.
	MaxData = 512 << 10

	// MaxRequest and MaxAnswer leave room for headers and arguments beside it.
	MaxRequest = MaxData + 8<<10
	MaxAnswer  = MaxData + 8<<10
)

// Server carries out FUSE requests. Serve is called from many goroutines.
type Server interface {
	// Serve carries out the request in, which is guest RAM of at least 40 and at most MaxRequest bytes, fills out with the answer
	// and returns how many bytes that is; 0 if the request has none. An error means that the server is gone.
	Serve(in, out [][]byte) (n int, err error)

	// Forget ends the driver's session, as a DESTROY does. No Serve is under way.
	Forget()

	// Close ends the server. Calls of Serve that are under way, or come later, return.
	Close() error
}

// Config is one device.
type Config struct {
	Server Server
	Tag    string // by which the guest mounts it: at most 36 bytes
	Queues int    // request queues, at most MaxQueues; 0 is 1
}

// check gives what is wrong with c, and fills in what it leaves open.
func (c *Config) check() error {
	if c.Queues == 0 {
		c.Queues = 1
	}
	switch {
	case c.Server == nil:
		return errors.New("there is no server")
	case c.Tag == "" || len(c.Tag) > maxTag || strings.ContainsAny(c.Tag, "\x00\n"):
		return fmt.Errorf("tag %q: want 1 to %d bytes, and no line break", c.Tag, maxTag)
	case c.Queues < 1 || c.Queues > MaxQueues:
		return fmt.Errorf("%d queues: want 1 to %d", c.Queues, MaxQueues)
	}
	return nil
}

// ReadConfig gives the configuration space; see [virtio.Device].
func (d *Device) ReadConfig(p []byte) {
	var b [configSize]byte
	copy(b[:offQueues], d.c.Tag)
	binary.LittleEndian.PutUint32(b[offQueues:], uint32(d.c.Queues))
	copy(p, b[:])
}

// WriteConfig is a driver's write into the configuration space, which has nothing to write.
func (d *Device) WriteConfig(uint64, []byte) {}
