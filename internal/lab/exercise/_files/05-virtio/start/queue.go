// Package exercise is the device's side of a split virtqueue.
package exercise

import "errors"

// Queue is a virtqueue in guest memory. The transport has checked that the three parts lie in RAM, and that Size is a power of two.
type Queue struct {
	RAM    []byte // guest-physical memory from address 0 on
	Size   uint16 // number of entries
	Desc   uint64 // address of the descriptor table
	Driver uint64 // address of the available ring, which the driver writes
	Device uint64 // address of the used ring, which the device writes
	Next   uint16 // how many requests were served so far, as a 16-bit number: all that a snapshot has to keep
}

// Handler carries out a request: read has what the driver sent, write is where the answer goes. It returns how many bytes it has written.
type Handler func(read, write [][]byte) uint32

var errNotYet = errors.New("not written yet")

// Serve carries out all requests that are available, in their order, and gives each back to the driver. It returns how many there were.
//
// What the driver wrote is not to be trusted. An error says that it makes no sense; that request, and those behind it, are not carried out.
// The used ring is written by Store16 and Store32 alone.
func (q *Queue) Serve(handle Handler) (served int, err error) {
	return 0, errNotYet
}
