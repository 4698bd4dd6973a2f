package user

import (
	"encoding/binary"
	"net/netip"
	"time"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// A DHCP message, RFC 2131 section 2:
//
//	off  bytes  field   meaning
//	---  -----  ------  ------------------------------------------
//	  0  1      op      1 request, 2 reply
//	  1  1      htype   1 Ethernet
//	  2  1      hlen    6
//	  4  4      xid     of the request, and so of the reply
//	 16  4      yiaddr  the client's address
//	 20  4      siaddr  the server's
//	 28  16     chaddr  the client's address on the link
//	236  4      magic
//	240  ...    options: a code, a length, and so many bytes (RFC 2132)
const (
	dhcpOp      = 0
	dhcpXID     = 4
	dhcpFlags   = 10
	dhcpClient  = 12
	dhcpYours   = 16
	dhcpServer  = 20
	dhcpChaddr  = 28
	dhcpMagic   = 236
	dhcpOptions = 240

	dhcpCookie = 0x63825363
	dhcpReply  = 2
)

// Options, and the messages that the first of them tells apart.
const (
	optMask     = 1
	optRouter   = 3
	optDNS      = 6
	optMTU      = 26
	optAddress  = 50 // that the client wants
	optLease    = 51
	optMessage  = 53
	optServerID = 54
	optEnd      = 255

	discover = 1
	offer    = 2
	request  = 3
	ack      = 5
	nak      = 6
	inform   = 8
)

const (
	dhcpServerPort = 67
	dhcpClientPort = 68
	lease          = 24 * time.Hour
)

// serveDHCP gives the guest the one address that there is for it. Guests of terem's own do without.
func (n *Network) serveDHCP() error {
	at := tcpip.FullAddress{NIC: card, Port: dhcpServerPort}
	u, err := gonet.DialUDP(n.stack, &at, nil, protocolOf(n.plan.Gateway[0]))
	if err != nil {
		return err
	}
	go func() {
		p := make([]byte, chunk)
		for {
			k, _, err := u.ReadFrom(p)
			if err != nil {
				return
			}
			if answer := n.lease(p[:k]); answer != nil {
				n.sendDHCP(answer)
			}
		}
	}()
	return nil
}

// lease gives the answer to a client's message; nil: it is none, or is for another server.
func (n *Network) lease(m []byte) []byte {
	be := binary.BigEndian
	if len(m) < dhcpOptions || m[dhcpOp] != 1 || be.Uint32(m[dhcpMagic:]) != dhcpCookie {
		return nil
	}
	o := dhcpOptionsOf(m[dhcpOptions:])
	guest := n.plan.Guest[0]
	kind := byte(ack)
	switch {
	case len(o[optMessage]) != 1:
		return nil
	case len(o[optServerID]) == 4 && netip.AddrFrom4([4]byte(o[optServerID])) != n.plan.Gateway[0]:
		return nil
	case o[optMessage][0] == discover:
		kind = offer
	case o[optMessage][0] == request && !wants(m, o, guest.Addr()):
		kind = nak
	case o[optMessage][0] != request && o[optMessage][0] != inform:
		return nil
	}
	a := make([]byte, dhcpOptions)
	copy(a, m[:dhcpClient])
	a[dhcpOp] = dhcpReply
	copy(a[dhcpChaddr:dhcpChaddr+16], m[dhcpChaddr:])
	copy(a[dhcpServer:], n.plan.Gateway[0].AsSlice())
	be.PutUint32(a[dhcpMagic:], dhcpCookie)
	add := func(code byte, value []byte) { a = append(append(a, code, byte(len(value))), value...) }
	add(optMessage, []byte{kind})
	add(optServerID, n.plan.Gateway[0].AsSlice())
	if kind == nak {
		return append(a, optEnd)
	}
	copy(a[dhcpYours:], guest.Addr().AsSlice())
	add(optLease, be.AppendUint32(nil, uint32(lease/time.Second)))
	add(optMask, be.AppendUint32(nil, ^uint32(0)<<(32-guest.Bits())))
	add(optRouter, n.plan.Gateway[0].AsSlice())
	add(optDNS, n.plan.DNS[0].AsSlice())
	add(optMTU, be.AppendUint16(nil, n.plan.MTU))
	return append(a, optEnd)
}

// sendDHCP sends a message to all there are: the client may have no address yet.
func (n *Network) sendDHCP(m []byte) {
	b := make([]byte, header.IPv4MinimumSize+header.UDPMinimumSize+len(m))
	ip := header.IPv4(b)
	ip.Encode(&header.IPv4Fields{
		TotalLength: uint16(len(b)), TTL: 64, Protocol: uint8(header.UDPProtocolNumber), SrcAddr: toStack(n.plan.Gateway[0]), DstAddr: header.IPv4Broadcast,
	})
	ip.SetChecksum(^ip.CalculateChecksum())
	u := header.UDP(b[header.IPv4MinimumSize:])
	u.Encode(&header.UDPFields{SrcPort: dhcpServerPort, DstPort: dhcpClientPort, Length: uint16(len(u))}) // no checksum, as IPv4 allows
	copy(u.Payload(), m)
	_ = n.stack.WritePacketToRemote(card, header.EthernetBroadcastAddress, header.IPv4ProtocolNumber, buffer.MakeWithData(b)) // it asks again
}

// wants says whether a request is for the address that there is.
func wants(m []byte, o map[byte][]byte, a netip.Addr) bool {
	asked := m[dhcpClient:dhcpYours]
	if len(o[optAddress]) == 4 {
		asked = o[optAddress]
	}
	return netip.AddrFrom4([4]byte(asked)) == a
}

// dhcpOptionsOf reads options, as far as they make sense.
func dhcpOptionsOf(b []byte) map[byte][]byte {
	m := map[byte][]byte{}
	for len(b) > 0 && b[0] != optEnd {
		if b[0] == 0 { // padding
			b = b[1:]
			continue
		}
		if len(b) < 2 || len(b)-2 < int(b[1]) {
			break
		}
		m[b[0]] = b[2 : 2+int(b[1])]
		b = b[2+int(b[1]):]
	}
	return m
}
