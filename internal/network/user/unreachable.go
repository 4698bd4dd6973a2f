package user

import (
	"bytes"
	"errors"
	"sync"
	"syscall"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/checksum"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
)

// What an ICMP error quotes of the packet that it is about: its IP header and 8 bytes of what is behind it.
const quoted = 8

// packet is so much of one, and who has sent it.
type packet struct {
	ip     []byte
	from   tcpip.Address
	sender tcpip.LinkAddress
}

// quote copies what an ICMP error needs.
func quote(p *stack.PacketBuffer) packet {
	ip, transport := p.NetworkHeader().Slice(), p.TransportHeader().Slice()
	if len(transport) < quoted {
		return packet{}
	}
	var sender tcpip.LinkAddress
	if eth := p.LinkHeader().Slice(); len(eth) >= header.EthernetMinimumSize {
		sender = header.Ethernet(eth).SourceAddress()
	}
	return packet{ip: append(bytes.Clone(ip), transport[:quoted]...), from: p.Network().SourceAddress(), sender: sender}
}

// syns keeps the packets with which connections begin, until it is known what becomes of those.
type syns struct {
	mu   sync.Mutex
	list map[stack.TransportEndpointID]packet
}

// note keeps a packet, if it is one and there is room.
func (s *syns) note(id stack.TransportEndpointID, p *stack.PacketBuffer) {
	t := header.TCP(p.TransportHeader().Slice())
	if len(t) < header.TCPMinimumSize || t.Flags()&(header.TCPFlagSyn|header.TCPFlagAck) != header.TCPFlagSyn {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.list == nil {
		s.list = map[stack.TransportEndpointID]packet{}
	}
	if len(s.list) >= 2*maxSYNs {
		clear(s.list) // they were for nobody
	}
	s.list[id] = quote(p)
}

// take gives a packet back.
func (s *syns) take(id stack.TransportEndpointID) packet {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.list[id]
	delete(s.list, id)
	return p
}

// unreachable tells the guest, by ICMP, why the host could not send what it had asked for. What went into a void stays unanswered.
func (n *Network) unreachable(p packet, err error) {
	var e syscall.Errno
	if p.ip == nil || !errors.As(err, &e) {
		return
	}
	code4, code6 := header.ICMPv4HostUnreachable, header.ICMPv6AddressUnreachable
	switch e {
	case syscall.ENETUNREACH:
		code4, code6 = header.ICMPv4NetUnreachable, header.ICMPv6NetworkUnreachable
	case syscall.EHOSTUNREACH:
	case syscall.EACCES, syscall.EPERM:
		code4, code6 = header.ICMPv4AdminProhibited, header.ICMPv6Prohibited
	case syscall.ECONNREFUSED: // of a datagram; of a connection, that is RST
		code4, code6 = header.ICMPv4PortUnreachable, header.ICMPv6PortUnreachable
	default:
		return
	}
	if header.IPVersion(p.ip) == header.IPv4Version {
		n.tell(header.IPv4ProtocolNumber, p, n.icmp4(p, code4))
		return
	}
	n.tell(header.IPv6ProtocolNumber, p, n.icmp6(p, code6))
}

// tell sends a packet that is an answer to p.
func (n *Network) tell(protocol tcpip.NetworkProtocolNumber, p packet, answer []byte) {
	_ = n.stack.WritePacketToRemote(card, p.sender, protocol, buffer.MakeWithData(answer)) // a guest that is not told waits longer
}

func (n *Network) icmp4(p packet, code header.ICMPv4Code) []byte {
	b := make([]byte, header.IPv4MinimumSize+header.ICMPv4MinimumSize+len(p.ip))
	ip := header.IPv4(b)
	ip.Encode(&header.IPv4Fields{
		TotalLength: uint16(len(b)), TTL: 64, Protocol: uint8(header.ICMPv4ProtocolNumber), SrcAddr: toStack(n.plan.Gateway[0]), DstAddr: p.from,
	})
	ip.SetChecksum(^ip.CalculateChecksum())
	m := header.ICMPv4(b[header.IPv4MinimumSize:])
	m.SetType(header.ICMPv4DstUnreachable)
	m.SetCode(code)
	copy(m.Payload(), p.ip)
	m.SetChecksum(^checksum.Checksum(m, 0))
	return b
}

func (n *Network) icmp6(p packet, code header.ICMPv6Code) []byte {
	b := make([]byte, header.IPv6MinimumSize+header.ICMPv6DstUnreachableMinimumSize+len(p.ip))
	from := toStack(n.plan.Gateway[len(n.plan.Gateway)-1])
	header.IPv6(b).Encode(&header.IPv6Fields{
		PayloadLength: uint16(len(b) - header.IPv6MinimumSize), TransportProtocol: header.ICMPv6ProtocolNumber, HopLimit: 255, SrcAddr: from, DstAddr: p.from,
	})
	m := header.ICMPv6(b[header.IPv6MinimumSize:])
	m.SetType(header.ICMPv6DstUnreachable)
	m.SetCode(code)
	copy(m[header.ICMPv6DstUnreachableMinimumSize:], p.ip)
	m.SetChecksum(header.ICMPv6Checksum(header.ICMPv6ChecksumParams{Header: m, Src: from, Dst: p.from}))
	return b
}
