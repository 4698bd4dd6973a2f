package network

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"terem/internal/fault"
)

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		net   string
		ports []string
		want  string // "": refused
	}{
		{"", nil, "none"},
		{"none", nil, "none"},
		{"host", nil, "host"},
		{"user", nil, "user mtu 65520"},
		{"user,loopback,mtu=1500", nil, "user mtu 1500 loopback"},
		{"", []string{"8080:80"}, "user mtu 65520 127.0.0.1:8080:80"},
		{"user", []string{"0:53/udp", "[::1]:80:81/tcp", "0.0.0.0:1000-1002:2000-2002"}, "user mtu 65520 127.0.0.1:0:53/udp [::1]:80:81 0.0.0.0:1000:2000 0.0.0.0:1001:2001 0.0.0.0:1002:2002"},
		{"user", []string{"0:80-81"}, "user mtu 65520 127.0.0.1:0:80 127.0.0.1:0:81"},
		{"tap=vm0", nil, "tap vm0"},
		{"tap=vm0,ip=192.0.2.2/24,gateway=192.0.2.1,dns=192.0.2.3", nil, "tap vm0 192.0.2.2/24 192.0.2.1 192.0.2.3"},
		{"nope", nil, ""}, {"tap", nil, ""}, {"tap=", nil, ""}, {"user=x", nil, ""}, {"none,loopback", nil, ""}, {"user,loopback=1", nil, ""}, {"user,loopback,loopback", nil, ""},
		{"user,mtu=1279", nil, ""}, {"user,mtu=65521", nil, ""}, {"user,mtu=", nil, ""}, {"user,ip=192.0.2.2/24", nil, ""},
		{"tap=a,ip=192.0.2.2", nil, ""}, {"tap=a,ip=fd00::1/64", nil, ""}, {"tap=a,gateway=192.0.2.1", nil, ""}, {"tap=a,ip=192.0.2.2/24,gateway=192.0.3.1", nil, ""}, {"tap=a,dns=x", nil, ""},
		{"none", []string{"80:80"}, ""}, {"tap=a", []string{"80:80"}, ""},
		{"", []string{"80"}, ""}, {"", []string{":80"}, ""}, {"", []string{"80:"}, ""}, {"", []string{"80:0"}, ""}, {"", []string{"65536:80"}, ""}, {"", []string{"a:80"}, ""},
		{"", []string{"80:80/sctp"}, ""}, {"", []string{"x:80:80"}, ""}, {"", []string{"fe80::1%eth0:80:80"}, ""}, {"", []string{"80-82:80-81"}, ""}, {"", []string{"82-80:82-80"}, ""},
		{"", []string{"0-1:80-81"}, ""}, {"", []string{"1000-1256:1-257"}, ""}, {"", []string{"1000-1200:1-201", "2000-2100:1-101"}, ""}, {"", []string{""}, ""},
	} {
		s, err := Parse(tt.net, tt.ports)
		var f *fault.Error
		if err != nil && (!errors.As(err, &f) || f.Class != fault.Usage) {
			t.Errorf("%q %q: %v is not the user's mistake", tt.net, tt.ports, err)
		}
		if got := show(s); err == nil && got != tt.want || err != nil && tt.want != "" {
			t.Errorf("%q %q: %q, %v; want %q", tt.net, tt.ports, got, err, tt.want)
		}
	}
}

func show(s Spec) string {
	w := []string{string(s.Kind)}
	if s.MTU != 0 {
		w = append(w, fmt.Sprint("mtu ", s.MTU))
	}
	if s.Loopback {
		w = append(w, "loopback")
	}
	if s.Interface != "" {
		w = append(w, s.Interface)
	}
	if s.Address.IsValid() {
		w = append(w, s.Address.String(), s.Gateway.String(), s.DNS.String())
	}
	for _, p := range s.Ports {
		w = append(w, p.String())
	}
	return strings.Join(w, " ")
}

func FuzzParse(f *testing.F) {
	f.Add("user,mtu=1500", "127.0.0.1:80-81:80-81/udp")
	f.Add("tap=a,ip=1.2.3.4/5", "[::]:0:1")
	f.Fuzz(func(t *testing.T, net, port string) {
		s, err := Parse(net, []string{port})
		if err == nil && (s.Kind != User || len(s.Ports) == 0 || len(s.Ports) > maxPorts) {
			t.Errorf("%q %q: %+v", net, port, s)
		}
	})
}

func ExampleParse() {
	s, err := Parse("", []string{"8080:80", "0.0.0.0:5353:53/udp"})
	if err != nil {
		panic(err)
	}
	fmt.Println(s.Kind, s.Ports)
	// Output: user [127.0.0.1:8080:80 0.0.0.0:5353:53/udp]
}

// TestBind: the host gives a port if it is to choose; one that is taken is said to be, and so is an address of somebody else's.
func TestBind(t *testing.T) {
	loop := netip.MustParseAddr("127.0.0.1")
	list, err := Bind([]Port{{Addr: loop, Guest: 80}, {UDP: true, Addr: loop, Guest: 53}})
	if err != nil {
		t.Fatal(err)
	}
	defer CloseAll(list)
	if list[0].Host == 0 || list[1].Host == 0 {
		t.Errorf("ports %v and %v", list[0].Port, list[1].Port)
	}
	for _, tt := range []struct {
		p    Port
		want string
	}{
		{list[0].Port, "somebody has it already"}, {list[1].Port, "somebody has it already"},
		{Port{Addr: netip.MustParseAddr("192.0.2.1"), Host: list[0].Host, Guest: 1}, "no such address"},
	} {
		more, err := Bind([]Port{tt.p})
		if err == nil || !strings.Contains(err.Error(), tt.want) || more != nil {
			t.Errorf("%v: %v, want %q", tt.p, err, tt.want)
		}
	}
}

// TestPlan: the guest is told of the network that the process makes.
func TestPlan(t *testing.T) {
	p := NewPlan(Spec{Kind: User, MTU: 1500}, []Socket{{Port: Port{Guest: 80}}, {Port: Port{Guest: 53, UDP: true}}})
	if err := p.Check(); err != nil {
		t.Error(err)
	}
	if len(p.Published) != 2 || p.Published[1] != (Open{FD: firstFD + 1, UDP: true, Guest: 53}) {
		t.Errorf("published %+v", p.Published)
	}
	for i, g := range p.Guest {
		if !g.Contains(p.Gateway[i]) || !g.Contains(p.DNS[i]) || g.Addr() == p.Gateway[i] {
			t.Errorf("%v, %v, %v", g, p.Gateway[i], p.DNS[i])
		}
	}
	if g := (Spec{Kind: User}).Guest(); len(g.Interfaces) != 2 || len(g.Servers) != 1 {
		t.Errorf("the guest is told %+v", g)
	}
	if g := (Spec{Kind: Tap}).Guest(); len(g.Interfaces) != 0 {
		t.Errorf("the guest on a tap is told %+v", g)
	}
	if (&Plan{Form: 99}).Check() == nil {
		t.Error("a plan of another form")
	}
}
