package disk

// quick is a store that knows what its page cache holds: a file or a block device.
type quick interface {
	store
	buffered() bool // transfers go through the page cache
	tryRead(iov [][]byte, off int64) bool
}

func (f *file) buffered() bool { return f.direct == nil }

func (f *file) tryRead(iov [][]byte, off int64) bool { return f.vecs.cached(f.fd, iov, off) }

// cached is the disk's store, if its transfers need not wait where the page cache can
// take or give them.
func (d *Disk) cached() (quick, bool) {
	q, ok := d.store.(quick)
	return q, ok && q.buffered()
}

// TryReadVec does as ReadVec does if the page cache has all of it. Otherwise it reports
// false, and what iov then holds is undefined.
func (d *Disk) TryReadVec(iov [][]byte, off int64) (done bool, err error) {
	q, ok := d.cached()
	if !ok {
		return false, nil
	}
	if err := d.within(off, total(iov)); err != nil {
		return true, err
	}
	return q.tryRead(iov, off), nil
}

// TryWriteVec does as WriteVec does if the page cache takes it. Otherwise it reports
// false, and nothing was written.
func (d *Disk) TryWriteVec(iov [][]byte, off int64) (done bool, err error) {
	if _, ok := d.cached(); !ok {
		return false, nil
	}
	return true, d.WriteVec(iov, off)
}
