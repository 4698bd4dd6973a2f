package user

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/network/arp"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv6"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/icmp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"

	virtio "terem/devices/virtio/net"
	"terem/internal/network"
	"terem/internal/network/link"
)

// guest is the other end of a network: another stack, in the place of a guest's kernel.
type guest struct {
	t     testing.TB
	n     *Network
	stack *stack.Stack
	link  *link.Link
}

// attach makes a network whose gateway is the host's loopback, and a guest on it.
func attach(t testing.TB, spec network.Spec, o virtio.Offloads, servers ...netip.AddrPort) *guest {
	t.Helper()
	l, theirs, err := link.Pair()
	if err != nil {
		t.Fatal(err)
	}
	w, err := link.New(theirs)
	if err != nil {
		t.Fatal(err)
	}
	p := network.NewPlan(spec, nil)
	n, err := New(p, w, servers)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- n.Serve() }()
	g := &guest{t: t, n: n, link: l}
	g.boot(p)
	if err := l.SetOffloads(o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		l.Close()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		w.Close()
		g.stack.Destroy()
		n.stack.Destroy()
	})
	return g
}

// boot makes the guest's stack. Its end of the link is of the same kind as the network's.
func (g *guest) boot(p network.Plan) {
	g.t.Helper()
	g.stack = stack.New(stack.Options{
		NetworkProtocols: []stack.NetworkProtocolFactory{
			ipv4.NewProtocol, arp.NewProtocol, ipv6.NewProtocolWithOptions(ipv6.Options{DADConfigs: stack.DADConfigurations{}}),
		},
		TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol, udp.NewProtocol, icmp.NewProtocol4, icmp.NewProtocol6},
	})
	e := newEndpoint(g.link, uint32(p.MTU), p.GuestMAC, func([]byte) bool { return true })
	e.offloads.Store(&virtio.Offloads{Checksum: true, TSO4: true, TSO6: true})
	check := func(err tcpip.Error) {
		if err != nil {
			g.t.Fatal(err)
		}
	}
	check(g.stack.CreateNIC(card, e))
	var routes []tcpip.Route
	for i, a := range p.Guest {
		check(g.stack.AddProtocolAddress(card, protocolAddress(a.Addr(), a.Bits()), stack.AddressProperties{}))
		all := header.IPv4EmptySubnet
		if a.Addr().Is6() {
			all = header.IPv6EmptySubnet
		}
		near, _ := tcpip.NewSubnet(toStack(a.Masked().Addr()), tcpip.MaskFromBytes(net.CIDRMask(a.Bits(), a.Addr().BitLen())))
		routes = append(routes, tcpip.Route{Destination: near, NIC: card}, tcpip.Route{Destination: all, Gateway: toStack(p.Gateway[i]), NIC: card})
	}
	g.stack.SetRouteTable(routes)
	sack := tcpip.TCPSACKEnabled(true)
	check(g.stack.SetTransportProtocolOption(tcp.ProtocolNumber, &sack))
	go func() { _ = e.receive() }()
}

// dial connects the guest to an address.
func (g *guest) dial(to string) (*gonet.TCPConn, error) { return g.dialFor(20*time.Second, to) }

func (g *guest) dialFor(limit time.Duration, to string) (*gonet.TCPConn, error) {
	a := netip.MustParseAddrPort(to)
	ctx, cancel := context.WithTimeout(g.t.Context(), limit)
	defer cancel()
	return gonet.DialContextTCP(ctx, g.stack, tcpip.FullAddress{NIC: card, Addr: toStack(a.Addr()), Port: a.Port()}, protocolOf(a.Addr()))
}

func (g *guest) mustDial(to string) *gonet.TCPConn {
	g.t.Helper()
	c, err := g.dial(to)
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { c.Close() })
	return c
}

// listen listens on the host's loopback and gives the gateway's address for it.
func listen(t testing.TB, network, address, gateway string) (*net.TCPListener, string) {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	port := l.Addr().(*net.TCPAddr).AddrPort().Port()
	return l.(*net.TCPListener), netip.AddrPortFrom(netip.MustParseAddr(gateway), port).String()
}

const (
	gateway4 = "10.0.2.2"
	gateway6 = "fd00:7465:7265:6d::2"
)

var plain = network.Spec{Kind: network.User, MTU: network.DefaultMTU, Loopback: true}
var all = virtio.Offloads{Checksum: true, TSO4: true, TSO6: true}

// pattern is n bytes that do not repeat soon.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8 + i>>16)
	}
	return b
}

// echo reads all, and answers with all of it: after the end, so that a half-close is needed.
func echo(c net.Conn) error {
	b, err := io.ReadAll(c)
	if err != nil {
		return err
	}
	_, err = c.Write(b)
	return errors.Join(err, c.Close())
}

// ask sends, closes that half, and reads the answer.
func ask(t testing.TB, c interface {
	io.ReadWriter
	CloseWrite() error
}, b []byte) []byte {
	t.Helper()
	if _, err := c.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func same(t testing.TB, what string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("%s: %d bytes are not the %d that they should be", what, len(got), len(want))
	}
}

// openFiles counts this process's.
func openFiles(t testing.TB) int {
	l, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(l)
}
