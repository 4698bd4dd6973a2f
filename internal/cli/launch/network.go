package launch

import (
	"crypto/rand"
	"errors"
	"net/netip"
	"os"
	"time"

	"terem/devices/virtio/net"
	"terem/internal/fault"
	"terem/internal/network"
	"terem/internal/network/link"
)

// networked says whether the guest has a network card.
func (o *Options) networked() bool { return o.Network.Kind != network.None && o.Network.Kind != "" }

// connection is what the guest's network card is connected with. A nil one is none.
type connection struct {
	conf    net.Config
	process *network.Process // of a network of kind user
	dump    *os.File
}

// connectNetwork makes the other end of the guest's network, before there is a machine: a port that is not to be had is known by then.
func (s *session) connectNetwork() (c *connection, err error) {
	if !s.o.networked() {
		return nil, nil
	}
	c = &connection{conf: net.Config{MAC: network.GuestMAC(), Down: s.networkEnded}}
	switch s.o.Network.Kind {
	case network.User:
		err = s.startNetwork(c)
	case network.Tap:
		c.conf.Backend, c.conf.MTU, err = tap(s.o.Network.Interface)
		_, _ = rand.Read(c.conf.MAC[3:]) // others may be on that wire; it never fails
	default:
		err = &fault.Error{Class: fault.Usage, Thing: fault.Field("Network") + " " + string(s.o.Network.Kind), Cause: "no network for a machine"}
	}
	if err == nil && s.o.NetDump != "" {
		err = s.dumpNetwork(c)
	}
	if err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

// tap opens an interface of the host's.
func tap(name string) (net.Backend, uint16, error) {
	l, mtu, err := link.OpenTap(name)
	if err != nil {
		return nil, 0, err // and no backend: a nil *Link would be one
	}
	if mtu < net.MinMTU {
		mtu = 0
	}
	return l, mtu, nil
}

// startNetwork binds the published ports and starts the network process.
func (s *session) startNetwork(c *connection) error {
	spec := s.o.Network
	sockets, err := network.Bind(spec.Ports)
	if err != nil {
		return err
	}
	defer network.CloseAll(sockets)
	l, theirs, err := link.Pair()
	if err != nil {
		return &fault.Error{Class: fault.Host, Thing: "the network process", Err: err}
	}
	defer theirs.Close()
	c.conf.Backend, c.conf.MTU = l, spec.MTU
	process, err := network.Start(network.NewPlan(spec, sockets), theirs, sockets)
	if err != nil {
		return err
	}
	c.process = process
	c.conf.Down = func(err error) { s.networkEnded(process.Why(err)) }
	for i, p := range sockets {
		if spec.Ports[i].Host == 0 && !s.o.Quiet {
			s.say("terem: %v is port %d of the guest\r\n", netip.AddrPortFrom(p.Addr, p.Host), p.Guest)
		}
	}
	return nil
}

// dumpNetwork has frames written to a file.
func (s *session) dumpNetwork(c *connection) (err error) {
	bad := func(err error) error {
		return &fault.Error{Class: fault.Host, Thing: fault.Field("NetDump") + " " + s.o.NetDump, Err: fault.Reason(err)}
	}
	if st, err := os.Stat(s.o.NetDump); err == nil && st.Mode()&(os.ModeNamedPipe|os.ModeSocket) != 0 {
		return &fault.Error{Class: fault.Usage, Thing: fault.Field("NetDump") + " " + s.o.NetDump, Cause: "a pipe, whose reader could hold the guest", Mend: "name a file"}
	}
	if c.dump, err = os.OpenFile(s.o.NetDump, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600); err != nil {
		return bad(err)
	}
	p, err := net.NewPcap(c.dump, time.Now, func(err error) { s.say("terem: %s\r\n", fault.Say(bad(err), func(f string) string { return f })) })
	if err != nil {
		return bad(err)
	}
	c.conf.Dump = p.Frame
	return nil
}

// networkEnded is told when the guest's link has gone for good.
func (s *session) networkEnded(err error) {
	if !s.isForced() {
		s.say("terem: the guest's network has gone: %v\r\n", err)
	}
}

// config is for the machine, which closes the backend from then on.
func (c *connection) config() *net.Config {
	if c == nil {
		return nil
	}
	return &c.conf
}

// close ends the network, after the machine.
func (c *connection) close() (err error) {
	if c == nil {
		return nil
	}
	if c.conf.Backend != nil { // which the machine has closed, if there was one
		if err = c.conf.Backend.Close(); errors.Is(err, os.ErrClosed) {
			err = nil
		}
	}
	if c.process != nil {
		err = errors.Join(err, c.process.Close())
	}
	if c.dump != nil {
		err = errors.Join(err, c.dump.Close())
	}
	return err
}
