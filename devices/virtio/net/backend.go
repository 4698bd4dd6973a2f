package net

import "errors"

// ErrInterrupted is the error of a Send or Receive that Interrupt has called off.
var ErrInterrupted = errors.New("interrupted")

// ErrDropped is the error of a Send whose frame is lost, though the next one may not be: an interface of the host's that
// is down, say.
var ErrDropped = errors.New("the frame is lost")

// Backend is where frames go to and come from. Each begins with a header, as package net has it. Send is called by
// one goroutine, Receive by another. The slices are guest RAM, none of them empty, at most MaxPieces, and only valid
// until the call returns.
//
// Any error but those above says that the link is down for good.
type Backend interface {
	// Send sends a frame. It may wait.
	Send(frame [][]byte) error

	// Receive fills room with the next frame, as far as there is room, and says how long it is. If there
	// is none, it waits for one or, if it is not to wait, returns 0.
	Receive(room [][]byte, wait bool) (n int, err error)

	// Interrupt has Send, Receive and SetOffloads fail with ErrInterrupted, those that wait and those that are still to be
	// called, until it is called with false.
	Interrupt(on bool)

	// SetOffloads says what received frames may leave to the guest. It may come at any time, and may wait as Send does.
	SetOffloads(o Offloads) error

	Close() error
}

// MaxFrame is the most bytes of a frame with its header: a packet of 64 KiB behind an Ethernet header with a VLAN tag.
const MaxFrame = HeaderSize + ethernetSize + vlanSize + 1<<16 - 1

// MaxPieces is in how many slices a Backend gets a frame, or room for one, at most (UIO_MAXIOV).
const MaxPieces = 1024

const (
	ethernetSize = 14
	vlanSize     = 4
)

// Offloads is what a guest can do with frames that it receives.
type Offloads struct {
	Checksum   bool // complete, or believe, a checksum
	TSO4, TSO6 bool // take a TCP packet that is larger than the MTU
}
