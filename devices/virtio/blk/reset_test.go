package blk

import (
	"bytes"
	"os"
	"runtime"
	"sync"
	"testing"

	"terem/devices/virtio/virtiotest"
)

// gate is a hook that holds all calls up until it is opened.
type gate struct {
	mu     sync.Mutex
	inside int
	open   chan struct{}
}

func newGate() *gate { return &gate{open: make(chan struct{})} }

func (g *gate) pass(call) error {
	g.mu.Lock()
	g.inside++
	g.mu.Unlock()
	<-g.open
	return nil
}

func (g *gate) held() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.inside
}

// TestResetWaits: a reset comes back when the backend has let go of the last request, and from
// then on nothing is written to guest RAM.
func TestResetWaits(t *testing.T) {
	g := newGate()
	s := newStore(diskSize)
	s.before = g.pass
	d := attach(t, Config{Backend: s, WriteCache: true}, everything, virtiotest.Options{RAM: 1 << 20})
	d.submit(batch{{typeIn, 0, 8}, {typeIn, 100, 8}, {typeOut, 200, 8}})
	eventually(t, func() bool { return g.held() == 3 })
	reset := make(chan struct{})
	go func() {
		d.Reset()
		close(reset)
	}()
	for range 100 {
		runtime.Gosched()
	}
	select {
	case <-reset:
		t.Fatal("the reset came back while the backend had guest RAM in its hands")
	default:
	}
	close(g.open)
	<-reset
	before := bytes.Clone(d.RAM)
	expect(t, "calls", len(s.take()), 3)
	for range 100 {
		runtime.Gosched()
	}
	if !bytes.Equal(before, d.RAM) {
		t.Error("guest RAM has changed after the reset")
	}
	d.up(everything)
	d.read(0, 512)
}

// TestResetWithAFullRing: more requests than the lane and the workers take are lost, as the driver
// wants it.
func TestResetWithAFullRing(t *testing.T) {
	g := newGate()
	s := newStore(diskSize)
	s.before = g.pass
	d := attach(t, Config{Backend: s, WriteCache: true}, everything, virtiotest.Options{})
	d.q.Indirect = true
	var b batch
	for i := range 200 {
		b = append(b, batch{{typeIn, uint64(i * 2), 1}}...)
	}
	d.submit(b)
	eventually(t, func() bool { return g.held() == maxWorkers })
	reset := make(chan struct{})
	go func() {
		d.Reset()
		close(reset)
	}()
	eventually(t, func() bool { return d.disk.lanes[0].stopping.Load() })
	close(g.open)
	<-reset
	if n := len(s.take()); n > maxWorkers+laneDepth {
		t.Errorf("%d requests were carried out", n)
	}
	d.up(everything)
	d.read(0, 512)
}

// TestTellsBeforeItWaits: a lane that has all its requests with the workers tells the driver of what it
// has answered itself, before it waits for one of them.
func TestTellsBeforeItWaits(t *testing.T) {
	g := newGate()
	s := newStore(diskSize)
	s.before = g.pass
	d := attach(t, Config{Backend: s, WriteCache: true}, everything, virtiotest.Options{})
	d.q.Indirect = true
	edges := d.IRQ.Count()
	built := []*virtiotest.Request{d.q.Build([][]byte{header(typeGetID, 0)}, []int{idSize, 1})}
	for i := range laneDepth + 1 {
		built = append(built, d.q.Build([][]byte{header(typeIn, uint64(i*2))}, []int{512, 1}))
	}
	d.offer(built)
	eventually(t, func() bool { return g.held() == laneDepth })
	eventually(t, func() bool { return d.IRQ.Count() > edges })
	close(g.open)
}

// TestPauseInMidAir saves the transport with requests in flight and goes on in another guest's
// disk: each request is answered once, by one of the two.
func TestPauseInMidAir(t *testing.T) {
	both(t, func(t *testing.T, s *store, b Backend) {
		d := attach(t, Config{Backend: b, WriteCache: true}, everything, virtiotest.Options{RAM: 1 << 20})
		d.WriteConfig(offWriteback, []byte{0})
		for round := range 20 {
			var bt batch
			for i := range 40 {
				bt = append(bt, batch{{typeIn, uint64(i*2 + round), 1}}...)
			}
			d.submit(bt)
			d.MMIO.Pause()
			disk, state := d.disk.Save(), d.MMIO.Save()
			d.disk.Restore(disk)
			if err := d.MMIO.Restore(state); err != nil {
				t.Fatal(err)
			}
			d.MMIO.Resume()
			for _, status := range d.collect(40) {
				expect(t, "status", status, statusOK)
			}
			expect(t, "writeback", d.Config(offWriteback, 1)[0], 0)
		}
	})
}

// TestResetSwitchesTheCacheBack: the next driver finds the cache as the host wants it, and what a
// driver cannot flush is off before it looks (section 5.2.5.2), that is from FEATURES_OK on.
func TestResetSwitchesTheCacheBack(t *testing.T) {
	d := attach(t, Config{Backend: newStore(diskSize), WriteCache: true}, everything, virtiotest.Options{})
	field := func() byte { return d.Config(offWriteback, 1)[0] }
	d.WriteConfig(offWriteback, []byte{0})
	d.MMIO.Pause()
	d.MMIO.Resume()
	expect(t, "writeback after a pause", field(), 0)
	d.Reset()
	expect(t, "writeback after a reset", field(), 1)
	d.Write32(virtiotest.RegStatus, virtiotest.StatusAcknowledge|virtiotest.StatusDriver)
	d.WriteConfig(offWriteback, []byte{0}) // the old driver could do that
	expect(t, "writeback of a driver that has not negotiated", field(), 1)
	if err := d.Negotiate(featureConfigWCE); err != nil {
		t.Fatal(err)
	}
	expect(t, "writeback without FLUSH", field(), 0)
	d.up(everything)
	expect(t, "writeback of the next driver", field(), 1)
	expect(t, "write", d.write(5, pattern(1, 512)), statusOK)
}

// TestRestoreBeforeNegotiation gives a disk in use a state of before FEATURES_OK: what an earlier driver had negotiated
// counts no more.
func TestRestoreBeforeNegotiation(t *testing.T) {
	d := attach(t, Config{Backend: newStore(diskSize), WriteCache: true}, everything, virtiotest.Options{})
	d.Reset()
	d.Write32(virtiotest.RegStatus, 1)
	d.Write32(virtiotest.RegStatus, 3) // there is a driver
	disk, state := d.disk.Save(), d.MMIO.Save()
	d.up(everything)
	d.MMIO.Pause()
	d.disk.Restore(disk)
	if err := d.MMIO.Restore(state); err != nil {
		t.Fatal(err)
	}
	d.MMIO.Resume()
	d.WriteConfig(offWriteback, []byte{0}) // has an effect only where it is negotiated
	expect(t, "writeback", d.Config(offWriteback, 1)[0], 1)
	d.up(everything)
	expect(t, "write", d.write(5, pattern(1, 512)), statusOK)
}

func TestStateIsNotTrusted(t *testing.T) {
	d, err := New(Config{Backend: newStore(512)})
	if err != nil {
		t.Fatal(err)
	}
	d.Restore(State{Writeback: true})
	expect(t, "writeback without a cache", d.Save().Writeback, false)
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

// TestNothingIsLeft attaches, uses, resets and closes disks, and counts what the process holds.
func TestNothingIsLeft(t *testing.T) {
	rounds := 1000
	if testing.Short() {
		rounds = 50
	}
	name := newFile(t, 64<<10).f.Name()
	round := func() {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		b := &file{f: f, fd: int(f.Fd()), size: 64 << 10, slow: true}
		d := attach(t, Config{Backend: b, Queues: 2, ReadOnly: true}, everything, virtiotest.Options{RAM: 128 << 10, QueueSize: 64})
		d.submit(batch{{typeIn, 0, 1}, {typeIn, 8, 1}, {typeIn, 16, 1}})
		d.Reset()
		d.up(everything)
		d.read(1, 512)
		d.Close()
	}
	round()
	goroutines, fds := runtime.NumGoroutine(), descriptors(t)
	for range rounds {
		round()
	}
	eventually(t, func() bool { return runtime.NumGoroutine() <= goroutines })
	expect(t, "descriptors", descriptors(t), fds)
}

func descriptors(t *testing.T) int {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(fds)
}
