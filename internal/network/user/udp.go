package user

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
	"gvisor.dev/gvisor/pkg/waiter"
)

// idle is after how long without a datagram a flow is over.
const idle = 90 * time.Second

// udp makes a flow of the first datagram of one. It must not wait. False has the stack say that there is no such port.
func (n *Network) udp(r *udp.ForwarderRequest) bool {
	id := r.ID()
	to, ok := n.reach(netip.AddrPortFrom(fromStack(id.LocalAddress), id.LocalPort))
	if !ok {
		return !fromStack(id.LocalAddress).IsPrivate() && !n.own(id.LocalAddress) // one for many is not answered
	}
	if !n.flows.take() {
		return true
	}
	host, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to))
	if err != nil {
		n.flows.give()
		return false
	}
	var wq waiter.Queue
	ep, bad := r.CreateEndpoint(&wq)
	if bad != nil {
		n.flows.give()
		host.Close()
		return true
	}
	go func() {
		defer n.flows.give()
		exchange(gonet.NewUDPConn(&wq, ep), host)
	}()
	return true
}

// datagrams is one end of a flow.
type datagrams interface {
	Read(p []byte) (int, error)
	Write(p []byte) (int, error)
	SetReadDeadline(t time.Time) error
	Close() error
}

// exchange carries datagrams both ways, until there have been none for a while, and closes both.
func exchange(a, b datagrams) {
	var both sync.WaitGroup
	last := newClock()
	both.Go(func() { last.carry(a, b); b.Close() })
	both.Go(func() { last.carry(b, a); a.Close() })
	both.Wait()
}

// clock knows when a flow had its last datagram, in either direction.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Now()} }

func (c *clock) touch() {
	c.mu.Lock()
	c.at = time.Now()
	c.mu.Unlock()
}

// left is how long the flow may still be idle.
func (c *clock) left() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Until(c.at.Add(idle))
}

// carry carries datagrams one way. What cannot be sent is lost, as datagrams are.
func (c *clock) carry(to, from datagrams) {
	p := make([]byte, chunk)
	for {
		left := c.left()
		if left <= 0 || from.SetReadDeadline(time.Now().Add(left)) != nil {
			return
		}
		k, err := from.Read(p)
		if err != nil {
			if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() || refused(err) {
				continue
			}
			return
		}
		c.touch()
		_, _ = to.Write(p[:k])
	}
}
