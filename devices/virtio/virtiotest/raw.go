package virtiotest

import (
	"encoding/binary"

	"terem/memory"
)

// Desc is a descriptor.
type Desc struct {
	Addr  memory.Addr
	Len   uint32
	Flags uint16
	Next  uint16
}

// Put writes d into a table of descriptors at a, as entry i. It does not check anything but that
// the entry is in RAM.
func (g *Guest) Put(a memory.Addr, i int, d Desc) {
	b := g.Bytes(a+memory.Addr(16*i), 16)
	binary.LittleEndian.PutUint64(b, uint64(d.Addr))
	binary.LittleEndian.PutUint32(b[8:], d.Len)
	binary.LittleEndian.PutUint16(b[12:], d.Flags)
	binary.LittleEndian.PutUint16(b[14:], d.Next)
}

// SetDesc writes descriptor i.
func (q *Queue) SetDesc(i int, d Desc) { q.g.Put(q.DescAddr, i, d) }

// Raw makes descriptor head the next request, whatever is in it.
func (q *Queue) Raw(head uint16) {
	idx := q.AvailIdx()
	q.SetAvail(idx, head)
	q.SetAvailIdx(idx + 1)
}

// SetAvail writes a head into the available ring's slot of index idx.
func (q *Queue) SetAvail(idx, head uint16) {
	binary.LittleEndian.PutUint16(q.g.Bytes(q.DriverAddr+4+memory.Addr(idx&(q.Size-1))*2, 2), head)
}

// AvailIdx is the index that the driver publishes.
func (q *Queue) AvailIdx() uint16 { return q.load(q.DriverAddr + 2) }

// SetAvailIdx publishes an index.
func (q *Queue) SetAvailIdx(idx uint16) { q.store(q.DriverAddr+2, idx) }

// SetAvailFlags writes the driver's flags: 1 is NO_INTERRUPT.
func (q *Queue) SetAvailFlags(flags uint16) { q.store(q.DriverAddr, flags) }

// UsedEvent is the used index whose passing the driver wants to be told of, with EVENT_IDX.
func (q *Queue) UsedEvent() uint16 { return q.load(q.usedEvent()) }

// SetUsedEvent sets it.
func (q *Queue) SetUsedEvent(idx uint16) { q.store(q.usedEvent(), idx) }

// UsedIdx is the index that the device publishes.
func (q *Queue) UsedIdx() uint16 { return q.load(q.DeviceAddr + 2) }

// UsedFlags is the device's flags: 1 is NO_NOTIFY.
func (q *Queue) UsedFlags() uint16 { return q.load(q.DeviceAddr) }

// AvailEvent is the available index whose passing the device wants to be told of, with EVENT_IDX.
func (q *Queue) AvailEvent() uint16 { return q.load(q.DeviceAddr + 4 + memory.Addr(q.Size)*8) }

func (q *Queue) usedEvent() memory.Addr { return q.DriverAddr + 4 + memory.Addr(q.Size)*2 }

func (q *Queue) load(a memory.Addr) uint16 { return load16(q.g.RAM, uint64(a-q.g.Base)) }

func (q *Queue) store(a memory.Addr, v uint16) { store16(q.g.RAM, uint64(a-q.g.Base), v) }
