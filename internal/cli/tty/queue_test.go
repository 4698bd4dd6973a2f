package tty

import (
	"bytes"
	"testing"
	"testing/synctest"
)

// drain takes until the queue is closed; a break counts as a NUL.
func drain(q *Queue) (all []byte) {
	for {
		p, ok := q.Take()
		if !ok {
			return all
		}
		if p == nil {
			p = []byte{0}
		}
		all = append(all, p...)
	}
}

// TestQueueKeepsAll: far more reads than anybody serves meanwhile, in order, with breaks in their places.
func TestQueueKeepsAll(t *testing.T) {
	q := NewQueue()
	var want []byte
	line := []byte("forty bytes are what one write types. \r\n")
	for i := range 20_000 {
		typed := bytes.Clone(line)
		q.Put(typed)
		clear(typed) // the queue has its own
		want = append(want, line...)
		if i%1000 == 0 {
			q.PutBreak()
			want = append(want, 0)
		}
	}
	q.Put(nil) // nothing is no break
	q.Close()
	if got := drain(q); !bytes.Equal(got, want) {
		t.Errorf("%d bytes come out of %d, or others", len(got), len(want))
	}
}

// TestQueuePushesBack: a full queue holds up who fills it, until there is room or nobody takes any more.
func TestQueuePushesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := NewQueue()
		put := func(p []byte) chan struct{} {
			done := make(chan struct{})
			go func() {
				defer close(done)
				q.Put(p)
			}()
			synctest.Wait()
			return done
		}
		isDone := func(c chan struct{}) bool {
			select {
			case <-c:
				return true
			default:
				return false
			}
		}
		if !isDone(put(make([]byte, typedAhead+1))) {
			t.Fatal("an empty queue takes what is longer than itself")
		}
		next := put([]byte("x"))
		if isDone(next) {
			t.Fatal("a full queue took more")
		}
		if p, ok := q.Take(); len(p) != typedAhead+1 || !ok {
			t.Fatalf("Take: %d bytes, %t", len(p), ok)
		}
		synctest.Wait()
		if !isDone(next) {
			t.Fatal("there is room, and Put still waits")
		}
		q.Put(make([]byte, typedAhead-1))
		last := put([]byte("xx"))
		q.Close()
		synctest.Wait()
		if !isDone(last) {
			t.Error("the queue is closed, and Put still waits")
		}
	})
}
