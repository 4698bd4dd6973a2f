package blk

import (
	"fmt"
	"sync"
)

// flusher shares one Backend.Flush among all who wait for one, as databases share a commit: a
// flush that has begun does not cover what was written since, but the next one covers everybody
// who has come by then.
type flusher struct {
	backend Backend

	mu      sync.Mutex
	changed sync.Cond // running has become false
	running bool      // a call is under way
	begun   uint64    // calls, with the one under way
	ended   uint64    // calls
	err     error     // of the first call that failed; from then on, of all
}

func (f *flusher) init(b Backend) {
	f.backend = b
	f.changed.L = &f.mu
}

// flush returns when a Backend.Flush that began after the call of flush has ended.
func (f *flusher) flush() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.wait(f.begun + 1)
}

// wait returns when call number mine has ended, whatever has begun since, with the lock held.
func (f *flusher) wait(mine uint64) error {
	for f.err == nil && f.ended < mine {
		if f.running {
			f.changed.Wait()
		} else {
			f.call()
		}
	}
	return f.err
}

// call calls the backend once, with the lock released meanwhile.
func (f *flusher) call() {
	f.running = true
	f.begun++
	f.mu.Unlock()
	err := f.backend.Flush()
	f.mu.Lock()
	f.running = false
	f.ended++
	if err != nil {
		f.err = fmt.Errorf("flush, after which what was written may be lost: %w", err)
	}
	f.changed.Broadcast()
}
