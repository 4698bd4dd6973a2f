package blk

import (
	"bytes"
	"errors"
	"runtime"
	"sync"
)

// call is what a backend was asked to do.
type call struct {
	op     string
	off, n int64
	pieces int
}

// store is a Backend in memory with a volatile cache, as a disk has one: what was written after
// the last Flush is lost with the power.
type store struct {
	// Hooks; nil does nothing. They run without the lock, before the operation, which an error stops.
	before func(c call) error

	mu      sync.Mutex
	cached  []byte // what reads see
	durable []byte // what survives
	calls   []call
	mute    bool // do not record calls
	closed  bool
}

func newStore(size int) *store {
	return &store{cached: make([]byte, size), durable: make([]byte, size)}
}

func (s *store) Size() int64 { return int64(len(s.cached)) }

// enter records a call, runs the hook and takes the lock.
func (s *store) enter(c call) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return errors.New("used after Close")
	}
	if !s.mute {
		s.calls = append(s.calls, c)
	}
	s.mu.Unlock()
	if s.before != nil {
		if err := s.before(c); err != nil {
			return err
		}
	}
	s.mu.Lock()
	return nil
}

func length(iov [][]byte) (n int64) {
	for _, p := range iov {
		if len(p) == 0 {
			panic("an empty slice for the backend")
		}
		n += int64(len(p))
	}
	return n
}

func (s *store) ReadVec(iov [][]byte, off int64) error {
	if err := s.enter(call{"read", off, length(iov), len(iov)}); err != nil {
		return err
	}
	defer s.mu.Unlock()
	for _, p := range iov {
		if n := copy(p, s.cached[off:]); n < len(p) {
			panic("beyond the end of the store")
		}
		off += int64(len(p))
	}
	return nil
}

func (s *store) WriteVec(iov [][]byte, off int64) error {
	if err := s.enter(call{"write", off, length(iov), len(iov)}); err != nil {
		return err
	}
	defer s.mu.Unlock()
	for _, p := range iov {
		if n := copy(s.cached[off:], p); n < len(p) {
			panic("beyond the end of the store")
		}
		off += int64(len(p))
	}
	return nil
}

// Flush saves what was there when it was called, and not a byte more.
func (s *store) Flush() error {
	if err := s.enter(call{op: "flush"}); err != nil {
		return err
	}
	now := bytes.Clone(s.cached)
	s.mu.Unlock()
	runtime.Gosched()
	s.mu.Lock()
	s.durable = now
	s.mu.Unlock()
	return nil
}

// survivors is what is there after a loss of power at this moment.
func (s *store) survivors() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Clone(s.durable)
}

func (s *store) Discard(off, n int64) error {
	if err := s.enter(call{"discard", off, n, 0}); err != nil {
		return err
	}
	defer s.mu.Unlock()
	copy(s.cached[off:off+n], bytes.Repeat([]byte{0xdd}, int(n)))
	return nil
}

func (s *store) WriteZeroes(off, n int64, unmap bool) error {
	op := "zero"
	if unmap {
		op = "unmap"
	}
	if err := s.enter(call{op, off, n, 0}); err != nil {
		return err
	}
	defer s.mu.Unlock()
	clear(s.cached[off : off+n])
	return nil
}

func (s *store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errors.New("closed twice")
	}
	s.closed = true
	return nil
}

// fill writes behind the disk's back, and look reads. Rings in guest RAM do not tell the race detector
// who comes first; the lock does.
func (s *store) fill(off int, p []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	copy(s.cached[off:], p)
}

func (s *store) look(off, n int) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Clone(s.cached[off : off+n])
}

// take gives the calls since the last take.
func (s *store) take() []call {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.calls
	s.calls = nil
	return c
}

// swift is a store that answers at once.
type swift struct{ *store }

func (s swift) TryReadVec(iov [][]byte, off int64) (bool, error) { return true, s.ReadVec(iov, off) }

func (s swift) TryWriteVec(iov [][]byte, off int64) (bool, error) { return true, s.WriteVec(iov, off) }
