package user

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"gvisor.dev/gvisor/pkg/log"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/network/arp"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv6"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/icmp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"

	"terem/internal/network"
)

// card is the stack's only interface.
const card = 1

// Network is a guest's network.
type Network struct {
	plan    network.Plan
	stack   *stack.Stack
	link    *endpoint
	servers []netip.AddrPort // the host's name servers

	flows   places // of TCP and UDP, of the guest's and of published ports
	queries places
	syns    syns
}

// How much of each there may be at a time. A guest that wants more waits.
const (
	maxFlows   = 4096
	maxQueries = 64
	maxSYNs    = 512 // connections that are being made
)

// Quiet has the stack say nothing of what it drops.
func Quiet() { log.SetTarget(&log.Writer{Next: io.Discard}) }

// New makes a network on a wire. The servers are those that names are asked of.
func New(p network.Plan, w Wire, servers []netip.AddrPort) (*Network, error) {
	n := &Network{plan: p, servers: servers, flows: newPlaces(maxFlows), queries: newPlaces(maxQueries)}
	n.stack = stack.New(stack.Options{
		NetworkProtocols: []stack.NetworkProtocolFactory{
			ipv4.NewProtocol, arp.NewProtocol,
			ipv6.NewProtocolWithOptions(ipv6.Options{DADConfigs: stack.DADConfigurations{}}), // nobody else is there
		},
		TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol, udp.NewProtocol, icmp.NewProtocol4, icmp.NewProtocol6},
	})
	n.link = newEndpoint(w, uint32(p.MTU), p.GatewayMAC, n.ours)
	if err := n.configure(); err != nil {
		return nil, err
	}
	n.stack.SetTransportProtocolHandler(tcp.ProtocolNumber, n.tcpHandler())
	n.stack.SetTransportProtocolHandler(udp.ProtocolNumber, udp.NewForwarder(n.stack, n.udp).HandlePacket)
	return n, errors.Join(n.serveDNS(), n.serveDHCP())
}

// configure gives the stack an interface that takes what is for any address.
func (n *Network) configure() error {
	bad := func(what string, err tcpip.Error) error { return fmt.Errorf("network stack: %s: %s", what, err) }
	if err := n.tune(); err != nil {
		return bad("TCP", err)
	}
	if err := n.stack.CreateNIC(card, n.link); err != nil {
		return bad("interface", err)
	}
	for i, g := range n.plan.Guest {
		for _, a := range []netip.Addr{n.plan.Gateway[i], n.plan.DNS[i]} {
			if err := n.stack.AddProtocolAddress(card, protocolAddress(a, g.Bits()), stack.AddressProperties{}); err != nil {
				return bad(a.String(), err)
			}
		}
	}
	n.stack.SetRouteTable([]tcpip.Route{{Destination: header.IPv4EmptySubnet, NIC: card}, {Destination: header.IPv6EmptySubnet, NIC: card}})
	if err := n.stack.SetPromiscuousMode(card, true); err != nil {
		return bad("interface", err)
	}
	if err := n.stack.SetSpoofing(card, true); err != nil {
		return bad("interface", err)
	}
	return nil
}

// The most bytes of a connection that are on their way, in each direction. They are the guest's and the host's to keep within bounds; the stack is only
// between them.
const (
	minWindow = 4 << 10
	window    = 1 << 20
	maxWindow = 4 << 20
)

func (n *Network) tune() tcpip.Error {
	sack, moderate := tcpip.TCPSACKEnabled(true), tcpip.TCPModerateReceiveBufferOption(true)
	send := tcpip.TCPSendBufferSizeRangeOption{Min: minWindow, Default: window, Max: maxWindow}
	receive := tcpip.TCPReceiveBufferSizeRangeOption{Min: minWindow, Default: window, Max: maxWindow}
	for _, o := range []tcpip.SettableTransportProtocolOption{&sack, &moderate, &send, &receive} {
		if err := n.stack.SetTransportProtocolOption(tcp.ProtocolNumber, o); err != nil {
			return err
		}
	}
	return nil
}

func protocolAddress(a netip.Addr, bits int) tcpip.ProtocolAddress {
	return tcpip.ProtocolAddress{Protocol: protocolOf(a), AddressWithPrefix: tcpip.AddressWithPrefix{Address: toStack(a), PrefixLen: bits}}
}

func protocolOf(a netip.Addr) tcpip.NetworkProtocolNumber {
	if a.Is4() {
		return ipv4.ProtocolNumber
	}
	return ipv6.ProtocolNumber
}

// The longest that Finish takes, and how often it looks.
const (
	lastWords = 250 * time.Millisecond
	look      = 5 * time.Millisecond
)

// Finish waits, for a guest that has gone, until the host has what it has sent: not for long. Nothing more comes from it.
func (n *Network) Finish() {
	for end := time.Now().Add(lastWords); n.owes() && time.Now().Before(end); {
		time.Sleep(look)
	}
}

// owes says whether there is something that the guest has sent and the host has not got.
func (n *Network) owes() bool {
	for _, e := range n.stack.RegisteredEndpoints() {
		t, ok := e.(*tcp.Endpoint)
		if ok && t.EndpointState() != tcp.StateListen {
			if unread, err := t.GetSockOptInt(tcpip.ReceiveQueueSizeOption); err == nil && unread > 0 {
				return true
			}
		}
	}
	return false
}

// Serve carries frames until the link is closed.
func (n *Network) Serve() error { return n.link.receive() }
