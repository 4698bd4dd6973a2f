package virtio

import (
	"errors"
	"fmt"
	"math/bits"
	"sync"

	"terem/memory"
)

// Queue is the device's end of a split virtqueue. Its methods may be called from any goroutine.
//
// A queue lives from QueueReady to the next reset. One that outlives it does nothing: Pop finds
// nothing, and what is pushed is dropped.
//
// The lock is held for as long as it takes to walk a chain or to write a used element, and never
// while something waits.
type Queue struct {
	owner *MMIO
	mem   *memory.Guest
	bell  Bell

	size               uint16 // a power of two
	indirect, eventIdx bool
	at                 QueueState // Size and the addresses

	mu        sync.Mutex
	ring      *ring
	err       error  // why it is broken
	dead      bool   // the transport has taken it away
	nextAvail uint16 // the available index to pop next
	seen      uint16 // the driver's available index when it was last read
	nextUsed  uint16
	signalled uint16 // nextUsed when Interrupt last looked
	usedFlags uint16
	fence     uint32

	// inFlight has the heads that were popped and not pushed yet; again lists those that were in
	// flight when the queue's state was saved, which Pop gives out first.
	inFlight headSet
	again    []uint16
}

// QueueState is what there is to a queue besides the bytes in guest RAM.
type QueueState struct {
	Size                 uint16
	Ready                bool
	Desc, Driver, Device uint64 // guest-physical addresses of descriptor table, available and used ring
	NextAvail, NextUsed  uint16
	Signalled            uint16   // NextUsed when the device last decided whether to interrupt
	InFlight             []uint16 // heads of requests that were popped and not pushed
}

// newQueue makes a queue of a state, which it checks.
func newQueue(owner *MMIO, bell Bell, s QueueState, features uint64) (*Queue, error) {
	if s.Size == 0 || s.Size&(s.Size-1) != 0 || s.Size > MaxQueueSize {
		return nil, fmt.Errorf("%d entries: want a power of two, at most %d", s.Size, MaxQueueSize)
	}
	r, err := newRing(owner.mem, &s)
	if err != nil {
		return nil, err
	}
	q := &Queue{
		owner: owner, mem: owner.mem, bell: bell, ring: r, at: s,
		size: s.Size, indirect: features&FeatureIndirectDesc != 0, eventIdx: features&FeatureEventIdx != 0,
		nextAvail: s.NextAvail, seen: s.NextAvail, nextUsed: s.NextUsed, signalled: s.Signalled,
	}
	q.at.InFlight = nil
	if !q.eventIdx {
		// What used.flags says in RAM is not known. With this, the first Wait writes it.
		q.usedFlags = usedNoNotify
	}
	var known headSet
	for _, head := range s.InFlight {
		if head >= s.Size || known.has(head) {
			return nil, fmt.Errorf("request %d in flight: no such entry, or twice", head)
		}
		known.add(head)
		q.again = append(q.again, head)
	}
	return q, nil
}

// Size is the number of entries.
func (q *Queue) Size() uint16 { return q.size }

// Pop takes the driver's next request, checked and gathered into c. It is false if there is none,
// and also if the queue is broken, be it by this request.
func (q *Queue) Pop(c *Chain) bool {
	q.mu.Lock()
	ok := q.pop(c)
	q.mu.Unlock()
	return ok
}

func (q *Queue) pop(c *Chain) bool {
	c.q = nil
	head, ok := q.next()
	if !ok {
		return false
	}
	if head >= q.size {
		q.fail(fmt.Errorf("head %d of a queue of %d", head, q.size))
		return false
	}
	if q.inFlight.has(head) {
		q.fail(fmt.Errorf("head %d is in use already", head))
		return false
	}
	if err := q.collect(c, head); err != nil {
		q.fail(fmt.Errorf("chain at descriptor %d: %w", head, err))
		return false
	}
	q.inFlight.add(head)
	c.q, c.head = q, head
	return true
}

// next is the head of the next request. The atomic load of the available index comes before every
// load of what it covers, which pairs with the driver's wmb before it stores the index.
func (q *Queue) next() (head uint16, ok bool) {
	if q.dead || q.err != nil {
		return 0, false
	}
	if len(q.again) > 0 {
		head, q.again = q.again[0], q.again[1:]
		return head, true
	}
	if q.seen == q.nextAvail {
		q.seen = q.ring.availIdx.load()
		if q.seen == q.nextAvail {
			return 0, false
		}
		if n := q.seen - q.nextAvail; n > q.size {
			q.fail(fmt.Errorf("available index goes from %d to %d in a queue of %d", q.nextAvail, q.seen, q.size))
			return 0, false
		}
	}
	head = q.ring.head(q.nextAvail & (q.size - 1))
	q.nextAvail++
	return head, true
}

// Offered counts the requests that the driver has made available so far, modulo 2^16, whether or not they were popped.
func (q *Queue) Offered() uint16 { return q.ring.availIdx.load() }

// Push gives a request back to the driver, with the number of bytes that the device has written
// into c.Write. The driver sees it at once, and is interrupted by [Queue.Interrupt]. A chain that
// this queue has not popped, or that has been pushed, is ignored.
func (q *Queue) Push(c *Chain, written uint32) {
	q.mu.Lock()
	if q.put(c, written) {
		q.ring.publish(q.usedFlags, q.nextUsed)
	}
	q.mu.Unlock()
}

// Stage does what Push does, but the driver sees the request only with the next one that is pushed: several may belong
// together, and then it must not see some without the others. The caller pushes that next one at once.
func (q *Queue) Stage(c *Chain, written uint32) {
	q.mu.Lock()
	q.put(c, written)
	q.mu.Unlock()
}

// put writes the used element of a chain; false: it is none of this queue's.
func (q *Queue) put(c *Chain, written uint32) (ok bool) {
	if c.q == q && !q.dead && q.inFlight.has(c.head) {
		q.inFlight.remove(c.head)
		q.ring.put(q.nextUsed&(q.size-1), c.head, min(written, uint32(c.writeLen)))
		q.nextUsed++
		ok = true
	}
	c.q = nil
	return ok
}

// Fail says that the driver broke the rules in a way that the device cannot answer with an error
// status: the device asks for a reset, and Pop gives nothing any more. The first error counts.
func (q *Queue) Fail(err error) {
	q.mu.Lock()
	q.fail(err)
	q.mu.Unlock()
}

// fail is Fail with the lock held. Whoever takes a queue away takes the lock for it, so a late
// failure cannot reach the next driver's device.
func (q *Queue) fail(err error) {
	if q.dead || q.err != nil {
		return
	}
	if err == nil {
		err = errors.New("the device gave up")
	}
	q.err = err
	q.owner.needReset(err)
}

// Err is why the queue is broken, or nil.
func (q *Queue) Err() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.err
}

// State is the state of the queue at this moment. It goes with the contents of RAM only if the
// device stands still, see [MMIO.Pause].
func (q *Queue) State() QueueState {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.state()
}

func (q *Queue) state() QueueState {
	s := q.at
	s.Ready = true
	s.NextAvail, s.NextUsed, s.Signalled = q.nextAvail, q.nextUsed, q.signalled
	for i, set := range q.inFlight {
		for ; set != 0; set &= set - 1 {
			s.InFlight = append(s.InFlight, uint16(i*64+bits.TrailingZeros64(set)))
		}
	}
	s.InFlight = append(s.InFlight, q.again...)
	return s
}

// kill takes the queue away from the device and returns its last state.
func (q *Queue) kill() QueueState {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.dead = true
	return q.state()
}

// headSet is a set of descriptor indices.
type headSet [MaxQueueSize / 64]uint64

func (s *headSet) has(head uint16) bool { return s[head/64]>>(head%64)&1 != 0 }
func (s *headSet) add(head uint16)      { s[head/64] |= 1 << (head % 64) }
func (s *headSet) remove(head uint16)   { s[head/64] &^= 1 << (head % 64) }
