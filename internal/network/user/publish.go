package user

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
)

// accepts is how long the guest may take to accept a connection.
const accepts = 30 * time.Second

// Publish serves a published port by a socket of the host's, which listens, or for UDP is bound.
func (n *Network) Publish(socket *os.File, udp bool, port uint16) error {
	defer socket.Close()
	if udp {
		c, err := net.FilePacketConn(socket)
		if err != nil {
			return err
		}
		u, ok := c.(*net.UDPConn)
		if !ok {
			return errors.New("no UDP socket")
		}
		p := &publishedUDP{n: n, host: u, port: port, peers: map[netip.AddrPort]*gonet.UDPConn{}}
		go p.serve()
		return nil
	}
	l, err := net.FileListener(socket)
	if err != nil {
		return err
	}
	go n.accept(l, port)
	return nil
}

// accept connects who calls with the guest.
func (n *Network) accept(l net.Listener, port uint16) {
	for {
		c, err := l.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			time.Sleep(10 * time.Millisecond) // too many open files: some will be closed
			continue
		}
		host, ok := c.(*net.TCPConn)
		if !ok || !n.flows.take() {
			c.Close()
			continue
		}
		go func() {
			defer n.flows.give()
			n.admit(host, port)
		}()
	}
}

// admit connects one of them. If the guest refuses, so do we.
func (n *Network) admit(host *net.TCPConn, port uint16) {
	ctx, cancel := context.WithTimeout(context.Background(), accepts)
	defer cancel()
	guest, err := n.dialGuest(ctx, port)
	if err != nil {
		abort(host)
		return
	}
	join(guest, host)
}

// publishedUDP is a port of UDP: each of those who send to it is somebody else to the guest, too.
type publishedUDP struct {
	n    *Network
	host *net.UDPConn
	port uint16

	mu    sync.Mutex
	peers map[netip.AddrPort]*gonet.UDPConn
}

func (p *publishedUDP) serve() {
	b := make([]byte, chunk)
	for {
		k, from, err := p.host.ReadFromUDPAddrPort(b)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		if c := p.peer(from); c != nil {
			_, _ = c.Write(b[:k]) // what cannot be sent is lost
		}
	}
}

// peer is the flow of one of them, which it begins if there is none.
func (p *publishedUDP) peer(from netip.AddrPort) *gonet.UDPConn {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := p.peers[from]; c != nil {
		return c
	}
	if !p.n.flows.take() {
		return nil
	}
	a := p.n.plan.Guest[0].Addr()
	c, err := gonet.DialUDP(p.n.stack, nil, &tcpip.FullAddress{NIC: card, Addr: toStack(a), Port: p.port}, protocolOf(a))
	if err != nil {
		p.n.flows.give()
		return nil
	}
	p.peers[from] = c
	go func() {
		defer p.n.flows.give()
		p.answer(c, from)
	}()
	return c
}

// answer carries what the guest answers, until it has not for a while.
func (p *publishedUDP) answer(c *gonet.UDPConn, to netip.AddrPort) {
	b := make([]byte, chunk)
	for {
		if c.SetReadDeadline(time.Now().Add(idle)) != nil {
			break
		}
		k, err := c.Read(b)
		if err != nil && !refused(err) {
			break
		}
		if err == nil {
			_, _ = p.host.WriteToUDPAddrPort(b[:k], to)
		}
	}
	p.mu.Lock()
	delete(p.peers, to)
	p.mu.Unlock()
	c.Close()
}
