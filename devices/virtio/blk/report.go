package blk

import (
	"fmt"
	"sync/atomic"
)

// faults counts what the host could not do, and keeps the first of it.
type faults struct {
	n     atomic.Uint64
	first atomic.Pointer[error]
}

// Err is the first error of the backend that a request met, or nil. The driver has seen an I/O
// error for it and for each of the [Disk.Faults].
func (d *Disk) Err() error {
	if p := d.faults.first.Load(); p != nil {
		return *p
	}
	return nil
}

// Faults is the number of requests that failed because the backend did.
func (d *Disk) Faults() uint64 { return d.faults.n.Load() }

// fault notes that the backend has failed at a request.
func (d *Disk) fault(r *request, err error) {
	d.faults.n.Add(1)
	if d.faults.first.Load() != nil {
		return
	}
	err = fmt.Errorf("disk %q: %s: %w", d.c.ID, r.describe(), err)
	d.faults.first.CompareAndSwap(nil, &err)
}

// describe names a request as an error message does.
func (r *request) describe() string {
	switch r.kind {
	case typeIn:
		return fmt.Sprintf("read %d bytes at %d", r.size, r.off)
	case typeOut:
		return fmt.Sprintf("write %d bytes at %d", r.size, r.off)
	case typeDiscard:
		return fmt.Sprintf("discard %d bytes at %d", r.segments[0].n, r.segments[0].off)
	case typeWriteZeroes:
		return fmt.Sprintf("zero %d bytes at %d", r.segments[0].n, r.segments[0].off)
	}
	return "flush"
}
