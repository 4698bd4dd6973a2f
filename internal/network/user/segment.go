package user

import (
	"encoding/binary"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/checksum"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/stack"

	virtio "terem/devices/virtio/net"
)

// long says whether a TCP packet is to be cut into several.
func long(p *stack.PacketBuffer) bool {
	return p.GSOOptions.Type != stack.GSONone && p.Data().Size() > int(p.GSOOptions.MSS)
}

// segmentable says whether the guest takes it as it is.
func segmentable(p *stack.PacketBuffer, o virtio.Offloads) bool {
	if p.GSOOptions.Type == stack.GSOTCPv6 {
		return o.TSO6
	}
	return o.TSO4
}

// fillHeader says what is left to the guest.
func fillHeader(h *[virtio.HeaderSize]byte, p *stack.PacketBuffer) {
	if p.GSOOptions.Type == stack.GSONone || !p.GSOOptions.NeedsCsum {
		return
	}
	le := binary.LittleEndian
	h[virtio.OffFlags] = virtio.FlagNeedsChecksum
	le.PutUint16(h[virtio.OffChecksumStart:], header.EthernetMinimumSize+uint16(len(p.NetworkHeader().Slice())))
	le.PutUint16(h[virtio.OffChecksumOffset:], p.GSOOptions.CsumOffset)
	if !long(p) {
		return
	}
	h[virtio.OffGSOType] = virtio.GSOTCP4
	if p.GSOOptions.Type == stack.GSOTCPv6 {
		h[virtio.OffGSOType] = virtio.GSOTCP6
	}
	le.PutUint16(h[virtio.OffHeaderLen:], uint16(p.HeaderSize()))
	le.PutUint16(h[virtio.OffGSOSize:], p.GSOOptions.MSS)
}

// segments cuts a TCP packet of the stack's into frames of the MSS at most, with all checksums complete.
func segments(p *stack.PacketBuffer) (frames [][]byte) {
	ip, tcp := len(p.NetworkHeader().Slice()), len(p.TransportHeader().Slice())
	var whole []byte
	for _, b := range p.AsSlices() {
		whole = append(whole, b...)
	}
	heads, data := whole[:header.EthernetMinimumSize+ip+tcp], whole[header.EthernetMinimumSize+ip+tcp:]
	mss := max(int(p.GSOOptions.MSS), 1)
	first := header.TCP(heads[header.EthernetMinimumSize+ip:])
	sequence, flags := first.SequenceNumber(), first.Flags()
	for off := 0; off == 0 || off < len(data); off += mss {
		part := data[off:min(off+mss, len(data))]
		f := append(append(make([]byte, 0, len(heads)+len(part)), heads...), part...)
		now := flags
		if off+mss < len(data) {
			now &^= header.TCPFlagFin | header.TCPFlagPsh
		}
		t := header.TCP(f[header.EthernetMinimumSize+ip:])
		t.SetSequenceNumber(sequence + uint32(off))
		t.SetFlags(uint8(now))
		complete(f[header.EthernetMinimumSize:], ip, off/mss)
		frames = append(frames, f)
	}
	return frames
}

// complete makes lengths and checksums of the n-th IP packet right.
func complete(packet []byte, ip, n int) {
	var from, to tcpip.Address
	if header.IPVersion(packet) == header.IPv4Version {
		h := header.IPv4(packet)
		h.SetTotalLength(uint16(len(packet)))
		h.SetID(h.ID() + uint16(n))
		h.SetChecksum(0)
		h.SetChecksum(^h.CalculateChecksum())
		from, to = h.SourceAddress(), h.DestinationAddress()
	} else {
		h := header.IPv6(packet)
		h.SetPayloadLength(uint16(len(packet) - ip))
		from, to = h.SourceAddress(), h.DestinationAddress()
	}
	t := header.TCP(packet[ip:])
	t.SetChecksum(0)
	sum := header.PseudoHeaderChecksum(header.TCPProtocolNumber, from, to, uint16(len(t)))
	t.SetChecksum(^checksum.Checksum(t, sum))
}
