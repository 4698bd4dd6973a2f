package launch

import (
	"sync"
	"time"
)

// beside is what goes on beside the machine.
type beside struct {
	within chan struct{}  // closed when what runs the command has come to its end; nil: it has not begun
	work   sync.WaitGroup // snapshots that are under way

	mu   sync.Mutex
	over bool // no other one is to begin
}

// begin begins what runs the command.
func (b *beside) begin(f func()) {
	b.within = make(chan struct{})
	go func() {
		defer close(b.within)
		f()
	}()
}

// enter says whether a snapshot may still begin. If so, the caller calls work.Done at its end.
func (b *beside) enter() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.over {
		b.work.Add(1)
	}
	return !b.over
}

// gives is how long a terminal may take to be given back.
const gives = time.Second

// end waits, after the machine's end, for the snapshots, and for what runs the command. That may wait for a terminal that takes nothing, and no
// write to one can be called off: then it is left behind.
func (b *beside) end(pipe bool) {
	b.mu.Lock()
	b.over = true
	b.mu.Unlock()
	b.work.Wait()
	switch {
	case b.within == nil:
	case pipe:
		<-b.within
	default:
		select {
		case <-b.within:
		case <-time.After(gives):
		}
	}
}
