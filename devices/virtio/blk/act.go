package blk

// perform carries out a run, or a single request of another kind, waiting for the backend as long
// as it takes, and answers it.
func (d *Disk) perform(r *request, v *vector) {
	switch r.kind {
	case typeIn, typeOut:
		d.transfer(r, v)
	case typeFlush:
		d.conclude(r, d.flush())
	case typeDiscard, typeWriteZeroes:
		d.conclude(r, d.clear(r))
	}
}

// transfer does a run of IN or OUT. If the run fails as a whole, its requests are done one by
// one: each gets a status of its own.
func (d *Disk) transfer(r *request, v *vector) {
	err := d.move(r, v.gather(r))
	if err == nil || r.next == nil {
		d.concludeAll(r, err)
		return
	}
	for r != nil {
		next := r.next
		r.next = nil
		d.conclude(r, d.move(r, r.data))
		r = next
	}
}

// move moves the bytes of a run. A write that must be stable is.
func (d *Disk) move(r *request, iov [][]byte) error {
	if len(iov) == 0 {
		return nil
	}
	if r.kind == typeIn {
		return d.c.Backend.ReadVec(iov, r.off)
	}
	if err := d.c.Backend.WriteVec(iov, r.off); err != nil {
		return err
	}
	return d.settle(r)
}

// try does a run of IN or OUT if that need not wait, and reports whether it did. A failure is
// left to perform, which finds out whose it is.
func (d *Disk) try(r *request, v *vector) bool {
	if d.quick == nil || r.kind == typeOut && r.through {
		return false
	}
	iov := v.gather(r)
	if len(iov) == 0 {
		d.concludeAll(r, nil)
		return true
	}
	do := d.quick.TryReadVec
	if r.kind == typeOut {
		do = d.quick.TryWriteVec
	}
	if done, err := do(iov, r.off); !done || err != nil {
		return false
	}
	d.concludeAll(r, nil)
	return true
}

// clear does a DISCARD or a WRITE_ZEROES.
func (d *Disk) clear(r *request) error {
	for _, s := range r.segments[:r.count] {
		if s.n == 0 {
			continue
		}
		var err error
		if r.kind == typeDiscard {
			err = d.c.Backend.Discard(s.off, s.n)
		} else {
			err = d.c.Backend.WriteZeroes(s.off, s.n, s.unmap)
		}
		if err != nil {
			return err
		}
	}
	return d.settle(r)
}

// settle flushes after a change that must be stable before it completes.
func (d *Disk) settle(r *request) error {
	if !r.through {
		return nil
	}
	return d.flush()
}

// concludeAll answers all requests of a run alike.
func (d *Disk) concludeAll(r *request, err error) {
	for r != nil {
		next := r.next // r is no longer ours once it is concluded
		d.conclude(r, err)
		r = next
	}
}

// conclude answers a request that the backend has carried out, or failed to.
func (d *Disk) conclude(r *request, err error) {
	if err != nil {
		r.answer(statusIOErr, 0)
		return
	}
	var written uint64
	if r.kind == typeIn {
		written = uint64(r.size)
	}
	r.answer(statusOK, written)
}

// identify answers GET_ID: the ID, padded with zeros, or as much of it as there is room for.
func (d *Disk) identify(r *request) {
	id, n := d.id[:], 0
	for _, p := range r.data {
		n += copy(p, id[n:])
	}
	r.answer(statusOK, uint64(n))
}

// answer writes the status and hands the request back. The device has written the first n bytes
// of what it was given to write, and then the status, which is the last byte; the used length
// counts bytes without a gap (section 2.7.8.2).
func (r *request) answer(status byte, n uint64) {
	r.status[0] = status
	if n+1 == r.chain.WriteLen() {
		n++
	}
	r.lane.queue.Push(&r.chain, uint32(n))
}
