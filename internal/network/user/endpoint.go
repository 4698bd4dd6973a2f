package user

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"syscall"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/stack"

	virtio "terem/devices/virtio/net"
	"terem/internal/network/link"
)

// Wire carries frames with virtio-net headers, one in each call: a *link.Link.
type Wire interface {
	Send(frame [][]byte) error
	Receive(room [][]byte, wait bool) (n int, err error)
}

// endpoint is the stack's end of the link. It is a stack.LinkEndpoint and a stack.GSOEndpoint.
type endpoint struct {
	wire    Wire
	mtu     uint32
	address tcpip.LinkAddress
	ours    func(frame []byte) bool // whether the stack may see a frame

	offloads   atomic.Pointer[virtio.Offloads] // what the guest does with frames for it
	dispatcher atomic.Pointer[stack.NetworkDispatcher]

	sending sync.Mutex
	head    [virtio.HeaderSize]byte
	pieces  [][]byte
}

func newEndpoint(w Wire, mtu uint32, address [6]byte, ours func([]byte) bool) *endpoint {
	e := &endpoint{wire: w, mtu: mtu, address: tcpip.LinkAddress(address[:]), ours: ours}
	e.offloads.Store(&virtio.Offloads{})
	return e
}

// The buffers that frames are received into: one with room for any, and what is in it is copied out if it is short.
const (
	bufferSize = 64 << 10 // the largest that package buffer keeps for use again
	short      = 4 << 10
)

// receive hands what the guest sends to the stack, until the link is closed.
func (e *endpoint) receive() error {
	var head, beyond [virtio.HeaderSize]byte
	view := buffer.NewViewSize(bufferSize)
	for {
		n, err := e.wire.Receive([][]byte{head[:], view.AsSlice(), beyond[:]}, true)
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET): // with frames that nobody has read
			return nil
		case err != nil:
			return err
		case n == link.OffloadsSize:
			if o, ok := link.ParseOffloads(head[:n]); ok {
				e.offloads.Store(&o)
			}
			continue
		}
		n -= len(head)
		if n < header.EthernetMinimumSize || n > bufferSize || !e.ours(view.AsSlice()[:n]) {
			continue
		}
		if n <= short {
			e.deliver(buffer.NewViewWithData(view.AsSlice()[:n]))
			continue
		}
		view.CapLength(n)
		e.deliver(view)
		view = buffer.NewViewSize(bufferSize)
	}
}

// deliver gives the stack a frame, which is its own from then on.
func (e *endpoint) deliver(v *buffer.View) {
	p := stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: buffer.MakeWithView(v)})
	defer p.DecRef()
	d := e.dispatcher.Load()
	if d == nil || !e.ParseHeader(p) {
		return
	}
	eth := header.Ethernet(p.LinkHeader().Slice())
	p.PktType = e.packetType(eth.DestinationAddress())
	(*d).DeliverNetworkPacket(eth.Type(), p)
}

func (e *endpoint) packetType(to tcpip.LinkAddress) tcpip.PacketType {
	switch {
	case to == e.address:
		return tcpip.PacketHost
	case to == header.EthernetBroadcastAddress:
		return tcpip.PacketBroadcast
	case header.IsMulticastEthernetAddress(to):
		return tcpip.PacketMulticast
	}
	return tcpip.PacketOtherHost
}

// WritePackets sends packets to the guest. It waits while that takes none, as a wire does.
func (e *endpoint) WritePackets(list stack.PacketBufferList) (int, tcpip.Error) {
	for i, p := range list.AsSlice() {
		if err := e.write(p); err != nil && !errors.Is(err, virtio.ErrDropped) {
			return i, &tcpip.ErrClosedForSend{}
		}
	}
	return list.Len(), nil
}

func (e *endpoint) write(p *stack.PacketBuffer) error {
	o := *e.offloads.Load()
	if p.GSOOptions.Type != stack.GSONone && !o.Checksum || long(p) && !segmentable(p, o) {
		for _, frame := range segments(p) {
			if err := e.send(nil, frame); err != nil {
				return err
			}
		}
		return nil
	}
	return e.send(p, p.AsSlices()...)
}

// send sends a frame. p is nil, or has what is left to the guest.
func (e *endpoint) send(p *stack.PacketBuffer, frame ...[]byte) error {
	e.sending.Lock()
	defer e.sending.Unlock()
	e.head = [virtio.HeaderSize]byte{}
	if p != nil {
		fillHeader(&e.head, p)
	}
	e.pieces = append(e.pieces[:0], e.head[:])
	for _, b := range frame {
		if len(b) > 0 {
			e.pieces = append(e.pieces, b)
		}
	}
	err := e.wire.Send(e.pieces)
	clear(e.pieces)
	return err
}

// MTU implements stack.LinkEndpoint.
func (e *endpoint) MTU() uint32 { return e.mtu }

// SetMTU implements stack.LinkEndpoint: it is what the guest was told.
func (e *endpoint) SetMTU(uint32) {}

// MaxHeaderLength implements stack.LinkEndpoint.
func (e *endpoint) MaxHeaderLength() uint16 { return header.EthernetMinimumSize }

// LinkAddress implements stack.LinkEndpoint.
func (e *endpoint) LinkAddress() tcpip.LinkAddress { return e.address }

// SetLinkAddress implements stack.LinkEndpoint.
func (e *endpoint) SetLinkAddress(tcpip.LinkAddress) {}

// Capabilities implements stack.LinkEndpoint. What comes from the guest has crossed no wire: nobody checks it.
func (e *endpoint) Capabilities() stack.LinkEndpointCapabilities {
	return stack.CapabilityResolutionRequired | stack.CapabilityRXChecksumOffload
}

// Attach implements stack.LinkEndpoint.
func (e *endpoint) Attach(d stack.NetworkDispatcher) {
	if d == nil {
		e.dispatcher.Store(nil)
		return
	}
	e.dispatcher.Store(&d)
}

// IsAttached implements stack.LinkEndpoint.
func (e *endpoint) IsAttached() bool { return e.dispatcher.Load() != nil }

// Wait implements stack.LinkEndpoint.
func (e *endpoint) Wait() {}

// ARPHardwareType implements stack.LinkEndpoint.
func (e *endpoint) ARPHardwareType() header.ARPHardwareType { return header.ARPHardwareEther }

// AddHeader implements stack.LinkEndpoint.
func (e *endpoint) AddHeader(p *stack.PacketBuffer) {
	header.Ethernet(p.LinkHeader().Push(header.EthernetMinimumSize)).Encode(&header.EthernetFields{
		SrcAddr: e.address, DstAddr: p.EgressRoute.RemoteLinkAddress, Type: p.NetworkProtocolNumber,
	})
}

// ParseHeader implements stack.LinkEndpoint.
func (e *endpoint) ParseHeader(p *stack.PacketBuffer) bool {
	_, ok := p.LinkHeader().Consume(header.EthernetMinimumSize)
	return ok
}

// Close implements stack.LinkEndpoint.
func (e *endpoint) Close() {}

// SetOnCloseAction implements stack.LinkEndpoint.
func (e *endpoint) SetOnCloseAction(func()) {}

// GSOMaxSize implements stack.GSOEndpoint.
func (e *endpoint) GSOMaxSize() uint32 { return 1<<16 - 1 }

// SupportedGSO implements stack.GSOEndpoint. What the guest does not do, segment.go does.
func (e *endpoint) SupportedGSO() stack.SupportedGSO { return stack.HostGSOSupported }
