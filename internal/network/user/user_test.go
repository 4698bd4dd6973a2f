package user

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"

	virtio "terem/devices/virtio/net"
	"terem/internal/network"
)

// TestTCP: a megabyte there and back, after a half-close, whatever the guest can do with frames.
func TestTCP(t *testing.T) {
	for _, tt := range []struct {
		mtu uint16
		o   virtio.Offloads
	}{{network.DefaultMTU, all}, {1500, all}, {1500, virtio.Offloads{Checksum: true}}, {1500, virtio.Offloads{}}, {network.DefaultMTU, virtio.Offloads{}}, {1280, virtio.Offloads{Checksum: true, TSO4: true}}} {
		for _, ip := range []struct{ network, address, gateway string }{{"tcp4", "127.0.0.1:0", gateway4}, {"tcp6", "[::1]:0", gateway6}} {
			t.Run(fmt.Sprintf("%d %+v %s", tt.mtu, tt.o, ip.network), func(t *testing.T) {
				spec := plain
				spec.MTU = tt.mtu
				g := attach(t, spec, tt.o)
				l, to := listen(t, ip.network, ip.address, ip.gateway)
				go func() {
					if c, err := l.Accept(); err == nil {
						_ = echo(c)
					}
				}()
				want := pattern(1 << 20)
				same(t, "the answer", ask(t, g.mustDial(to), want), want)
			})
		}
	}
}

// TestRefused: what the host refuses, the guest is refused at once; what is not to be reached, too.
func TestRefused(t *testing.T) {
	g := attach(t, plain, all)
	l, to := listen(t, "tcp4", "127.0.0.1:0", gateway4)
	l.Close()
	if _, err := g.dial(to); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("nobody listens: %v", err)
	}
	for _, a := range []string{"127.0.0.1", "[::1]", "0.0.0.0", "10.0.2.77", "[::ffff:127.0.0.1]", "0.1.2.3"} {
		if c, err := g.dialFor(200*time.Millisecond, a+":22"); err == nil {
			c.Close()
			t.Errorf("%s: connected", a)
		}
	}
}

// TestLoopbackIsShut: without the option, the gateway's address is nobody's.
func TestLoopbackIsShut(t *testing.T) {
	spec := plain
	spec.Loopback = false
	g := attach(t, spec, all)
	_, to := listen(t, "tcp4", "127.0.0.1:0", gateway4)
	if _, err := g.dial(to); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("the host's loopback: %v", err)
	}
}

func TestReach(t *testing.T) {
	n := &Network{plan: network.NewPlan(network.Spec{Kind: network.User}, nil)}
	for a, ok := range map[string]bool{
		"192.0.2.1:80": true, "[2001:db8::1]:80": true, "127.0.0.1:80": false, "127.9.9.9:80": false, "[::1]:80": false,
		"[::ffff:127.0.0.1]:80": false, "0.0.0.0:80": false, "0.1.2.3:80": false, "[::]:80": false, "224.0.0.1:80": false, "[ff02::1]:80": false,
		"255.255.255.255:80": false, "[fe80::1]:80": false, "10.0.2.2:80": false, "10.0.2.3:80": false, "10.0.2.255:80": false, "192.0.2.1:0": false,
	} {
		if _, got := n.reach(netip.MustParseAddrPort(a)); got != ok {
			t.Errorf("%s: %v, want %v", a, got, ok)
		}
	}
}

// TestReset: what ends one side harshly, ends the other so.
func TestReset(t *testing.T) {
	g := attach(t, plain, all)
	l, to := listen(t, "tcp4", "127.0.0.1:0", gateway4)
	c := g.mustDial(to)
	h, err := l.AcceptTCP()
	if err != nil {
		t.Fatal(err)
	}
	abort(h)
	if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("the host has reset the connection, and the guest reads: %v", err)
	}
}

// TestSlowReader: more than all buffers hold, for a host that takes its time.
func TestSlowReader(t *testing.T) {
	g := attach(t, plain, all)
	l, to := listen(t, "tcp4", "127.0.0.1:0", gateway4)
	want := pattern(20 << 20)
	c := g.mustDial(to)
	h, err := l.AcceptTCP()
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		_, _ = c.Write(want)
		_ = c.CloseWrite()
	}()
	time.Sleep(50 * time.Millisecond)
	got, err := io.ReadAll(h)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "what the host has read", got, want)
	h.Close()
}

// TestManyConnections: 300 that are closed properly leave nothing.
func TestManyConnections(t *testing.T) {
	g := attach(t, plain, all)
	l, to := listen(t, "tcp4", "127.0.0.1:0", gateway4)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _ = echo(c) }()
		}
	}()
	once := func() {
		c, err := g.dial(to)
		if err != nil {
			t.Fatal(err)
		}
		same(t, "the answer", ask(t, c, []byte("hello")), []byte("hello"))
		c.Close()
	}
	once()
	eventually(t, func() bool { return g.n.flows.taken() == 0 })
	before := openFiles(t)
	for range 300 {
		once()
	}
	eventually(t, func() bool { return g.n.flows.taken() == 0 && openFiles(t) <= before })
}

// TestPublished: who connects to a port of the host's, finds the guest's; and where nobody listens in the guest, a reset.
func TestPublished(t *testing.T) {
	g := attach(t, plain, all)
	sockets, err := network.Bind([]network.Port{{Addr: netip.MustParseAddr("127.0.0.1"), Guest: 80}, {Addr: netip.MustParseAddr("127.0.0.1"), Guest: 81}, {UDP: true, Addr: netip.MustParseAddr("127.0.0.1"), Guest: 82}})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sockets {
		if err := g.n.Publish(s.File, s.UDP, s.Guest); err != nil {
			t.Fatal(err)
		}
	}
	a := g.n.plan.Guest[0].Addr()
	l, err := gonet.ListenTCP(g.stack, tcpip.FullAddress{NIC: card, Addr: toStack(a), Port: 80}, protocolOf(a))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		if c, err := l.Accept(); err == nil {
			_ = echo(c)
		}
	}()
	c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", sockets[0].Host))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	want := pattern(3 << 20)
	same(t, "the answer", ask(t, c.(*net.TCPConn), want), want)

	if c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", sockets[1].Host)); err == nil {
		if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("nobody listens in the guest, and the host reads: %v", err)
		}
		c.Close()
	}

	at := tcpip.FullAddress{NIC: card, Addr: toStack(a), Port: 82}
	u, err := gonet.DialUDP(g.stack, &at, nil, protocolOf(a))
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	go answer(u)
	h, err := net.Dial("udp", fmt.Sprintf("127.0.0.1:%d", sockets[2].Host))
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	same(t, "the answer", datagram(t, h, []byte("ping")), []byte("ping"))
}

// answer sends each datagram back.
func answer(u net.PacketConn) {
	p := make([]byte, chunk)
	for {
		k, from, err := u.ReadFrom(p)
		if err != nil {
			return
		}
		_, _ = u.WriteTo(p[:k], from)
	}
}

// datagram sends one, and again until there is an answer.
func datagram(t testing.TB, c net.Conn, b []byte) []byte {
	t.Helper()
	p := make([]byte, chunk)
	for {
		if _, err := c.Write(b); err != nil {
			t.Fatal(err)
		}
		if err := c.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
			t.Fatal(err)
		}
		k, err := c.Read(p)
		if err == nil {
			return p[:k]
		}
		if t.Context().Err() != nil {
			t.Fatal(err)
		}
	}
}

func TestUDP(t *testing.T) {
	g := attach(t, plain, all)
	h, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	go answer(h)
	to := tcpip.FullAddress{NIC: card, Addr: toStack(netip.MustParseAddr(gateway4)), Port: uint16(h.LocalAddr().(*net.UDPAddr).Port)}
	c, err := gonet.DialUDP(g.stack, nil, &to, protocolOf(netip.MustParseAddr(gateway4)))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, n := range []int{1, 1472, 9000, 60000} {
		same(t, "a datagram", datagram(t, c, pattern(n)), pattern(n))
	}
}

// TestDNS: questions go to the host's servers, by UDP and TCP; without any, the answer is that there is none.
func TestDNS(t *testing.T) {
	h, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	go answer(h)
	dead := netip.MustParseAddrPort("127.0.0.1:1")
	question := append([]byte{7, 9, 1, 0, 0, 1}, make([]byte, 20)...)
	for _, tt := range []struct {
		server netip.AddrPort
		code   byte
	}{{h.LocalAddr().(*net.UDPAddr).AddrPort(), 0}, {dead, failure | canAsk}} {
		g := attach(t, plain, all, dead, tt.server)
		to := tcpip.FullAddress{NIC: card, Addr: toStack(netip.MustParseAddr("10.0.2.3")), Port: dnsPort}
		c, err := gonet.DialUDP(g.stack, nil, &to, protocolOf(netip.MustParseAddr("10.0.2.3")))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		got := datagram(t, c, question)
		if len(got) != len(question) || got[0] != 7 || got[1] != 9 || got[3] != tt.code {
			t.Errorf("server %v: answer %x", tt.server, got)
		}
	}
}

func TestServers(t *testing.T) {
	for file, want := range map[string]string{
		"":                                 "[127.0.0.1:53]",
		"nameserver 192.0.2.1\nsearch x\n": "[192.0.2.1:53]",
		"# nameserver 1.1.1.1\nnameserver x\nnameserver\n":                                       "[127.0.0.1:53]",
		"nameserver fd00::1\nnameserver 192.0.2.1\nnameserver 192.0.2.2\nnameserver 192.0.2.3\n": "[[fd00::1]:53 192.0.2.1:53 192.0.2.2:53]",
	} {
		if got := fmt.Sprint(Servers(strings.NewReader(file))); got != want {
			t.Errorf("%q: %s, want %s", file, got, want)
		}
	}
}

// TestPing: nobody answers in another's name. The gateway answers in its own.
func TestPing(t *testing.T) {
	g := attach(t, plain, all)
	for to, want := range map[string]bool{gateway4: true, "10.0.2.3": true, "10.0.2.99": false, "192.0.2.1": false, gateway6: true, "2001:db8::1": false} {
		if got := g.ping(netip.MustParseAddr(to)); got != want {
			t.Errorf("%s answers: %v, want %v", to, got, want)
		}
	}
}

// ping says whether there is an answer. That there is none is known once the gateway has answered a later one.
func (g *guest) ping(to netip.Addr) bool {
	g.t.Helper()
	e := newEcho(g, to)
	defer e.Close()
	if e.ask(300 * time.Millisecond) {
		return true
	}
	return e.ask(300 * time.Millisecond)
}

func eventually(t testing.TB, holds func() bool) {
	t.Helper()
	for !holds() {
		if t.Context().Err() != nil {
			t.Fatal("the test has ended")
		}
		time.Sleep(time.Millisecond)
	}
}
