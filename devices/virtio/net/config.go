package net

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
)

// Feature bits, section 5.1.3.
const (
	featureChecksum      uint64 = 1 << 0 // the device completes checksums
	featureGuestChecksum uint64 = 1 << 1 // the driver does
	featureGuestOffloads uint64 = 1 << 2 // and may change at run time what it does
	featureMTU           uint64 = 1 << 3 // mtu is valid
	featureMAC           uint64 = 1 << 5 // mac is valid
	featureGuestTSO4     uint64 = 1 << 7 // the driver takes large TCP packets
	featureGuestTSO6     uint64 = 1 << 8
	featureHostTSO4      uint64 = 1 << 11 // the device does
	featureHostTSO6      uint64 = 1 << 12
	featureMergeable     uint64 = 1 << 15 // a received frame may take several buffers
	featureStatus        uint64 = 1 << 16 // status is valid
	featureControl       uint64 = 1 << 17 // there is a control queue
	featureControlRX     uint64 = 1 << 18 // it takes receive modes
	featureControlMAC    uint64 = 1 << 23 // and a new MAC
)

// offered is what the device offers, MTU aside.
const offered = featureChecksum | featureGuestChecksum | featureGuestOffloads | featureMAC | featureGuestTSO4 | featureGuestTSO6 |
	featureHostTSO4 | featureHostTSO6 | featureMergeable | featureStatus | featureControl | featureControlRX | featureControlMAC

// The bits of CTRL_GUEST_OFFLOADS are those of the features.
const offloadBits = featureGuestChecksum | featureGuestTSO4 | featureGuestTSO6

// The configuration space, section 5.1.4, little-endian. The driver only reads it.
//
//	off  size  field                value
//	---  ----  -------------------  -----------------------------
//	 0   6     mac
//	 6   2     status               bit 0: the link is up
//	 8   2     max_virtqueue_pairs  0: not offered
//	10   2     mtu
const (
	offMAC     = 0
	offStatus  = 6
	offMTU     = 10
	configSize = 12

	statusLinkUp = 1
)

// MTUs that an IPv6 network may have, and that fit into a frame.
const (
	MinMTU = 1280
	MaxMTU = 65535
)

// Config of a device.
type Config struct {
	Backend Backend
	MAC     [6]byte
	MTU     uint16 // what the driver is told; 0: nothing

	// Dump is nil, or is told of each frame that goes past, without its header. It has a lock of its own, and
	// does not keep what it is given.
	Dump func(frame [][]byte)

	// Down is told, once, that the link is down for good, on a goroutine of the device's. It may be nil.
	Down func(error)
}

// check gives what is wrong with c.
func (c *Config) check() error {
	switch {
	case c.Backend == nil:
		return errors.New("network card: there is no backend")
	case c.MAC[0]&1 != 0 || c.MAC == [6]byte{}:
		return fmt.Errorf("network card: %v is no address of one station", net.HardwareAddr(c.MAC[:]))
	case c.MTU != 0 && c.MTU < MinMTU:
		return fmt.Errorf("network card: MTU %d: want at least %d", c.MTU, MinMTU)
	}
	return nil
}

// ReadConfig gives the configuration space; see [virtio.Device].
func (d *Device) ReadConfig(p []byte) {
	le := binary.LittleEndian
	var b [configSize]byte
	mac := d.filter.Load().MAC
	copy(b[offMAC:], mac[:])
	if !d.down.Load() {
		le.PutUint16(b[offStatus:], statusLinkUp)
	}
	le.PutUint16(b[offMTU:], d.c.MTU)
	copy(p, b[:])
}

// WriteConfig does nothing: the driver has CTRL_MAC_ADDR to change the address.
func (d *Device) WriteConfig(uint64, []byte) {}
