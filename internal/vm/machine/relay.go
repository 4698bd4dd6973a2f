package machine

import (
	"io"
	"sync"
	"sync/atomic"

	"terem/memory"
)

// Output is a [Config].Out that may take nothing for a while: a terminal that has been stopped, a pipe
// whose reader has other things to do. One goroutine at a time uses it.
type Output interface {
	io.Writer // waits for as long as it takes, or until somebody calls it off

	// TryWrite writes as much of p as goes without waiting.
	TryWrite(p []byte) (n int, err error)
}

// relay stands between the serial port and an Output. As long as that takes what comes, a write goes
// straight through. What it does not take at once the relay keeps, and a goroutine writes it, while the
// vCPU that it comes from is held up by the brake (vcpu.Brake). So a vCPU never waits in the middle of
// an OUT, where nobody could pause it, and nothing is lost: one that is paused and goes on is held
// up again. The relay keeps no more than what the vCPUs write in one instruction each.
type relay struct {
	out  Output
	full atomic.Bool // something is kept, or being written

	mu     sync.Mutex
	kept   []byte
	free   chan struct{} // closed when full becomes false
	worker sync.WaitGroup
}

// Write takes all of p.
func (r *relay) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	rest := p
	if !r.full.Load() {
		n, err := r.out.TryWrite(p)
		if err != nil || n == len(p) {
			return n, err
		}
		rest = p[n:]
		r.full.Store(true)
		r.free = make(chan struct{})
		r.worker.Go(r.drain)
	}
	r.kept = append(r.kept, rest...)
	return len(p), nil
}

// drain writes what is kept until there is nothing more.
func (r *relay) drain() {
	for {
		r.mu.Lock()
		p := r.kept
		r.kept = nil
		if len(p) == 0 {
			r.full.Store(false)
			close(r.free)
			r.mu.Unlock()
			return
		}
		r.mu.Unlock()
		_, _ = r.out.Write(p) // an Output that fails says so itself, and drops the rest
	}
}

// Held says whether a vCPU has just written to a serial port that has something to keep; see
// vcpu.Brake. Others may go on, also those that do other things with the port.
func (r *relay) Held(port uint64, n int) bool {
	return r.full.Load() && port <= memory.COM1Port && memory.COM1Port-port < uint64(n)
}

// Wait waits until nothing is kept; see vcpu.Brake.
func (r *relay) Wait(stop <-chan struct{}) bool {
	r.mu.Lock()
	full, free := r.full.Load(), r.free
	r.mu.Unlock()
	if !full {
		return true
	}
	select {
	case <-free:
		return true
	case <-stop:
		return false
	}
}

// Close waits for the last write, which its owner has called off. No vCPU runs any more.
func (r *relay) Close() error {
	r.worker.Wait()
	return nil
}
