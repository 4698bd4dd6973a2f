package virtiotest

import (
	"sync"
	"time"
)

// Bell is a doorbell without KVM: a virtio.Bell that holds at most one ring.
type Bell struct{ c chan struct{} }

// NewBell makes a bell.
func NewBell() *Bell { return &Bell{c: make(chan struct{}, 1)} }

// Signal rings the bell.
func (b *Bell) Signal() error {
	select {
	case b.c <- struct{}{}:
	default:
	}
	return nil
}

// Wait blocks until the bell has been rung.
func (b *Bell) Wait() error {
	<-b.c
	return nil
}

// IRQ is an interrupt line that counts its edges. Any number of goroutines may wait for one.
type IRQ struct {
	mu    sync.Mutex
	edge  *sync.Cond
	n     int
	alarm *time.Timer // wakes all, so that they look at their deadlines
}

// NewIRQ makes a line.
func NewIRQ() *IRQ {
	i := &IRQ{}
	i.edge = sync.NewCond(&i.mu)
	i.alarm = time.AfterFunc(time.Hour, i.edge.Broadcast)
	i.alarm.Stop()
	return i
}

// Trigger is one edge.
func (i *IRQ) Trigger() {
	i.mu.Lock()
	i.n++
	i.mu.Unlock()
	i.edge.Broadcast()
}

// Count is the number of edges so far.
func (i *IRQ) Count() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.n
}

// Wait returns true once there have been more edges than since, and false at the deadline.
func (i *IRQ) Wait(since int, deadline time.Time) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	for i.n == since {
		left := time.Until(deadline)
		if left <= 0 {
			return false
		}
		i.alarm.Reset(left)
		i.edge.Wait()
	}
	return true
}
