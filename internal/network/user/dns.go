package user

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
)

const (
	dnsPort   = 53
	dnsHeader = 12              // bytes of a message's header, RFC 1035 section 4.1.1
	answers   = 5 * time.Second // how long a server may take
	maxHosts  = 3               // as many servers as the C library asks
	isAnswer  = 0x80            // QR, in byte 2
	failure   = 2               // SERVFAIL, RCODE in byte 3
	canAsk    = 0x80            // RA
)

// Server is where a name server listens.
type Server = netip.AddrPort

// Servers reads a resolv.conf: the host's name servers. Without one, it is the host itself, as the C library has it.
func Servers(r io.Reader) (list []netip.AddrPort) {
	for s := bufio.NewScanner(r); s.Scan() && len(list) < maxHosts; {
		f := strings.Fields(s.Text())
		if len(f) < 2 || f[0] != "nameserver" {
			continue
		}
		if a, err := netip.ParseAddr(f[1]); err == nil {
			list = append(list, netip.AddrPortFrom(a, dnsPort))
		}
	}
	if len(list) == 0 {
		list = append(list, netip.AddrPortFrom(loopback(netip.AddrFrom4([4]byte{})), dnsPort))
	}
	return list
}

// serveDNS answers on the name server's addresses, by asking the host's.
func (n *Network) serveDNS() error {
	for _, a := range n.plan.DNS {
		at := tcpip.FullAddress{NIC: card, Addr: toStack(a), Port: dnsPort}
		u, err := gonet.DialUDP(n.stack, &at, nil, protocolOf(a))
		if err != nil {
			return err
		}
		l, err := gonet.ListenTCP(n.stack, at, protocolOf(a))
		if err != nil {
			return err
		}
		go n.questions(u)
		go n.conversations(l)
	}
	return nil
}

func (n *Network) questions(u *gonet.UDPConn) {
	p := make([]byte, chunk)
	for {
		k, from, err := u.ReadFrom(p)
		if err != nil {
			return
		}
		if k < dnsHeader || p[2]&isAnswer != 0 || !n.queries.take() {
			continue
		}
		question := append([]byte(nil), p[:k]...)
		go func() {
			defer n.queries.give()
			_, _ = u.WriteTo(n.ask(question), from)
		}()
	}
}

// ask gives the answer of the first server that has one; or that there is none.
func (n *Network) ask(question []byte) []byte {
	for _, s := range n.servers {
		if a, err := askOne(s, question); err == nil {
			return a
		}
	}
	a := append([]byte(nil), question...)
	a[2] |= isAnswer
	a[3] = canAsk | failure
	return a
}

var errOther = errors.New("it answers another question")

func askOne(server netip.AddrPort, question []byte) ([]byte, error) {
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(server))
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(answers)); err != nil {
		return nil, err
	}
	if _, err := c.Write(question); err != nil {
		return nil, err
	}
	p := make([]byte, chunk)
	k, err := c.Read(p)
	switch {
	case err != nil:
		return nil, err
	case k < dnsHeader || p[0] != question[0] || p[1] != question[1]:
		return nil, errOther
	}
	return p[:k], nil
}

// conversations connects those that ask by TCP with the first server that is there.
func (n *Network) conversations(l *gonet.TCPListener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		if !n.flows.take() {
			c.Close()
			continue
		}
		go func() {
			defer n.flows.give()
			n.converse(c)
		}()
	}
}

func (n *Network) converse(guest net.Conn) {
	defer guest.Close()
	for _, s := range n.servers {
		host, err := net.DialTimeout("tcp", s.String(), answers)
		if err != nil {
			continue
		}
		go func() {
			_ = carry(host, guest)
			_ = host.(*net.TCPConn).CloseWrite()
		}()
		_ = carry(guest, host)
		host.Close()
		return
	}
}

// refused says whether somebody has said that nobody is there.
func refused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }
