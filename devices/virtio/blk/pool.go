package blk

import "sync"

// maxWorkers is how many requests of a disk may wait for the host's disk at the same time. A host
// thread stands behind each that does.
const maxWorkers = 32

// pool is the disk's workers, goroutines for what has to wait. They start when there is
// work for them and end with stop.
type pool struct {
	jobs chan *request // without a buffer: a send succeeds at once if a worker is free

	mu sync.Mutex
	n  int
	wg sync.WaitGroup
}

// start makes the pool ready. No worker is running.
func (p *pool) start() {
	p.jobs = make(chan *request)
	p.n = 0
}

// stop waits for all workers. Nobody calls offer at the same time, or later.
func (p *pool) stop() {
	if p.jobs == nil {
		return
	}
	close(p.jobs)
	p.wg.Wait()
	p.jobs = nil
}

// offer has a worker carry out a run, unless all of them are busy. Then it is false, and a send to
// jobs waits for one.
func (p *pool) offer(r *request) bool {
	select {
	case p.jobs <- r:
		return true
	default:
	}
	if !p.grow() {
		return false
	}
	p.wg.Go(func() { p.work(r) })
	return true
}

// grow says whether there may be one more worker, and counts it.
func (p *pool) grow() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.n == maxWorkers {
		return false
	}
	p.n++
	return true
}

// work is a worker: it begins with r and goes on with whatever comes.
func (p *pool) work(r *request) {
	var v vector
	for ok := true; ok; r, ok = <-p.jobs {
		l, n := r.lane, 0
		var back [laneDepth]*request
		for q := r; q != nil; q = q.next {
			back[n] = q
			n++
		}
		l.disk.perform(r, &v)
		l.queue.Interrupt()
		for _, q := range back[:n] {
			l.back <- q
		}
	}
}
