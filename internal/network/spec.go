package network

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"terem/internal/fault"
)

// Kind is what a machine or container is connected with.
type Kind string

// The kinds.
const (
	None Kind = "none"
	Host Kind = "host" // the host's own interfaces: of containers only
	User Kind = "user" // a stack in a process of terem's, which makes the host's connections
	Tap  Kind = "tap"  // an interface of the host's
)

// Spec is what was asked for.
type Spec struct {
	Kind  Kind
	Ports []Port

	Loopback bool   // User: the gateway's address is the host's loopback
	MTU      uint16 // User

	Interface string       // Tap: its name
	Address   netip.Prefix // Tap: the guest's own, if it is not to find one itself
	Gateway   netip.Addr   // Tap
	DNS       netip.Addr   // Tap
}

// DefaultMTU is as large as it may be: no frame of the network process's goes over a wire, and each costs the same.
const DefaultMTU = 65520

const (
	userForm = "user[,loopback][,mtu=N]"
	tapForm  = "tap=NAME[,ip=ADDRESS/BITS][,gateway=ADDRESS][,dns=ADDRESS]"
)

// Parse reads the value of the flag, and those of published ports, which want a network of kind user.
func Parse(value string, ports []string) (s Spec, err error) {
	if s, err = parseSpec(value); err != nil {
		return s, err
	}
	for _, p := range ports {
		more, err := parsePorts(p)
		if err != nil {
			return s, err
		}
		if s.Ports = append(s.Ports, more...); len(s.Ports) > maxPorts {
			return s, &fault.Error{Class: fault.Usage, Thing: fault.Field("Ports") + " " + p, Cause: fmt.Sprintf("that makes more than %d ports", maxPorts)}
		}
	}
	switch {
	case len(s.Ports) == 0:
	case value == "":
		s.Kind, s.MTU = User, DefaultMTU
	case s.Kind != User:
		return s, &fault.Error{Class: fault.Usage, Thing: fault.Field("Ports"), Cause: "only a network of kind user publishes ports",
			Mend: "use " + fault.Field("Network") + " user, or leave " + fault.Field("Ports") + " out"}
	}
	return s, nil
}

func parseSpec(value string) (s Spec, err error) {
	bad := func(cause, mend string) error {
		return &fault.Error{Class: fault.Usage, Thing: fault.Field("Network") + " " + value, Cause: cause, Mend: mend}
	}
	words := strings.Split(value, ",")
	kind, name, named := strings.Cut(words[0], "=")
	s.Kind = Kind(kind)
	options := map[string]func(v string) error{}
	switch {
	case value == "":
		s.Kind = None
	case s.Kind == Tap && name != "":
		s.Interface = name
		options = s.tapOptions()
	case named:
		return s, bad("no such network", "one of none, host, user, "+tapForm)
	case s.Kind == User:
		s.MTU = DefaultMTU
		options = s.userOptions()
	case s.Kind == None, s.Kind == Host:
	default:
		return s, bad("no such network", "one of none, host, user, "+tapForm)
	}
	for _, w := range words[1:] {
		key, v, _ := strings.Cut(w, "=")
		set := options[key]
		if set == nil {
			return s, bad(fmt.Sprintf("no option %q, or it is there twice", key), "the forms are "+userForm+" and "+tapForm)
		}
		delete(options, key)
		if err := set(v); err != nil {
			return s, bad(fmt.Sprintf("%s: %v", w, err), "")
		}
	}
	if s.Gateway.IsValid() && !s.Address.Contains(s.Gateway) {
		return s, bad("the gateway is not in the guest's network", "give ip=ADDRESS/BITS with it")
	}
	return s, nil
}

func (s *Spec) userOptions() map[string]func(string) error {
	return map[string]func(string) error{
		"loopback": func(v string) error {
			s.Loopback = true
			if v != "" {
				return fmt.Errorf("it takes no value")
			}
			return nil
		},
		"mtu": func(v string) error {
			n, err := strconv.ParseUint(v, 10, 16)
			if err != nil || n < 1280 || n > DefaultMTU {
				return fmt.Errorf("want a number from 1280 to %d", DefaultMTU)
			}
			s.MTU = uint16(n)
			return nil
		},
	}
}

func (s *Spec) tapOptions() map[string]func(string) error {
	return map[string]func(string) error{
		"ip": func(v string) (err error) {
			if s.Address, err = netip.ParsePrefix(v); err != nil || !s.Address.Addr().Is4() {
				return fmt.Errorf("want an IPv4 address and the bits of its network: 192.0.2.2/24")
			}
			return nil
		},
		"gateway": func(v string) error { return address(v, &s.Gateway) },
		"dns":     func(v string) error { return address(v, &s.DNS) },
	}
}

func address(v string, to *netip.Addr) (err error) {
	if *to, err = netip.ParseAddr(v); err != nil || !to.Is4() {
		return fmt.Errorf("want an IPv4 address")
	}
	return nil
}
