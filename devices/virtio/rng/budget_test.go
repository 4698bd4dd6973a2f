package rng

import (
	"testing"
	"testing/synctest"
	"time"

	"terem/devices/virtio/virtiotest"
)

// The clock of these tests is synctest's: it goes on only when all goroutines sleep.

// long is more than any wait in these tests.
const long = 24 * time.Hour

// ask makes one request of n bytes and says how long it took and what came.
func ask(q *virtiotest.Queue, n int) (time.Duration, uint32) {
	start := time.Now()
	r := q.Submit(nil, []int{n})
	q.Notify()
	u := q.WaitUsed(long)
	q.Free(r)
	return time.Since(start), u.Len
}

func TestBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, q := attach(t, Config{Rate: 1000, Burst: 500}, 0)
		for _, tt := range []struct {
			idle  time.Duration // before the request
			n     int
			takes time.Duration
			gives uint32
		}{
			{0, 100, 0, 100},
			{0, 400, 0, 400}, // now it is empty
			{0, 64, 64 * time.Millisecond, 64},
			{0, 1, time.Millisecond, 1},
			{30 * time.Millisecond, 100, 70 * time.Millisecond, 100},
			{0, 1 << 20, 500 * time.Millisecond, 500},
			{long, 500, 0, 500}, // a day of thrift is worth no more than a bucket
			{0, 500, 500 * time.Millisecond, 500},
			{250 * time.Millisecond, 200, 0, 200},
		} {
			time.Sleep(tt.idle)
			took, got := ask(q, tt.n)
			if took != tt.takes || got != tt.gives {
				t.Errorf("%d bytes after %v: %d bytes took %v, want %d and %v", tt.n, tt.idle, got, took, tt.gives, tt.takes)
			}
		}
	})
}

// TestBudgetOnAverage has a greedy driver with a full queue.
func TestBudgetOnAverage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, _, q := attach(t, Config{}, 0)
		start := time.Now()
		for range 32 {
			q.Submit(nil, []int{1 << 16})
		}
		q.Notify()
		for range 32 {
			q.WaitUsed(long)
		}
		want(t, "Given", d.Given(), 32<<16)
		want(t, "time for 2 MiB, less a burst, at 1 MiB/s", time.Since(start), 31*time.Second/16)
	})
}

// TestResetDuringWait stops a device that will not have its bytes for a day, and finds the bucket
// as empty as before: neither a reset nor a restored snapshot brings bytes.
func TestResetDuringWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, g, q := attach(t, Config{Rate: 1, Burst: 3600}, 0)
		ask(q, 3600)
		start := time.Now()
		for range 100 {
			q.Submit(nil, []int{3600})
			q.Notify()
			synctest.Wait() // the device sleeps
			g.Init(0)
			q = g.Queue(0)
		}
		want(t, "time for the resets", time.Since(start), 0)
		for range 10 {
			r := q.Submit(nil, []int{100})
			q.Notify()
			synctest.Wait()
			g.MMIO.Pause()
			state := d.Save()
			want(t, "state", state.Missing, time.Hour)
			d = mustNew(t, Config{Rate: 1, Burst: 3600})
			d.Restore(state)
			g.Migrate(d)
			start := time.Now()
			want(t, "used", q.WaitUsed(long).Request, r)
			want(t, "time for 100 bytes", time.Since(start), 100*time.Second)
			q.Free(r)
		}
	})
}

func TestRestoreTrustsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, _, q := attach(t, Config{Rate: 100, Burst: 1000}, 0)
		d.Restore(State{Missing: 1 << 62})
		took, _ := ask(q, 1000)
		want(t, "time for a bucket", took, 10*time.Second)
		d.Restore(State{Missing: -1 << 62})
		took, _ = ask(q, 1000)
		want(t, "time for a full bucket", took, 0)
	})
}

// TestWorth is exact, never in the guest's favour, and does not overflow.
func TestWorth(t *testing.T) {
	for _, tt := range []struct {
		rate, n uint64
		takes   time.Duration
	}{
		{1, MaxBurst, MaxBurst * time.Second}, {3, 1, 333333334}, {MaxRate, 1, 1}, {MaxRate, 0, 0},
		{MaxRate, MaxBurst, 244141}, {DefaultRate, DefaultBurst, time.Second / 16},
	} {
		b := bucket{rate: tt.rate}
		want(t, "worth", b.worth(tt.n), tt.takes)
	}
}
