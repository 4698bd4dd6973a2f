package cmdline

import (
	"encoding/base64"
	"encoding/binary"
	"net/netip"
	"strings"
)

// Network is what PID 1 does with the network card.
type Network struct {
	Interfaces []Address    // none: it only sets the card up
	Servers    []netip.Addr // name servers
}

// Address is an address of the guest's, and the way out of its network.
type Address struct {
	Own     netip.Prefix
	Gateway netip.Addr // zero: none
}

// Word returns it as a word of a kernel command line: PID 1 has no more to do than to hand messages to its kernel, but for the
// last one, which is what resolv.conf is to hold.
func (n *Network) Word() string {
	var messages []byte
	for _, a := range n.Interfaces {
		messages = append(messages, newAddress(a.Own)...)
		if a.Gateway.IsValid() {
			messages = append(messages, newRoute(a.Gateway)...)
		}
	}
	var resolv strings.Builder
	for _, s := range n.Servers {
		resolv.WriteString("nameserver " + s.String() + "\n")
	}
	if text := resolv.String(); text != "" {
		text += strings.Repeat("\n", -len(text)&3)
		messages = append(messages, message(done, []byte(text))...)
	}
	return "terem.net=" + base64.RawURLEncoding.EncodeToString(messages)
}

// A message to rtnetlink(7) is a header, a structure of its kind, and attributes; all in the machine's own byte order.
//
//	struct nlmsghdr     length u32, type u16, flags u16, sequence u32, port u32
//	struct ifaddrmsg    family u8, prefixlen u8, flags u8, scope u8, index u32
//	struct rtmsg        family u8, dst_len u8, src_len u8, tos u8, table u8, protocol u8, scope u8, type u8, flags u32
//	struct rtattr       length u16, type u16, and the value; padded to 4 bytes
//
// The numbers are those of linux/netlink.h, rtnetlink.h and if_addr.h.
const (
	done      = 3   // NLMSG_DONE
	newAddr   = 20  // RTM_NEWADDR
	newRoutes = 24  // RTM_NEWROUTE
	asked     = 0x1 // NLM_F_REQUEST
	answered  = 0x4 // NLM_F_ACK
	replace   = 0x100
	create    = 0x400

	ifaAddress = 1
	ifaLocal   = 2
	rtaGateway = 5

	permanent = 0x80 // IFA_F_PERMANENT
	noDAD     = 0x02 // IFA_F_NODAD: nobody else has the address, and nobody waits to see that
	mainTable = 254  // RT_TABLE_MAIN
	atBoot    = 3    // RTPROT_BOOT
	unicast   = 1    // RTN_UNICAST

	afInet  = 2
	afInet6 = 10
)

// newAddress gives the card an address. PID 1 fills in the card's index.
func newAddress(p netip.Prefix) []byte {
	a := p.Addr().AsSlice()
	return message(newAddr, []byte{family(p.Addr()), byte(p.Bits()), permanent | noDAD, 0, 0, 0, 0, 0}, attribute(ifaLocal, a), attribute(ifaAddress, a))
}

// newRoute makes a gateway the way to everywhere.
func newRoute(gateway netip.Addr) []byte {
	return message(newRoutes, []byte{family(gateway), 0, 0, 0, mainTable, atBoot, 0, unicast, 0, 0, 0, 0}, attribute(rtaGateway, gateway.AsSlice()))
}

func family(a netip.Addr) byte {
	if a.Is4() {
		return afInet
	}
	return afInet6
}

func message(kind uint16, parts ...[]byte) []byte {
	const header = 16
	n := header
	for _, p := range parts {
		n += len(p)
	}
	le := binary.LittleEndian
	m := le.AppendUint32(nil, uint32(n))
	m = le.AppendUint16(le.AppendUint16(m, kind), asked|answered|replace|create)
	m = append(m, make([]byte, header-len(m))...)
	for _, p := range parts {
		m = append(m, p...)
	}
	return m
}

// attribute pads nothing: addresses have whole words.
func attribute(kind uint16, value []byte) []byte {
	const header = 4
	le := binary.LittleEndian
	return append(le.AppendUint16(le.AppendUint16(nil, uint16(header+len(value))), kind), value...)
}
