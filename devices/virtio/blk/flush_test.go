package blk

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"

	"golang.org/x/sys/unix"

	"terem/devices/virtio/virtiotest"
)

func TestWriteCache(t *testing.T) {
	const flush, wce = featureFlush, featureConfigWCE
	on, off := []byte{1}, []byte{0}
	for _, tt := range []struct {
		name     string
		cache    bool   // what the host allows
		features uint64 // what the driver takes
		switches [][]byte
		field    byte // what it reads then
		stable   bool // a write is stable when it completes
	}{
		{"none", false, everything, nil, 0, true},
		{"none, and not to be had", false, everything, [][]byte{on}, 0, true},
		{"cache", true, flush | wce, nil, 1, false},
		{"cache without switch", true, flush, nil, 1, false},
		{"driver cannot flush", true, 0, nil, 0, true},
		{"driver cannot flush but switch", true, wce, nil, 0, true},
		{"driver cannot flush but switch it on", true, wce, [][]byte{on}, 0, true},
		{"driver cannot switch", true, flush, [][]byte{off}, 1, false},
		{"switched off", true, flush | wce, [][]byte{off}, 0, true},
		{"switched off and on", true, flush | wce, [][]byte{off, on}, 1, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			both(t, func(t *testing.T, s *store, b Backend) {
				d := attach(t, Config{Backend: b, WriteCache: tt.cache}, tt.features, virtiotest.Options{})
				for _, v := range tt.switches {
					d.WriteConfig(offWriteback, v)
				}
				expect(t, "writeback", d.Config(offWriteback, 1)[0], tt.field)
				expect(t, "write", d.write(5, pattern(1, 512)), statusOK)
				expect(t, "stable", string(s.survivors()[5*512:6*512]) == string(pattern(1, 512)), tt.stable)
				status, _, _ := d.do(typeWriteZeroes, 0, span(5, 1, 0), 0)
				expect(t, "zeroes", status, statusOK)
				expect(t, "zeroes stable", s.survivors()[5*512+1], 0) // or never anything else
				expect(t, "write", d.write(5, pattern(1, 512)), statusOK)
				expect(t, "flush", d.flush(), statusOK)
				expect(t, "flushed", s.survivors()[5*512+1], 2)
			})
		})
	}
}

// TestFlushFailedForGood: what a flush has lost, no later flush finds again.
func TestFlushFailedForGood(t *testing.T) {
	s := newStore(diskSize)
	var once sync.Once
	s.before = func(c call) (err error) {
		if c.op == "flush" {
			once.Do(func() { err = unix.ENOSPC })
		}
		return err
	}
	d := attach(t, Config{Backend: unflushed{s}, WriteCache: true}, everything, virtiotest.Options{})
	expect(t, "write", d.write(0, pattern(1, 512)), statusOK)
	for range 3 {
		expect(t, "flush", d.flush(), statusIOErr)
	}
	d.up(everything)
	expect(t, "flush after a reset", d.flush(), statusIOErr)
	d.WriteConfig(offWriteback, []byte{0})
	expect(t, "write through", d.write(0, pattern(1, 512)), statusIOErr)
	d.read(0, 512)
	flushes := 0
	for _, c := range s.take() {
		if c.op == "flush" {
			flushes++
		}
	}
	expect(t, "flushes of the backend", flushes, 1)
	if err := d.disk.Close(); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("close: %v", err)
	}
	d.disk.flusher.err = nil // the guest closes it once more and wants to hear no error
}

// unflushed may be closed twice: once by the test, once by the guest.
type unflushed struct{ *store }

func (unflushed) Close() error { return nil }

// heldFlusher is one whose calls of the backend end each with a word from leave.
func heldFlusher() (f *flusher, s *store, leave chan<- struct{}) {
	s, f = newStore(4096), new(flusher)
	c := make(chan struct{})
	s.before = func(call) error {
		<-c
		return nil
	}
	f.init(s)
	return f, s, c
}

// TestFlushesShare: flushes that come while one is under way share the next, and none is
// answered by the one that had begun before it came.
func TestFlushesShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, s, leave := heldFlusher()
		ended := 0
		flush := func() {
			if err := f.flush(); err != nil {
				t.Error(err)
			}
			f.mu.Lock()
			ended++
			f.mu.Unlock()
		}
		go flush()
		synctest.Wait() // until it is with the backend
		for range 10 {
			go flush()
		}
		for _, want := range []int{0, 1, 11} {
			synctest.Wait()
			expect(t, "ended", ended, want)
			if want < 11 {
				leave <- struct{}{}
			}
		}
		expect(t, "flushes of the backend", len(s.take()), 2)
	})
}

// TestFlushWaitsForOne: whoever wakes up late, when the next call has begun, does not wait for
// that as well. Otherwise a steady stream of flushes could hold one up for ever.
func TestFlushWaitsForOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, _, leave := heldFlusher()
		flush := func() {
			if err := f.flush(); err != nil {
				t.Error(err)
			}
		}
		go flush()
		synctest.Wait()
		leave <- struct{}{}
		synctest.Wait()
		go flush()
		synctest.Wait() // the second call is under way
		late := make(chan struct{})
		go func() {
			f.mu.Lock()
			defer f.mu.Unlock()
			if err := f.wait(1); err != nil { // woken up by the first only now
				t.Error(err)
			}
			close(late)
		}()
		synctest.Wait()
		select {
		case <-late:
		default:
			t.Error("a flush whose call has ended waits for the next one")
		}
		leave <- struct{}{}
		synctest.Wait()
	})
}

// history is a random driver, and what it may rely on.
type history struct {
	*driver
	r         *rand.Rand
	next      uint32
	written   [16]uint32            // the last version that was submitted, by block
	completed [16]uint32            // that has completed
	promised  [16]uint32            // that was completed when a completed flush was submitted
	flushes   map[uint16][16]uint32 // completed at the submission of a flush in flight
	writes    map[uint16]int        // block of a write in flight
}

// TestPowerLoss cuts the power at every step of random histories. What a completed flush covers
// must be there, and nothing may be there that was never written.
func TestPowerLoss(t *testing.T) {
	rounds := 200
	if testing.Short() {
		rounds = 10
	}
	for seed := range rounds {
		s := newStore(16 * 512)
		s.mute = true
		s.before = func(call) error {
			for range rand.IntN(4) {
				runtime.Gosched()
			}
			return nil
		}
		var b Backend = s
		if seed%2 == 0 {
			b = swift{s}
		}
		h := &history{r: rand.New(rand.NewPCG(uint64(seed), 0)), flushes: map[uint16][16]uint32{}, writes: map[uint16]int{}}
		h.driver = attach(t, Config{Backend: b, WriteCache: true}, everything, virtiotest.Options{RAM: 1 << 20})
		h.live(s, 200)
		h.Close()
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// live makes n steps.
func (h *history) live(s *store, n int) {
	for range n {
		switch k := h.r.IntN(10); {
		case k < 5:
			h.writeBlock(h.r.IntN(16))
		case k < 7:
			r := h.q.Submit([][]byte{header(typeFlush, 0)}, []int{1})
			h.flushes[r.Head] = h.completed
		case k == 7:
			h.WriteConfig(offWriteback, []byte{byte(h.r.IntN(2))})
		default:
			h.q.Notify()
			runtime.Gosched()
		}
		for u, ok := h.q.Used(); ok; u, ok = h.q.Used() {
			h.done(u)
		}
		h.check(s.survivors())
	}
	h.q.Notify()
	for len(h.flushes)+len(h.writes) > 0 {
		h.done(h.q.WaitUsed(virtiotest.Timeout))
	}
	h.check(s.survivors())
}

// writeBlock writes the next version to a block that has no write in flight: the order of two
// would be open.
func (h *history) writeBlock(block int) {
	for _, other := range h.writes {
		if other == block {
			return
		}
	}
	h.next++
	data := make([]byte, 512)
	binary.LittleEndian.PutUint32(data, h.next)
	r := h.q.Submit([][]byte{header(typeOut, uint64(block)), data}, []int{1})
	h.written[block] = h.next
	h.writes[r.Head] = block
}

func (h *history) done(u virtiotest.Used) {
	h.t.Helper()
	expect(h.t, "status", u.Request.Write[0].Bytes[0], statusOK)
	if before, ok := h.flushes[u.Head]; ok {
		for i, v := range before {
			h.promised[i] = max(h.promised[i], v)
		}
		delete(h.flushes, u.Head)
	}
	if block, ok := h.writes[u.Head]; ok {
		h.completed[block] = h.written[block]
		delete(h.writes, u.Head)
	}
	h.q.Free(u.Request)
}

func (h *history) check(left []byte) {
	h.t.Helper()
	for i, want := range h.promised {
		got := binary.LittleEndian.Uint32(left[i*512:])
		if got < want || got > h.written[i] {
			h.t.Fatalf("block %d: version %d is left; %d was flushed, %d was the last", i, got, want, h.written[i])
		}
	}
}

// TestWriteThroughPowerLoss: without a cache each write that has completed is there.
func TestWriteThroughPowerLoss(t *testing.T) {
	both(t, func(t *testing.T, s *store, b Backend) {
		d := attach(t, Config{Backend: b}, everything, virtiotest.Options{})
		for round := range 50 {
			var built batch
			for i := range 8 {
				built = append(built, batch{{typeOut, uint64(i*2 + round%2), 1}}...)
			}
			d.submit(built)
			for range built {
				u := d.q.WaitUsed(virtiotest.Timeout)
				at := int(u.Request.Read[0].Bytes[8]) * 512
				left := s.survivors()[at : at+512]
				expect(t, fmt.Sprint("bytes at ", at), string(left), string(u.Request.Read[1].Bytes))
				d.q.Free(u.Request)
			}
		}
	})
}
