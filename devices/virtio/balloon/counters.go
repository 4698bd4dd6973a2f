package balloon

import "sync/atomic"

// Counters say what a balloon has done since it was made, in bytes. A page counts each time.
type Counters struct {
	Inflated uint64 // given to the host by way of the balloon
	Reported uint64 // given to the host because the guest did not use it
	Ignored  uint64 // not given to the host: outside RAM, too much for one request, or poisoned
	Refused  uint64 // the host did not take it
	Calls    uint64 // how often the host was asked to take something
}

// Counters returns the counters of this moment. Any goroutine may ask.
func (b *Balloon) Counters() Counters {
	c := &b.counters
	return Counters{
		Inflated: c.inflated.Load(), Reported: c.reported.Load(), Ignored: c.ignored.Load(),
		Refused: c.refused.Load(), Calls: c.calls.Load(),
	}
}

// Err is the first error with which the host refused to take memory, or nil.
func (b *Balloon) Err() error {
	if err := b.counters.err.Load(); err != nil {
		return *err
	}
	return nil
}

type counters struct {
	inflated, reported, ignored, refused, calls atomic.Uint64

	err atomic.Pointer[error]
}

// count adds n bytes to one of the counters, or to refused after an error.
func (c *counters) count(to *atomic.Uint64, n uint64, err error) {
	c.calls.Add(1)
	if err == nil {
		to.Add(n)
		return
	}
	c.refused.Add(n)
	if c.err.Load() == nil {
		first := err // a copy of its own, so that the others cost nothing
		c.err.CompareAndSwap(nil, &first)
	}
}
