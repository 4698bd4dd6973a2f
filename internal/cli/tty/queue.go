package tty

import (
	"io"
	"sync"
)

// typedAhead is how much a Queue holds, in bytes: more than anybody pastes. A program that types more finds the terminal full.
const typedAhead = 16 << 20

// piece is how much is taken out of a Queue at once, in bytes.
const piece = 4096

// Queue holds what has been typed until somebody takes it, so that terem's own keys are found in what is typed after that.
// Nothing is lost. One goroutine puts, one takes.
type Queue struct {
	mu      sync.Mutex
	changed sync.Cond
	typed   [][]byte // nil: a break
	held    int      // bytes
	closed  bool
}

// NewQueue makes a Queue.
func NewQueue() *Queue {
	q := &Queue{}
	q.changed.L = &q.mu
	return q
}

// Put adds a copy of p. It waits while the queue is full, or until that is closed.
func (q *Queue) Put(p []byte) {
	if len(p) > 0 {
		q.put(p)
	}
}

// PutBreak adds a break.
func (q *Queue) PutBreak() { q.put(nil) }

func (q *Queue) put(p []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.held > 0 && q.held+len(p) > typedAhead && !q.closed {
		q.changed.Wait()
	}
	last := len(q.typed) - 1
	if p != nil && last >= 0 && q.typed[last] != nil && len(q.typed[last])+len(p) <= piece {
		q.typed[last] = append(q.typed[last], p...)
	} else if p != nil {
		q.typed = append(q.typed, append([]byte(nil), p...))
	} else {
		q.typed = append(q.typed, nil)
	}
	q.held += len(p)
	q.changed.Broadcast()
}

// Type queues what is read from a terminal, but for terem's own keys, for which it calls act, until nothing can be read: err is
// why, nil at the end. Then it closes the queue.
func (q *Queue) Type(terminal io.Reader, act func(Action)) error {
	defer q.Close()
	var keys Escape
	buf := make([]byte, piece)
	for {
		n, err := terminal.Read(buf)
		if err != nil || n == 0 {
			return err
		}
		for rest := buf[:n]; len(rest) > 0; {
			var send []byte
			var action Action
			send, action, rest = keys.Next(rest)
			q.Put(send)
			act(action)
		}
	}
}

// Take waits for the next that was typed: bytes, or nil for a break. ok is false when the queue is closed and empty.
func (q *Queue) Take() (p []byte, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.typed) == 0 && !q.closed {
		q.changed.Wait()
	}
	if len(q.typed) == 0 {
		return nil, false
	}
	p, q.typed = q.typed[0], q.typed[1:]
	q.held -= len(p)
	q.changed.Broadcast()
	return p, true
}

// Close ends the queue: what it holds can still be taken, and nobody waits for more.
func (q *Queue) Close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.changed.Broadcast()
}
