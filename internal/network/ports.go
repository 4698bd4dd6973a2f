package network

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"terem/internal/fault"
)

// maxPorts is how many ports may be published: each is an open file of terem's and of the network process's.
const maxPorts = 256

// Port is a port of the host's that is one of the guest's.
type Port struct {
	UDP   bool
	Addr  netip.Addr // of the host's
	Host  uint16     // 0: one that is free
	Guest uint16
}

// String is a port as it is typed.
func (p Port) String() string {
	s := fmt.Sprintf("%v:%d", netip.AddrPortFrom(p.Addr, p.Host), p.Guest)
	if p.UDP {
		s += "/udp"
	}
	return s
}

const portForm = "[ADDRESS:]HOST:GUEST[/udp], such as 8080:80"

// parsePorts reads [ADDRESS:]HOST:GUEST[/tcp|/udp]. HOST and GUEST may be ranges, such as 8000-8009, of the same length.
func parsePorts(typed string) (list []Port, err error) {
	bad := func(cause string) ([]Port, error) {
		return nil, &fault.Error{Class: fault.Usage, Thing: fault.Field("Ports") + " " + typed, Cause: cause, Mend: "the form is " + portForm}
	}
	p := Port{Addr: netip.AddrFrom4([4]byte{127, 0, 0, 1})} // nobody else's business, unless somebody says so
	rest, protocol, given := strings.Cut(typed, "/")
	switch {
	case given && protocol == "udp":
		p.UDP = true
	case given && protocol != "tcp":
		return bad(fmt.Sprintf("%q is neither tcp nor udp", protocol))
	}
	rest, guest, ok := cutLast(rest)
	if !ok {
		return bad("two ports are wanted")
	}
	host := rest
	if at, port, given := cutLast(rest); given {
		if p.Addr, err = netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(at, "["), "]")); err != nil || p.Addr.Zone() != "" {
			return bad(fmt.Sprintf("%q is no IP address", at))
		}
		p.Addr, host = p.Addr.Unmap(), port
	}
	from, to, ok1 := portRange(host)
	first, last, ok2 := portRange(guest)
	switch {
	case !ok1 || !ok2 || first == 0:
		return bad("ports are numbers from 1 to 65535, and 0 is any that is free on the host")
	case from == 0 && to != 0 || to-from != last-first && from != 0:
		return bad("the two ranges are not of the same length")
	case last-first >= maxPorts:
		return bad(fmt.Sprintf("more than %d ports", maxPorts))
	}
	for i := range last - first + 1 {
		p.Guest = uint16(first + i)
		if p.Host = uint16(from + i); from == 0 {
			p.Host = 0
		}
		list = append(list, p)
	}
	return list, nil
}

// cutLast cuts at the last colon.
func cutLast(s string) (before, after string, ok bool) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return "", "", false
	}
	return s[:i], s[i+1:], true
}

func portRange(s string) (from, to int, ok bool) {
	a, b, isRange := strings.Cut(s, "-")
	x, err := strconv.ParseUint(a, 10, 16)
	if err != nil {
		return 0, 0, false
	}
	if !isRange {
		return int(x), int(x), true
	}
	y, err := strconv.ParseUint(b, 10, 16)
	return int(x), int(y), err == nil && x <= y
}
