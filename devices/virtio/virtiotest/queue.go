package virtiotest

import (
	"encoding/binary"
	"time"

	"terem/memory"
)

// Queue is the driver's end of a virtqueue. Its fields may be changed between NewQueue and Ready.
type Queue struct {
	Index    int
	Size     uint16
	EventIdx bool // EVENT_IDX was negotiated
	Indirect bool // Submit puts descriptors into an indirect table

	DescAddr   memory.Addr // of the descriptor table
	DriverAddr memory.Addr // of the available ring
	DeviceAddr memory.Addr // of the used ring

	g        *Guest
	unused   []uint16 // descriptors
	requests []*Request
	seen     uint16  // used index up to which Used has looked
	notified uint16  // available index at the last Notify
	word     [4]byte // what write writes
}

// Buffer is n bytes of guest RAM, all of a descriptor's buffer.
type Buffer struct {
	Addr  memory.Addr
	Bytes []byte
}

// Request is a chain of descriptors and its buffers.
type Request struct {
	Head  uint16
	Read  []Buffer // for the device to read
	Write []Buffer // for it to write

	table memory.Addr // of the indirect descriptors
	descs []uint16    // that the chain takes
}

// Used is an element of the used ring.
type Used struct {
	Head    uint16
	Len     uint32 // bytes that the device says it has written
	Request *Request
}

// Written is what is in the buffers that the device may write, one after the other.
func (r *Request) Written() []byte {
	var all []byte
	for _, b := range r.Write {
		all = append(all, b.Bytes...)
	}
	return all
}

// Submit makes a request of buffers with the given contents for the device to read and buffers of
// the given lengths for it to write, and puts it into the available ring.
func (q *Queue) Submit(read [][]byte, writeLens []int) *Request {
	q.g.t.Helper()
	r := q.Build(read, writeLens)
	q.Offer(r)
	return r
}

// Build makes a request without offering it to the device. Buffers for the device to write are
// filled with 0xa5.
func (q *Queue) Build(read [][]byte, writeLens []int) *Request {
	q.g.t.Helper()
	r := &Request{}
	var descs []Desc
	for _, p := range read {
		b := q.g.buffer(len(p))
		copy(b.Bytes, p)
		r.Read = append(r.Read, b)
		descs = append(descs, Desc{Addr: b.Addr, Len: uint32(len(p)), Flags: DescNext})
	}
	for _, n := range writeLens {
		b := q.g.buffer(n)
		for i := range b.Bytes {
			b.Bytes[i] = 0xa5
		}
		r.Write = append(r.Write, b)
		descs = append(descs, Desc{Addr: b.Addr, Len: uint32(n), Flags: DescNext | DescWrite})
	}
	descs[len(descs)-1].Flags &^= DescNext
	if q.Indirect {
		r.table = q.g.Alloc(16 * len(descs))
		for i, d := range descs {
			d.Next = uint16(i + 1)
			q.g.Put(r.table, i, d)
		}
		descs = []Desc{{Addr: r.table, Len: uint32(16 * len(descs)), Flags: DescIndirect}}
	}
	q.chain(r, descs)
	return r
}

// chain puts descriptors into free entries of the queue's table.
func (q *Queue) chain(r *Request, descs []Desc) {
	q.g.t.Helper()
	n := len(descs)
	if n > len(q.unused) {
		q.g.t.Fatalf("queue %d: %d descriptors wanted, %d free of %d", q.Index, n, len(q.unused), q.Size)
	}
	r.descs = append(r.descs, q.unused[len(q.unused)-n:]...)
	q.unused = q.unused[:len(q.unused)-n]
	for i, d := range descs {
		if d.Flags&DescNext != 0 {
			d.Next = r.descs[i+1]
		}
		q.SetDesc(int(r.descs[i]), d)
	}
	r.Head = r.descs[0]
	q.requests[r.Head] = r
}

// Offer puts a request that was built, or has been used, into the available ring. It allocates
// nothing.
func (q *Queue) Offer(r *Request) { q.Raw(r.Head) }

// Free gives the descriptors and buffers of a request back.
func (q *Queue) Free(r *Request) {
	q.requests[r.Head] = nil
	q.unused = append(q.unused, r.descs...)
	for _, b := range append(r.Read, r.Write...) {
		q.g.Free(b.Addr, len(b.Bytes))
	}
	if r.table != 0 {
		q.g.Free(r.table, 16*(len(r.Read)+len(r.Write)))
	}
}

// Notify tells the device of what was offered since the last Notify, if it wants to be told, and
// says whether it did.
func (q *Queue) Notify() bool {
	now, before := q.AvailIdx(), q.notified
	q.notified = now
	if q.EventIdx {
		if now-q.AvailEvent()-1 >= now-before {
			return false
		}
	} else if q.UsedFlags()&1 != 0 {
		return false
	}
	q.Kick()
	return true
}

// Kick writes QueueNotify, wanted or not.
func (q *Queue) Kick() { q.write(RegQueueNotify, uint32(q.Index)) }

// write is Write32 without an allocation, for the goroutine of this queue.
func (q *Queue) write(off uint64, v uint32) {
	binary.LittleEndian.PutUint32(q.word[:], v)
	q.g.MMIO.Write(off, q.word[:])
}

// Used takes the next element of the used ring; false: there is none. Its request is the
// driver's again, to read, and to Offer or to Free.
func (q *Queue) Used() (Used, bool) {
	if q.UsedIdx() == q.seen {
		return Used{}, false
	}
	b := q.g.Bytes(q.DeviceAddr+4+memory.Addr(q.seen&(q.Size-1))*8, 8)
	q.seen++
	u := Used{Head: binary.LittleEndian.Uint16(b), Len: binary.LittleEndian.Uint32(b[4:])}
	if id := binary.LittleEndian.Uint32(b); id < uint32(q.Size) {
		u.Request = q.requests[id]
	}
	return u, true
}

// WaitUsed is Used for a driver that sleeps until the device interrupts it. It fails the test
// when nothing has come after the timeout.
func (q *Queue) WaitUsed(timeout time.Duration) Used {
	for deadline := time.Now().Add(timeout); ; {
		edges := q.g.IRQ.Count()
		if u, ok := q.Used(); ok {
			return u
		}
		if q.EventIdx {
			q.SetUsedEvent(q.seen) // and a barrier, before the ring is looked at again
		}
		if u, ok := q.Used(); ok {
			return u
		}
		if !q.g.IRQ.Wait(edges, deadline) {
			q.g.t.Helper() // not before: it is slow
			q.g.t.Fatalf("queue %d: nothing used after %v: status %#x, %v", q.Index, timeout, q.g.Status(), q.g.MMIO.Err())
		}
		q.write(RegInterruptACK, 1) // other bits are for those who look for them
	}
}

// Do makes one request, waits for it and returns what the device wrote: the length that it said,
// and a copy of all buffers.
func (q *Queue) Do(read [][]byte, writeLens []int) (n uint32, written []byte) {
	q.g.t.Helper()
	r := q.Submit(read, writeLens)
	q.Notify()
	u := q.WaitUsed(Timeout)
	if u.Request != r {
		q.g.t.Fatalf("queue %d: head %d is used, want %d", q.Index, u.Head, r.Head)
	}
	written = r.Written()
	q.Free(r)
	return u.Len, written
}

// Timeout is how long Do waits: much longer than any request takes on a busy machine.
const Timeout = 30 * time.Second

// Deadline is when a wait that begins now is over.
func Deadline() time.Time { return time.Now().Add(Timeout) }

// Ack is what an interrupt handler does first: it reads InterruptStatus, acknowledges that, and
// returns it.
func (g *Guest) Ack() uint32 {
	s := g.Read32(RegInterruptStatus)
	if s != 0 {
		g.Write32(RegInterruptACK, s)
	}
	return s
}

// reset makes all descriptors free.
func (q *Queue) reset() {
	q.unused = q.unused[:0]
	for i := range q.Size {
		q.unused = append(q.unused, q.Size-1-i)
	}
}

// buffer is n bytes of RAM.
func (g *Guest) buffer(n int) Buffer {
	g.t.Helper()
	a := g.Alloc(n)
	return Buffer{Addr: a, Bytes: g.Bytes(a, n)}
}
