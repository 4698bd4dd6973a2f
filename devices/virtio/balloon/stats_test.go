package balloon

import (
	"context"
	"encoding/binary"
	"errors"
	"sync"
	"testing"
	"time"

	"terem/devices/virtio/virtiotest"
)

// stat is a statistic as a driver lays it.
func stat(t Tag, v uint64) []byte {
	b := binary.LittleEndian.AppendUint16(nil, uint16(t))
	return binary.LittleEndian.AppendUint64(b, v)
}

// offer puts a buffer of statistics into statsq.
func offer(d *driver, buffers ...[]byte) *virtiotest.Request {
	d.t.Helper()
	r := d.Queue(statsQueue).Submit(buffers, nil)
	d.Queue(statsQueue).Notify()
	return r
}

// fresh answers the device's next question.
func fresh(d *driver, buffers ...[]byte) {
	d.t.Helper()
	done := make(chan struct{})
	d.answered = done
	d.t.Cleanup(func() { <-done })
	q := d.Queue(statsQueue)
	go func() {
		defer close(done)
		for {
			if u, ok := q.Used(); ok {
				q.Free(u.Request)
				q.Submit(buffers, nil)
				q.Notify()
				return
			}
			if d.t.Context().Err() != nil {
				return
			}
			time.Sleep(10 * time.Microsecond)
		}
	}()
}

// value asks for one statistic, which fresh is going to give.
func value(d *driver, t Tag) uint64 {
	d.t.Helper()
	s, err := d.b.Stats(d.t.Context())
	if err != nil {
		d.t.Fatal(err)
	}
	<-d.answered // a queue is for one goroutine
	v, ok := s.Value(t)
	want(d.t, "is known", ok, true)
	return v
}

// TestStats never gives what the driver wrote before it was asked.
func TestStats(t *testing.T) {
	d := up(t, everything)
	offer(d, stat(Free, 111))
	for i := range uint64(50) {
		fresh(d, stat(Free, i))
		want(t, "Free", value(d, Free), i)
	}
}

// TestStatsBuffer has buffers as a driver may fill them, and should not.
func TestStatsBuffer(t *testing.T) {
	flood := make([]byte, 1<<20)
	for name, tt := range map[string]struct {
		buffers [][]byte
		want    map[Tag]uint64
	}{
		"all":           {[][]byte{append(stat(HugeFails, 3), stat(SwapIn, 1<<63)...)}, map[Tag]uint64{HugeFails: 3, SwapIn: 1 << 63}},
		"cut anywhere":  {[][]byte{stat(Total, 258)[:3], stat(Total, 258)[3:4], append(stat(Total, 258)[4:], stat(Caches, 1)...)}, map[Tag]uint64{Total: 258, Caches: 1}},
		"a part at end": {[][]byte{append(stat(Free, 9), 1, 2, 3)}, map[Tag]uint64{Free: 9}},
		"unknown tags":  {[][]byte{append(stat(tags, 1), append(stat(0xffff, 2), stat(Free, 3)...)...)}, map[Tag]uint64{Free: 3}},
		"twice":         {[][]byte{append(stat(Free, 1), stat(Free, 2)...)}, map[Tag]uint64{Free: 2}},
		"nothing":       {[][]byte{{1}}, nil},
		"a megabyte":    {[][]byte{flood}, map[Tag]uint64{SwapIn: 0}},
	} {
		d := up(t, everything)
		offer(d, stat(Free, 1))
		fresh(d, tt.buffers...)
		s, err := d.b.Stats(t.Context())
		want(t, name+": error", err, nil)
		for tag := range tags + 2 {
			v, ok := s.Value(tag)
			expect, known := tt.want[tag]
			want(t, name+": known", ok, known)
			want(t, name+": value", v, expect)
		}
	}
}

// TestStatsTogether has many ask at once, whom few buffers serve.
func TestStatsTogether(t *testing.T) {
	d := up(t, everything)
	stop := make(chan struct{})
	var guest, askers sync.WaitGroup
	guest.Go(func() {
		q := d.Queue(statsQueue)
		r := q.Build([][]byte{stat(Free, 1)}, nil)
		for q.Offer(r); ; q.Offer(r) {
			q.Notify()
			for {
				if _, ok := q.Used(); ok {
					break
				}
				select {
				case <-stop:
					return
				case <-time.After(10 * time.Microsecond):
				}
			}
		}
	})
	for range 8 {
		askers.Go(func() {
			for range 100 {
				if s, err := d.b.Stats(t.Context()); err != nil || s.known != 1<<Free {
					t.Errorf("%+v, %v", s, err)
				}
			}
		})
	}
	askers.Wait()
	close(stop)
	guest.Wait()
}

// TestNoStats asks when nobody answers.
func TestNoStats(t *testing.T) {
	d := attach(t, virtiotest.Options{})
	ask := func(ctx context.Context, because error) {
		t.Helper()
		if _, err := d.b.Stats(ctx); !errors.Is(err, because) {
			t.Errorf("%v, want %v", err, because)
		}
	}
	ask(t.Context(), ErrNoStats) // there is no driver
	d.Init(featureReporting)
	ask(t.Context(), ErrNoStats) // it has no statistics
	d.Init(everything)
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	ask(canceled, context.Canceled) // it has not offered a buffer
	r := offer(d, stat(Free, 1))
	ask(canceled, context.Canceled) // it does not answer
	want(t, "handed back", d.Queue(statsQueue).WaitUsed(virtiotest.Timeout).Request, r)

	waiting := make(chan error)
	go func() {
		_, err := d.b.Stats(context.Background())
		waiting <- err
	}()
	eventually(t, func() bool { return d.b.stats.waiting() })
	d.Reset()
	want(t, "after a reset", <-waiting, ErrNoStats)
	ask(t.Context(), ErrNoStats)
}

// TestTwoBuffers has a driver that offers more than it should. The older buffer comes back.
func TestTwoBuffers(t *testing.T) {
	d := up(t, everything)
	q := d.Queue(statsQueue)
	first := offer(d, stat(Free, 1))
	offer(d, stat(Free, 2))
	want(t, "handed back", q.WaitUsed(virtiotest.Timeout).Request, first)
	fresh(d, stat(Free, 3))
	want(t, "Free", value(d, Free), 3)
}
