package blk

import (
	"runtime"
	"sync/atomic"
	"time"

	"terem/devices/virtio"
)

const (
	// laneDepth is the most requests that a lane has in hand; the others wait in the ring.
	laneDepth = 32

	// A driver waits no longer for its interrupt than the lane takes for so many more requests or
	// bytes that it carries out itself.
	maxOwed      = 32
	maxOwedBytes = 256 << 10

	// A lane looks again and again for this long before it sleeps, if its last sleep was as short.
	// To be woken costs it about as much.
	maxPatience = 40 * time.Microsecond
	minPatience = 5 * time.Microsecond

	// A write into the page cache waits after all if the host has too much to write back, or has
	// to read the page first. When one has taken so long, the next ones are for workers, so
	// that they hold nobody else up.
	longWrite  = 2 * time.Millisecond
	waryWrites = 64
)

// lane takes the requests of one queue, on a goroutine of its own.
type lane struct {
	disk     *Disk
	queue    *virtio.Queue
	stopping atomic.Bool
	done     chan struct{}

	// What follows belongs to the lane's goroutine.
	free      []*request    // in nobody's hands
	back      chan *request // from workers; has room for all
	open      run           // not carried out yet: the next request may continue it
	owed      int           // requests that were answered since the last interrupt
	owedBytes int64
	buffers   vector
	patience  time.Duration
	wary      int // runs of writes that are not to be tried here
}

func newLane(d *Disk, q *virtio.Queue) *lane {
	n := min(int(q.Size()), laneDepth)
	l := &lane{disk: d, queue: q, done: make(chan struct{}), back: make(chan *request, n)}
	requests := make([]request, n)
	for i := range requests {
		requests[i].lane = l
		l.free = append(l.free, &requests[i])
	}
	return l
}

// stop asks the lane to end, which it does once it has handed on all that it took. Then it closes
// done.
func (l *lane) stop() {
	l.stopping.Store(true)
	l.queue.Wake()
}

func (l *lane) run() {
	defer close(l.done)
	for !l.stopping.Load() {
		if l.serve() || l.watch() {
			continue
		}
		before := time.Now()
		if err := l.queue.Wait(); err != nil {
			l.queue.Fail(err)
			return
		}
		l.learn(time.Since(before))
	}
}

// serve carries out or hands on what is in the ring, and says whether there was anything.
func (l *lane) serve() (found bool) {
	for !l.stopping.Load() {
		r := l.take()
		if !l.queue.Pop(&r.chain) {
			l.free = append(l.free, r)
			break
		}
		if !found {
			l.queue.Quiet()
			found = true
		}
		l.admit(r)
	}
	l.close()
	l.interrupt()
	return found
}

// take gives a free request. If all are with the workers, it waits for one.
func (l *lane) take() *request {
	for len(l.free) == 0 {
		select {
		case r := <-l.back:
			return r
		default:
		}
		if l.close(); len(l.free) == 0 {
			l.interrupt()
			return <-l.back
		}
	}
	last := len(l.free) - 1
	r := l.free[last]
	l.free = l.free[:last]
	return r
}

// admit checks a request and does with it what its kind needs.
func (l *lane) admit(r *request) {
	status, err := l.disk.parse(r)
	switch {
	case err != nil:
		l.queue.Fail(err)
		l.free = append(l.free, r)
	case status != statusOK:
		r.answer(status, 0)
		l.release(r)
	case r.kind == typeIn, r.kind == typeOut:
		if !l.open.join(r) {
			l.close()
			l.open.begin(r)
		}
	case r.kind == typeGetID:
		l.disk.identify(r)
		l.release(r)
	default:
		l.close()
		l.hand(r)
	}
}

// hand has a worker carry out a run. If all are busy, the driver first hears of what has been
// answered: how long the wait is depends on the host's disk.
func (l *lane) hand(r *request) {
	if !l.disk.workers.offer(r) {
		l.interrupt()
		l.disk.workers.jobs <- r
	}
}

// close ends the open run: it is carried out here if that need not wait, otherwise by a worker.
func (l *lane) close() {
	r := l.open.first
	if r == nil {
		return
	}
	l.open.first = nil
	if !l.try(r) {
		l.hand(r)
		return
	}
	for r != nil {
		next := r.next
		l.owedBytes += r.size
		l.release(r)
		r = next
	}
}

// try carries a run out, if that is not expected to wait, and says whether it did.
func (l *lane) try(r *request) bool {
	if r.kind != typeOut {
		return l.disk.try(r, &l.buffers)
	}
	if l.wary > 0 {
		l.wary--
		return false
	}
	before := time.Now()
	done := l.disk.try(r, &l.buffers)
	if time.Since(before) > longWrite {
		l.wary = waryWrites
	}
	return done
}

// release takes back a request that the lane has answered itself.
func (l *lane) release(r *request) {
	l.free = append(l.free, r)
	if l.owed++; l.owed >= maxOwed || l.owedBytes >= maxOwedBytes {
		l.interrupt()
	}
}

// interrupt tells the driver of what the lane has answered.
func (l *lane) interrupt() {
	if l.owed > 0 {
		l.queue.Interrupt()
	}
	l.owed, l.owedBytes = 0, 0
}

// watch looks for requests for as long as the lane has patience, and says whether one came.
func (l *lane) watch() bool {
	if l.patience == 0 {
		return false
	}
	for start := time.Now(); time.Since(start) < l.patience; {
		runtime.Gosched() // others have work to do
		if l.serve() {
			return true
		}
	}
	return false
}

// learn adapts the patience to how long the lane has slept, as KVM does for a vCPU that halts
// (halt_polling.rst): a lane whose driver is slow does not watch at all.
func (l *lane) learn(slept time.Duration) {
	switch {
	case slept > maxPatience:
		l.patience /= 2
		if l.patience < minPatience {
			l.patience = 0
		}
	default:
		l.patience = min(max(2*l.patience, minPatience), maxPatience)
	}
}
