package virtio_test

import (
	"testing"
	"time"

	"terem/devices/virtio"
	vt "terem/devices/virtio/virtiotest"
)

// serve pops and pushes all that there is.
func serve(q *virtio.Queue) (n int) {
	for c := (virtio.Chain{}); q.Pop(&c); n++ {
		q.Push(&c, 0)
	}
	return n
}

func TestInterruptOnceForMany(t *testing.T) {
	for _, features := range allFeatures() {
		g, driver, q := up(t, 16, features)
		for range 10 {
			driver.Submit([][]byte{{1}}, nil)
		}
		want(t, "served", serve(q), 10)
		want(t, "interrupts before Interrupt", g.IRQ.Count(), 0)
		q.Interrupt()
		q.Interrupt() // nothing new
		want(t, "interrupts", g.IRQ.Count(), 1)
		want(t, "InterruptStatus", g.Ack(), 1)
		want(t, "InterruptStatus when acknowledged", g.Ack(), 0)
	}
}

func TestNoInterruptFlag(t *testing.T) {
	g, driver, q := up(t, 16, 0)
	driver.SetAvailFlags(1)
	driver.Submit([][]byte{{1}}, nil)
	serve(q)
	q.Interrupt()
	want(t, "interrupts", g.IRQ.Count(), 0)
	driver.SetAvailFlags(0)
	q.Interrupt()
	want(t, "interrupts for what was before", g.IRQ.Count(), 0)
	driver.Submit([][]byte{{1}}, nil)
	serve(q)
	q.Interrupt()
	want(t, "interrupts", g.IRQ.Count(), 1)
}

// TestUsedEvent sets used_event before, at and behind the index, at several places of the ring of
// indexes, and compares with what the specification's words say: interrupt when index at was used.
func TestUsedEvent(t *testing.T) {
	g, driver, q := up(t, 16, virtio.FeatureEventIdx)
	r := driver.Build([][]byte{{1}}, nil)
	var used uint16 // the next index
	for range 70000 {
		batch, ahead := used%5+1, used%9
		driver.SetUsedEvent(used + ahead - 2)
		expect := ahead >= 2 && ahead-2 < batch
		for range batch {
			driver.Offer(r)
			serve(q)
		}
		used += batch
		before := g.IRQ.Count()
		q.Interrupt()
		if got := g.IRQ.Count() > before; got != expect {
			t.Fatalf("used index %d, batch %d, event %d: interrupted %v", used, batch, driver.UsedEvent(), got)
		}
	}
}

// TestNotifications follows what the device asks for, through a turn of the indexes.
func TestNotifications(t *testing.T) {
	for _, features := range []uint64{0, virtio.FeatureEventIdx} {
		_, driver, q := up(t, 4, features)
		r := driver.Build([][]byte{{1}}, nil)
		bell := func() { // the worker's Wait: the ring is empty, so it rings the bell for itself
			t.Helper()
			q.Wake()
			want(t, "error", q.Wait(), nil)
		}
		bell()
		for i := range 70000 {
			driver.Offer(r)
			if !driver.Notify() {
				t.Fatalf("request %d: no notification, and the device sleeps", i)
			}
			want(t, "served", serve(q), 1)
			q.Quiet()
			driver.Offer(r)
			if driver.Notify() {
				t.Fatalf("request %d: a notification, and the device is awake", i)
			}
			want(t, "error", q.Wait(), nil) // does not sleep
			want(t, "served", serve(q), 1)
			q.Wait() // takes the first notification
			bell()
			if t.Failed() {
				return
			}
		}
	}
}

// TestWaitSleeps has a worker that must not run until it is told to.
func TestWaitSleeps(t *testing.T) {
	g, driver, q := up(t, 4, virtio.FeatureEventIdx)
	woken := make(chan error)
	go func() { woken <- q.Wait() }()
	select {
	case err := <-woken:
		t.Fatalf("Wait returned %v from an empty queue", err)
	case <-time.After(10 * time.Millisecond):
	}
	driver.Submit([][]byte{{1}}, nil)
	driver.Kick()
	want(t, "error", <-woken, nil)
	// A broken queue gives nothing, so Wait must not say that it does.
	q.Fail(nil)
	go func() { woken <- q.Wait() }()
	select {
	case err := <-woken:
		t.Fatalf("Wait returned %v from a broken queue", err)
	case <-time.After(10 * time.Millisecond):
	}
	q.Wake()
	want(t, "error", <-woken, nil)
	g.Write32(vt.RegQueueNotify, 77) // there is no such queue
}
