package user

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/waiter"
)

// connects is how long the host may take to make a connection, or to say that there is none.
const connects = 2 * time.Minute

// tcpHandler gets each packet that belongs to no connection that there is.
func (n *Network) tcpHandler() func(stack.TransportEndpointID, *stack.PacketBuffer) bool {
	f := tcp.NewForwarder(n.stack, window, maxSYNs, n.tcp)
	return func(id stack.TransportEndpointID, p *stack.PacketBuffer) bool {
		n.syns.note(id, p)
		return f.HandlePacket(id, p)
	}
}

// tcp makes the connection that the guest wants: first the host's, so that the guest is told how that went.
func (n *Network) tcp(r *tcp.ForwarderRequest) {
	id := r.ID()
	syn := n.syns.take(id)
	to, ok := n.reach(netip.AddrPortFrom(fromStack(id.LocalAddress), id.LocalPort))
	if !ok || !n.flows.take() {
		r.Complete(true)
		return
	}
	defer n.flows.give()
	c, err := net.DialTimeout("tcp", to.String(), connects)
	if err != nil {
		r.Complete(errors.Is(err, syscall.ECONNREFUSED))
		n.unreachable(syn, err)
		return
	}
	host := c.(*net.TCPConn)
	var wq waiter.Queue
	ep, bad := r.CreateEndpoint(&wq)
	r.Complete(false)
	if bad != nil { // the guest has thought better of it
		abort(host)
		return
	}
	join(newGuestConn(&wq, ep), host)
}

// guestConn is the stack's end of a connection with the guest.
type guestConn struct {
	*gonet.TCPConn
	ep tcpip.Endpoint
}

func newGuestConn(wq *waiter.Queue, ep tcpip.Endpoint) guestConn {
	ep.SocketOptions().SetDelayOption(false)
	return guestConn{gonet.NewTCPConn(wq, ep), ep}
}

// dialGuest connects to a port of the guest's, from the gateway's address.
func (n *Network) dialGuest(ctx context.Context, port uint16) (guestConn, error) {
	var wq waiter.Queue
	ep, bad := n.stack.NewEndpoint(tcp.ProtocolNumber, protocolOf(n.plan.Guest[0].Addr()), &wq)
	if bad != nil {
		return guestConn{}, errors.New(bad.String())
	}
	entry, ready := waiter.NewChannelEntry(waiter.WritableEvents)
	wq.EventRegister(&entry)
	defer wq.EventUnregister(&entry)
	bad = ep.Connect(tcpip.FullAddress{NIC: card, Addr: toStack(n.plan.Guest[0].Addr()), Port: port})
	if _, begun := bad.(*tcpip.ErrConnectStarted); begun {
		select {
		case <-ctx.Done():
			ep.Close()
			return guestConn{}, ctx.Err()
		case <-ready:
			bad = ep.LastError()
		}
	}
	if bad != nil {
		ep.Close()
		return guestConn{}, errors.New(bad.String())
	}
	return newGuestConn(&wq, ep), nil
}

// join carries bytes both ways. Each way ends by itself; what ends one harshly, ends both so.
func join(guest guestConn, host *net.TCPConn) {
	var both sync.WaitGroup
	reset := func() {
		guest.ep.Abort()
		abort(host)
	}
	both.Go(func() {
		if carry(host, guest) != nil || host.CloseWrite() != nil {
			reset()
		}
	})
	both.Go(func() {
		if carry(guest, host) != nil || guest.CloseWrite() != nil {
			reset()
		}
	})
	both.Wait()
	_ = guest.Close() // all has been said
	_ = host.Close()
}

// chunk is how many bytes are carried at a time: as many as a frame has.
const chunk = 64 << 10

// carry copies until the end; nil: that was a proper one.
func carry(to io.Writer, from io.Reader) error {
	p := make([]byte, chunk)
	for {
		k, err := from.Read(p)
		if k > 0 {
			if _, err := to.Write(p[:k]); err != nil {
				return err
			}
		}
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
	}
}

// abort closes a connection of the host's by RST.
func abort(c *net.TCPConn) {
	_ = c.SetLinger(0)
	_ = c.Close()
}
