package blk

// Bounds of a run. Beyond some hundreds of KiB a longer transfer is not a faster one, and the
// first of its requests waits for the last.
const (
	maxRunPieces = 256     // buffers; each worker that has met so many keeps 6 KiB for them
	maxRunSize   = 1 << 20 // bytes; a single request may be longer
)

// run is one transfer for the backend: a list of requests of one kind that lie next to each other
// on the disk and came next to each other in the queue.
type run struct {
	first, last *request
	end         int64 // where the next one would have to begin
	pieces      int
}

// join adds r to the run, if it continues it.
func (u *run) join(r *request) bool {
	switch {
	case u.first == nil,
		r.kind != u.first.kind || r.through != u.first.through,
		r.off != u.end,
		r.size > maxRunSize-(u.end-u.first.off),
		len(r.data) > maxRunPieces-u.pieces:
		return false
	}
	u.last.next, u.last = r, r
	u.end += r.size
	u.pieces += len(r.data)
	return true
}

// begin starts a new run with r.
func (u *run) begin(r *request) {
	*u = run{first: r, last: r, end: r.off + r.size, pieces: len(r.data)}
}

// vector is the list of buffers of a run, used again from run to run.
type vector [][]byte

// gather puts the buffers of all requests of a run into one list, valid until the next gather.
func (v *vector) gather(r *request) [][]byte {
	if r.next == nil {
		return r.data
	}
	*v = (*v)[:0]
	for ; r != nil; r = r.next {
		*v = append(*v, r.data...)
	}
	return *v
}
