package network

import (
	"fmt"
	"net/netip"

	"terem/guest/cmdline"
)

// The addresses of a network of kind user. Each machine has one to itself, so all have the same.
//
//	10.0.2.2   fd00:7465:7265:6d::2    the gateway: terem's process
//	10.0.2.3   fd00:7465:7265:6d::3    its name server, which asks the host's
//	10.0.2.15  fd00:7465:7265:6d::15   the guest
const (
	guest4, gateway4, dns4 = "10.0.2.15/24", "10.0.2.2", "10.0.2.3"
	guest6, gateway6, dns6 = "fd00:7465:7265:6d::15/64", "fd00:7465:7265:6d::2", "fd00:7465:7265:6d::3"
)

// MAC addresses of the guest and of the gateway.
const (
	guestMAC   = "\x52\x54\x00\x74\x65\x15"
	gatewayMAC = "\x52\x54\x00\x74\x65\x02"
)

// GuestMAC is the guest's address on the link.
func GuestMAC() [6]byte { return [6]byte([]byte(guestMAC)) }

// planForm changes with the meaning of Plan: the two programs must be of one version.
const planForm = 1

// Plan is what the network process is told, as JSON in its only argument.
type Plan struct {
	Form       int
	MTU        uint16
	GatewayMAC [6]byte
	GuestMAC   [6]byte
	Guest      []netip.Prefix // its addresses, of which none is the gateway's
	Gateway    []netip.Addr   // in the same order
	DNS        []netip.Addr
	Loopback   bool   // connections to the gateway's address go to the host's loopback
	Published  []Open // the ports
}

// Open is a published port, and the descriptor that the process has of it.
type Open struct {
	FD    int
	UDP   bool
	Guest uint16
}

// The descriptors of the network process.
const (
	FramesFD = 3 // frames, with virtio-net headers
	LifeFD   = 4 // a pipe at whose other end is terem: when that is closed, the process ends
	firstFD  = 5 // of the published ports
)

// NewPlan is the plan of a network of kind user.
func NewPlan(s Spec, sockets []Socket) Plan {
	p := Plan{
		Form: planForm, MTU: s.MTU, GatewayMAC: [6]byte([]byte(gatewayMAC)), GuestMAC: GuestMAC(),
		Guest:   []netip.Prefix{netip.MustParsePrefix(guest4), netip.MustParsePrefix(guest6)},
		Gateway: []netip.Addr{netip.MustParseAddr(gateway4), netip.MustParseAddr(gateway6)},
		DNS:     []netip.Addr{netip.MustParseAddr(dns4), netip.MustParseAddr(dns6)}, Loopback: s.Loopback,
	}
	for i, o := range sockets {
		p.Published = append(p.Published, Open{FD: firstFD + i, UDP: o.UDP, Guest: o.Guest})
	}
	return p
}

// Check says whether a plan is one that this version makes.
func (p *Plan) Check() error {
	if p.Form != planForm || len(p.Guest) == 0 || len(p.Gateway) != len(p.Guest) || len(p.DNS) != len(p.Guest) {
		return fmt.Errorf("a plan of form %d: want %d", p.Form, planForm)
	}
	return nil
}

// Guest is what the default guest's init is told of the network (package guest/cmdline).
func (s Spec) Guest() *cmdline.Network {
	n := &cmdline.Network{}
	switch {
	case s.Kind == User:
		p := NewPlan(s, nil)
		for i := range p.Guest {
			n.Interfaces = append(n.Interfaces, cmdline.Address{Own: p.Guest[i], Gateway: p.Gateway[i]})
		}
		n.Servers = p.DNS[:1] // one of them is enough
	case s.Address.IsValid():
		n.Interfaces = append(n.Interfaces, cmdline.Address{Own: s.Address, Gateway: s.Gateway})
		if s.DNS.IsValid() {
			n.Servers = append(n.Servers, s.DNS)
		}
	}
	return n
}
