package rng

import (
	"sync"
	"time"
)

// bucket is a token bucket of bytes. It keeps one instant, at which it will be full again: taking
// bytes moves that into the future by the time that they need to come back. It may be at most the
// time for a whole bucket away.
type bucket struct {
	rate  uint64        // bytes a second
	depth time.Duration // in which an empty bucket fills up

	mu   sync.Mutex
	full time.Time // zero: is full
}

// worth is the time in which n bytes come in, rounded up. It does not overflow: n is MaxBurst at
// most.
func (b *bucket) worth(n uint64) time.Duration {
	return time.Duration((n*uint64(time.Second) + b.rate - 1) / b.rate)
}

// take takes n bytes, no more than the bucket holds, or says how long it will be until there are
// so many.
func (b *bucket) take(n uint64) (wait time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	if b.full.Before(now) {
		b.full = now
	}
	after := b.full.Add(b.worth(n))
	if wait = after.Sub(now) - b.depth; wait > 0 {
		return wait
	}
	b.full = after
	return 0
}

// missing is how long the bucket needs to be full.
func (b *bucket) missing() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return max(time.Until(b.full), 0)
}

// lack makes the bucket as empty as it was when missing said d.
func (b *bucket) lack(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.full = time.Now().Add(min(max(d, 0), b.depth))
}
