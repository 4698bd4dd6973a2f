package virtio

// Who wakes whom, and when not (virtio 1.2 sections 2.7.7 and 2.7.10).
//
//	          without EVENT_IDX                 with EVENT_IDX
//	------    ------------------------------    -----------------------------------------------
//	driver    avail.flags has NO_INTERRUPT:     used_event: interrupt me when used.idx passes
//	          do not interrupt me               from this value to the next
//	device    used.flags has NO_NOTIFY:         avail_event: notify me when avail.idx passes
//	          do not notify me                  from this value to the next
//
// Both directions are the same game: one side publishes an index and then looks whether the other
// wants to be woken; the other side says that it wants to be woken and then looks whether there
// is something already. For one of them to see what the other did, each needs a full barrier, store
// before load, between its two steps:
//
//	device                               driver (Linux, drivers/virtio/virtio_ring.c)
//	----------------------------------   -----------------------------------------------
//	Push: publish used.idx (XCHG)        virtqueue_enable_cb: used_event, virtio_mb
//	Interrupt: load used_event, flags      load used.idx
//	Wait: avail_event or flags (XCHG)    virtqueue_kick_prepare: avail.idx stored, virtio_mb
//	  load avail.idx                       load avail_event, flags

// Interrupt tells the driver of what was pushed since the last Interrupt, unless there is nothing
// or it asked not to be told. Call it after one Push or after many.
func (q *Queue) Interrupt() {
	q.mu.Lock()
	now, before := q.nextUsed, q.signalled
	q.signalled = now
	wanted := !q.dead && now != before && q.wanted(now, before)
	q.mu.Unlock()
	if wanted {
		q.owner.interrupt(intUsed)
	}
}

// wanted says whether the driver wants to be interrupted for the used index going from before to
// now.
func (q *Queue) wanted(now, before uint16) bool {
	if q.eventIdx {
		return passed(q.ring.usedEvent.load(), now, before)
	}
	return q.ring.availFlags.load()&availNoInterrupt == 0
}

// passed says whether an index that went from before to now, modulo 2^16, took the step from at to
// at+1. It is vring_need_event of the specification.
func passed(at, now, before uint16) bool { return now-at-1 < now-before }

// Wait sleeps until the driver notifies the queue, or until Wake. It returns at once if a request
// is waiting. It may also return for nothing; call Pop. The error is the bell's.
func (q *Queue) Wait() error {
	if q.arm() {
		return nil
	}
	return q.bell.Wait()
}

// arm asks the driver to notify the queue of its next request, and says whether there is one
// already. A queue that gives nothing out does not say so: its worker sleeps until it is woken.
func (q *Queue) arm() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.dead || q.err != nil {
		return false
	}
	switch {
	case len(q.again) > 0 || q.seen != q.nextAvail:
		return true
	case q.eventIdx:
		q.ring.availEvent.store(q.nextAvail, &q.fence)
	case q.usedFlags&usedNoNotify != 0:
		q.usedFlags &^= usedNoNotify
		q.ring.publish(q.usedFlags, q.nextUsed)
	}
	return q.ring.availIdx.load() != q.nextAvail
}

// Wake makes Wait return. The device calls it when it wants its own worker to look up. An error
// of the bell breaks the queue.
func (q *Queue) Wake() {
	if err := q.bell.Signal(); err != nil {
		q.Fail(err)
	}
}

// Quiet asks the driver not to notify the queue until the next Wait, because the device is going
// to look anyway. With EVENT_IDX there is nothing to do: avail_event stays where Wait put it, and the
// driver's index passes it only once.
func (q *Queue) Quiet() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.dead || q.eventIdx || q.usedFlags&usedNoNotify != 0 {
		return
	}
	q.usedFlags |= usedNoNotify
	q.ring.publish(q.usedFlags, q.nextUsed)
}
