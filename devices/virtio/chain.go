package virtio

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"terem/memory"
)

// Chain is one request: the buffers of one chain of descriptors, in order. Its owner uses it again
// from Pop to Pop; once its slices have grown, nothing is allocated.
//
// The buffers are guest RAM, which the guest may change while they are read: copy a field, then
// check the copy.
type Chain struct {
	Read  [][]byte // what the driver wrote, for the device to read; none of them empty
	Write [][]byte // for the device to fill; none of them empty

	readLen, writeLen uint64
	q                 *Queue // whose request it is; nil: none
	head              uint16
}

// ReadLen is the number of bytes in Read when the chain was popped, at most 2^32-1.
func (c *Chain) ReadLen() uint64 { return c.readLen }

// WriteLen is the number of bytes in Write when the chain was popped, at most 2^32-1.
func (c *Chain) WriteLen() uint64 { return c.writeLen }

// The ways in which a chain breaks the rules of virtio 1.2 sections 2.7.4 and 2.7.5.
var (
	errTooLong  = errors.New("more descriptors than the queue has entries: a loop, or too long a chain")
	errOrder    = errors.New("a buffer for the device to read follows one to write")
	errTooMuch  = errors.New("4 GiB or more in one chain")
	errIndirect = errors.New("an indirect descriptor that was not negotiated, is within a table, or has a next one")
)

// collect walks the chain that begins at head and puts its buffers into c. Each descriptor is
// read once. The walk ends after as many buffers as the queue has entries, however the driver
// has linked them.
func (q *Queue) collect(c *Chain, head uint16) error {
	c.Read, c.Write, c.readLen, c.writeLen = c.Read[:0], c.Write[:0], 0, 0
	table, within, writing := q.ring.desc, false, false
	i := int(head)
	for left := int(q.size); left > 0; {
		if i >= len(table)/descSize {
			return badNext(i)
		}
		d := table[i*descSize:][:descSize]
		addr, rest := binary.LittleEndian.Uint64(d), binary.LittleEndian.Uint64(d[8:])
		size, flags := rest&math.MaxUint32, uint16(rest>>32)
		if flags&descIndirect != 0 {
			if within || flags&descNext != 0 || !q.indirect {
				return errIndirect
			}
			t, err := q.table(addr, size)
			if err != nil {
				return err
			}
			table, within, i = t, true, 0
			continue
		}
		if flags&descWrite == 0 && writing {
			return errOrder
		}
		writing = flags&descWrite != 0
		if err := c.add(q.mem, addr, size, writing); err != nil {
			return err
		}
		if flags&descNext == 0 {
			if c.readLen+c.writeLen > math.MaxUint32 {
				return errTooMuch
			}
			return nil
		}
		i = int(rest >> 48)
		left--
	}
	return errTooLong
}

// add appends a buffer. An empty one says nothing, not even with its address.
func (c *Chain) add(mem *memory.Guest, addr, size uint64, write bool) error {
	if size == 0 {
		return nil
	}
	b, err := mem.Slice(memory.Addr(addr), size)
	if err != nil {
		return err
	}
	if write {
		c.Write = append(c.Write, b)
		c.writeLen += size
		return nil
	}
	c.Read = append(c.Read, b)
	c.readLen += size
	return nil
}

// table is the indirect table at addr: whole descriptors, and not more than the queue has.
func (q *Queue) table(addr, size uint64) ([]byte, error) {
	if size == 0 || size%descSize != 0 || size/descSize > uint64(q.size) {
		return nil, fmt.Errorf("indirect table of %d bytes: want 1 to %d descriptors of %d", size, q.size, descSize)
	}
	b, err := q.mem.Slice(memory.Addr(addr), size)
	if err != nil {
		return nil, fmt.Errorf("indirect table: %w", err)
	}
	return b, nil
}

func badNext(i int) error { return fmt.Errorf("descriptor %d is outside its table", i) }
