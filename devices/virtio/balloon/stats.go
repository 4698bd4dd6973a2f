package balloon

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"terem/devices/virtio"
)

// Tag names one of a guest's statistics, section 5.5.6.4.
type Tag uint16

// The statistics that the specification knows. A driver gives those that it likes.
const (
	SwapIn      Tag = iota // bytes swapped in since the guest's boot
	SwapOut                // bytes swapped out
	MajorFaults            // page faults that waited for a disk
	MinorFaults            // those that did not
	Free                   // bytes used for nothing
	Total                  // bytes that the guest has
	Available              // bytes that new programs could have without swapping, an estimate
	Caches                 // bytes of cached files, which could be given up without I/O
	HugeAllocs             // huge pages allocated
	HugeFails              // huge pages that could not be allocated
	tags
)

// statSize is the size of a statistic: tag le16, value le64, packed.
const statSize = 10

// maxStats is the most statistics that are read of one buffer; Linux gives 10 and more.
const maxStats = 64

// Stats are statistics of the guest's memory, on its driver's word.
type Stats struct {
	values [tags]uint64
	known  uint32 // a bit for each tag
}

// Value is the statistic t; ok: the driver has given it.
func (s Stats) Value(t Tag) (v uint64, ok bool) {
	if t >= tags || s.known>>t&1 == 0 {
		return 0, false
	}
	return s.values[t], true
}

// set takes a statistic; the last of several counts, and unknown ones do not.
func (s *Stats) set(t Tag, v uint64) {
	if t < tags {
		s.values[t] = v
		s.known |= 1 << t
	}
}

// ErrNoStats says that the guest has no driver with statistics, or that it went away.
var ErrNoStats = errors.New("the guest gives no statistics of its memory")

// Stats asks the driver for fresh statistics and waits for them. A guest that is paused, busy or
// hostile may take for ever: the wait ends with ctx. Who asks while another waits gets the
// same answer. Any goroutine may ask.
func (b *Balloon) Stats(ctx context.Context) (Stats, error) {
	b.mu.Lock()
	s := b.stats
	b.mu.Unlock()
	if s == nil {
		return Stats{}, ErrNoStats
	}
	a := s.ask()
	if a == nil {
		return Stats{}, ErrNoStats
	}
	select {
	case <-a.done:
		return a.stats, a.err
	case <-ctx.Done():
		return Stats{}, fmt.Errorf("wait for the guest's statistics of its memory: %w", ctx.Err())
	}
}

// answer is what callers of Stats wait for.
type answer struct {
	done  chan struct{} // closed when the rest is there
	stats Stats
	err   error
}

// statistics serves statsq (section 5.5.6.3). The driver offers one buffer, which the device keeps
// until it wants to know more; then it hands it back, and the driver offers another with news.
type statistics struct {
	queue    *virtio.Queue
	stopping *atomic.Bool

	mu    sync.Mutex
	open  *answer // what callers wait for; nil: nobody waits
	ended bool

	// What follows belongs to the worker.
	kept, next virtio.Chain
	keeps      bool // kept holds a buffer
	asked      bool // a buffer was handed back for open
	bytes      [maxStats * statSize]byte
}

// ask gives the answer to wait for, or nil if none will come.
func (s *statistics) ask() *answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return nil
	}
	if s.open == nil {
		s.open = &answer{done: make(chan struct{})}
	}
	s.queue.Wake()
	return s.open
}

// finish gives those who wait their answer.
func (s *statistics) finish(stats Stats, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = err != nil
	if a := s.open; a != nil {
		a.stats, a.err, s.open = stats, err, nil
		close(a.done)
	}
}

func (s *statistics) waiting() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open != nil
}

// serve is the worker.
func (s *statistics) serve() {
	defer s.finish(Stats{}, ErrNoStats)
	for !s.stopping.Load() {
		switch {
		case s.queue.Pop(&s.next):
			s.take()
		case s.keeps && s.waiting():
			s.asked = true
			s.release()
		default:
			if err := s.queue.Wait(); err != nil {
				s.queue.Fail(err)
				return
			}
		}
	}
}

// take keeps the buffer in next. It is news only if the driver was asked for it. A driver may
// offer one buffer at a time; from one that offers more, the older comes back.
func (s *statistics) take() {
	if s.keeps {
		s.release()
	}
	s.kept, s.next, s.keeps = s.next, s.kept, true
	if s.asked {
		s.asked = false
		s.finish(s.parse(), nil)
	}
}

// release hands the buffer back.
func (s *statistics) release() {
	s.queue.Push(&s.kept, 0)
	s.queue.Interrupt()
	s.keeps = false
}

// parse reads the statistics in the kept buffer.
func (s *statistics) parse() (stats Stats) {
	from := reader{buffers: s.kept.Read}
	p := s.bytes[:from.read(s.bytes[:])]
	for ; len(p) >= statSize; p = p[statSize:] {
		stats.set(Tag(binary.LittleEndian.Uint16(p)), binary.LittleEndian.Uint64(p[2:]))
	}
	return stats
}
