// Package exercise is the device's side of a split virtqueue.
package exercise

import (
	"encoding/binary"
	"errors"
	"fmt"
)

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

const (
	flagNext     = 1 << 0
	flagWrite    = 1 << 1
	flagIndirect = 1 << 2
)

// Serve carries out all requests that are available, in their order, and gives each back to the driver. It returns how many there were.
//
// What the driver wrote is not to be trusted. An error says that it makes no sense; that request, and those behind it, are not carried out.
// The used ring is written by Store16 and Store32 alone.
func (q *Queue) Serve(handle Handler) (served int, err error) {
	available := q.load16(q.Driver+2) - q.Next
	if available > q.Size {
		return 0, fmt.Errorf("%d requests in a queue of %d", available, q.Size)
	}
	for ; available > 0; available-- {
		head := q.load16(q.Driver + 4 + 2*uint64(q.Next%q.Size))
		read, write, err := q.chain(head)
		if err != nil {
			return served, err
		}
		n := handle(read, write)
		entry := q.Device + 4 + 8*uint64(q.Next%q.Size)
		q.Next++
		q.Store32(entry, uint32(head))
		q.Store32(entry+4, n)
		q.Store16(q.Device+2, q.Next)
		served++
	}
	return served, nil
}

// chain follows a chain of descriptors.
func (q *Queue) chain(i uint16) (read, write [][]byte, err error) {
	for n := uint16(0); ; n++ {
		if n == q.Size {
			return nil, nil, errors.New("a loop of descriptors")
		}
		if i >= q.Size {
			return nil, nil, fmt.Errorf("no descriptor %d", i)
		}
		d := q.RAM[q.Desc+16*uint64(i):][:16]
		addr, length := binary.LittleEndian.Uint64(d), uint64(binary.LittleEndian.Uint32(d[8:]))
		flags, next := binary.LittleEndian.Uint16(d[12:]), binary.LittleEndian.Uint16(d[14:])
		if flags&flagIndirect != 0 {
			return nil, nil, errors.New("an indirect table, which was not negotiated")
		}
		if size := uint64(len(q.RAM)); addr > size || length > size-addr {
			return nil, nil, fmt.Errorf("a buffer at %#x, %d bytes: not in memory", addr, length)
		}
		if b := q.RAM[addr:][:length]; flags&flagWrite != 0 {
			write = append(write, b)
		} else {
			read = append(read, b)
		}
		if flags&flagNext == 0 {
			return read, write, nil
		}
		i = next
	}
}

func (q *Queue) load16(addr uint64) uint16 { return binary.LittleEndian.Uint16(q.RAM[addr:]) }
