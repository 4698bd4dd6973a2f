package machine

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"terem/devices/virtio/balloon"
	"terem/devices/virtio/blk"
	"terem/devices/virtio/fs"
	"terem/devices/virtio/net"
	"terem/devices/virtio/rng"
	"terem/devices/virtio/vsock"
)

// attachVirtio puts the virtio devices on their bus, in the order in which a guest is
// to find them.
func (m *Machine) attachVirtio() error {
	for len(m.conf.Disks) > 0 {
		c := m.conf.Disks[0]
		c.Queues = min(m.conf.CPUs, blk.MaxQueues)
		m.disks++
		d, err := blk.New(c)
		if err != nil {
			return err
		}
		m.conf.Disks = m.conf.Disks[1:] // its backend is the disk's to close
		if err := attach(m, strings.TrimSpace(fmt.Sprintf("disk %d %s", m.disks-1, c.ID)), d); err != nil {
			return err
		}
	}
	return errors.Join(m.attachShares(), m.attachRNG(), m.attachBalloon(), m.attachVsock(), m.attachNet())
}

func (m *Machine) attachShares() error {
	for len(m.conf.Shares) > 0 {
		c := m.conf.Shares[0]
		c.Queues = min(m.conf.CPUs, fs.MaxQueues)
		d, err := fs.New(c)
		if err != nil {
			return err
		}
		m.conf.Shares = m.conf.Shares[1:] // its server is the device's to close
		m.shares++
		if err := attach(m, "share "+c.Tag, d); err != nil {
			return err
		}
	}
	return nil
}

func (m *Machine) attachRNG() error {
	if m.conf.RNG == nil {
		return nil
	}
	d, err := rng.New(*m.conf.RNG)
	if err != nil {
		return err
	}
	return attach(m, "rng", d)
}

func (m *Machine) attachBalloon() (err error) {
	if m.conf.Balloon == nil {
		return nil
	}
	m.balloon, err = balloon.New(balloon.Config{Memory: m.ram, Reporting: true, DeflateOnOOM: true})
	if err != nil {
		return err
	}
	if err := m.balloon.SetTarget(m.conf.Balloon.Target); err != nil {
		return err // validate has looked at it
	}
	return attach(m, "balloon", m.balloon)
}

func (m *Machine) attachVsock() (err error) {
	if m.conf.Vsock == nil {
		return nil
	}
	if m.vsock, err = vsock.New(*m.conf.Vsock); err != nil {
		return err
	}
	return attach(m, "vsock", m.vsock)
}

func (m *Machine) attachNet() (err error) {
	if m.conf.Net == nil {
		return nil
	}
	c := *m.conf.Net
	told := c.Down
	var s *virtioSlot
	c.Down = func(err error) {
		s.mmio.ConfigChanged() // the guest sees it in the configuration space
		if told != nil {
			told(err)
		}
	}
	if m.net, err = net.New(c); err != nil {
		return err
	}
	m.conf.Net = nil // its backend is the card's to close
	if err := attach(m, "net", m.net); err != nil {
		return err
	}
	s = m.virtio.slots[len(m.virtio.slots)-1]
	return nil
}

// Network is what has gone through the guest's network card; false: it has none.
func (m *Machine) Network() (c net.Counters, ok bool) {
	if m.net == nil {
		return c, false
	}
	return m.net.Counters(), true
}

// ErrNoVsock is Connect's error where Config.Vsock is nil.
var ErrNoVsock = errors.New("the machine has no vsock device")

// Connect calls a vsock port of the guest; see [vsock.Device.Connect].
func (m *Machine) Connect(ctx context.Context, port uint32, s vsock.Stream) (hostPort uint32, err error) {
	if m.vsock == nil {
		return 0, ErrNoVsock
	}
	return m.vsock.Connect(ctx, port, s)
}

// errNoBalloon is the error of those who ask for one.
var errNoBalloon = errors.New("the machine has no balloon")

// SetBalloon asks the guest to give back so many bytes of memory in all. It needs a balloon.
func (m *Machine) SetBalloon(bytes uint64) error {
	if m.balloon == nil {
		return errNoBalloon
	}
	if most := m.conf.mostBalloon(); bytes > most {
		return fmt.Errorf("%s: of %s it must leave the guest %s: at most %s", Bytes(bytes), Bytes(m.conf.Memory), Bytes(balloonLeaves), Bytes(most))
	}
	return m.balloon.SetTarget(bytes)
}

// GuestMemory is what the guest's kernel says of its memory, in bytes, and what it has
// given back. A number that the kernel does not give is 0.
type GuestMemory struct {
	Total, Free, Available, Caches uint64
	Balloon                        uint64 // what the balloon holds
	GivenBack                      uint64 // unused pages, since the start; a page counts each time
}

// GuestMemory asks the guest. It needs a balloon, and fails if ctx ends first.
func (m *Machine) GuestMemory(ctx context.Context) (GuestMemory, error) {
	if m.balloon == nil {
		return GuestMemory{}, errNoBalloon
	}
	s, err := m.balloon.Stats(ctx)
	if err != nil {
		return GuestMemory{}, err
	}
	g := GuestMemory{Balloon: m.balloon.Actual(), GivenBack: m.balloon.Counters().Reported}
	for _, v := range []struct {
		tag balloon.Tag
		to  *uint64
	}{
		{balloon.Total, &g.Total}, {balloon.Free, &g.Free},
		{balloon.Available, &g.Available}, {balloon.Caches, &g.Caches},
	} {
		*v.to, _ = s.Value(v.tag)
	}
	return g, nil
}
