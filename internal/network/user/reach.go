package user

import (
	"net/netip"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// reach is the host's address for one of the guest's; false: there is none that a guest may use.
func (n *Network) reach(to netip.AddrPort) (netip.AddrPort, bool) {
	a := to.Addr().Unmap()
	for _, g := range n.plan.Gateway {
		if a == g {
			return netip.AddrPortFrom(loopback(a), to.Port()), n.plan.Loopback
		}
	}
	for i, p := range n.plan.Guest { // it has this network to itself
		if p.Contains(a) || a == n.plan.DNS[i] {
			return to, false
		}
	}
	switch {
	case a.IsUnspecified(), a.IsLoopback(), a.IsMulticast(), a == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return to, false
	case a.Is4() && a.As4()[0] == 0: // "this network": Linux takes some of it for itself
		return to, false
	case a.Is6() && a.IsLinkLocalUnicast(): // it needs an interface
		return to, false
	}
	return netip.AddrPortFrom(a, to.Port()), to.Port() != 0
}

func loopback(like netip.Addr) netip.Addr {
	if like.Is4() {
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return netip.IPv6Loopback()
}

// ours says whether the stack may see a frame of the guest's. It takes packets for all addresses, and would answer a ping in another's
// name; so of those for others it gets only what it has somebody for to ask: TCP and UDP.
func (n *Network) ours(frame []byte) bool {
	packet := frame[header.EthernetMinimumSize:]
	switch header.Ethernet(frame).Type() {
	case header.ARPProtocolNumber:
		return true
	case header.IPv4ProtocolNumber:
		if len(packet) < header.IPv4MinimumSize {
			return false
		}
		h := header.IPv4(packet)
		return carried(h.TransportProtocol()) || n.own(h.DestinationAddress())
	case header.IPv6ProtocolNumber:
		if len(packet) < header.IPv6MinimumSize {
			return false
		}
		h := header.IPv6(packet)
		next, rest := h.NextHeader(), packet[header.IPv6MinimumSize:]
		if next == uint8(header.IPv6FragmentHeader) && len(rest) > 0 {
			next = rest[0]
		}
		return carried(tcpip.TransportProtocolNumber(next)) || n.own(h.DestinationAddress())
	}
	return false
}

func carried(p tcpip.TransportProtocolNumber) bool {
	return p == header.TCPProtocolNumber || p == header.UDPProtocolNumber
}

// own says whether an address is one of the stack's, or one for many, which it answers in its own name.
func (n *Network) own(a tcpip.Address) bool {
	ip := fromStack(a)
	if ip.IsMulticast() || ip == netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
		return true
	}
	for i := range n.plan.Gateway {
		if ip == n.plan.Gateway[i] || ip == n.plan.DNS[i] {
			return true
		}
	}
	return false
}

func fromStack(a tcpip.Address) netip.Addr {
	ip, _ := netip.AddrFromSlice(a.AsSlice())
	return ip
}

func toStack(a netip.Addr) tcpip.Address { return tcpip.AddrFromSlice(a.AsSlice()) }
