package user

import (
	"bytes"
	"net/netip"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/transport/icmp"
	"gvisor.dev/gvisor/pkg/waiter"
)

// pinger is a guest's socket for pings.
type pinger struct {
	tcpip.Endpoint
	g     *guest
	to    netip.Addr
	ready chan struct{}
}

func newEcho(g *guest, to netip.Addr) *pinger {
	g.t.Helper()
	p := &pinger{g: g, to: to}
	var wq waiter.Queue
	transport := icmp.ProtocolNumber4
	if to.Is6() {
		transport = icmp.ProtocolNumber6
	}
	e, err := g.stack.NewEndpoint(transport, protocolOf(to), &wq)
	if err != nil {
		g.t.Fatal(err)
	}
	entry, ready := waiter.NewChannelEntry(waiter.ReadableEvents)
	wq.EventRegister(&entry)
	p.Endpoint, p.ready = e, ready
	return p
}

// ask sends a request and waits for the answer.
func (p *pinger) ask(limit time.Duration) bool {
	b := make([]byte, 16)
	if p.to.Is4() {
		header.ICMPv4(b).SetType(header.ICMPv4Echo)
	} else {
		header.ICMPv6(b).SetType(header.ICMPv6EchoRequest)
	}
	_, err := p.Write(bytes.NewReader(b), tcpip.WriteOptions{To: &tcpip.FullAddress{NIC: card, Addr: toStack(p.to)}})
	if err != nil {
		return false
	}
	select {
	case <-p.ready:
		return true
	case <-time.After(limit):
		return false
	}
}
