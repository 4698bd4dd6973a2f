package rng

import (
	"bytes"
	"os"
	"runtime"
	"testing"
	"time"

	"terem/devices/virtio"
	"terem/devices/virtio/virtiotest"
)

// TestHostileRings has chains that a driver may not make. The device asks for a reset, and after
// that is as good as new.
func TestHostileRings(t *testing.T) {
	_, g, _ := attach(t, unlimited(), 0)
	for name, d := range map[string]virtiotest.Desc{
		"outside RAM":      {Addr: 1 << 40, Len: 64, Flags: virtiotest.DescWrite},
		"the end of RAM":   {Addr: g.Base, Len: uint32(len(g.RAM)) + 1, Flags: virtiotest.DescWrite},
		"near 2^64":        {Addr: 1<<64 - 1, Len: 1<<32 - 1, Flags: virtiotest.DescWrite},
		"a loop":           {Addr: g.Base, Len: 64, Flags: virtiotest.DescWrite | virtiotest.DescNext},
		"not negotiated":   {Addr: g.Base, Len: 16, Flags: virtiotest.DescIndirect},
		"next not a place": {Addr: g.Base, Len: 64, Flags: virtiotest.DescWrite | virtiotest.DescNext, Next: 9999},
	} {
		q := g.Queue(0)
		q.SetDesc(0, d)
		edges := g.IRQ.Count()
		q.Raw(0)
		q.Notify()
		if !g.IRQ.Wait(edges, time.Now().Add(virtiotest.Timeout)) {
			t.Fatalf("%s: no interrupt", name)
		}
		want(t, name+": status", g.Status(), 15|virtiotest.StatusNeedsReset)
		g.Init(0)
		n, _ := g.Queue(0).Do(nil, []int{64})
		want(t, name+": used length after a reset", n, 64)
	}
}

// TestFillsItsOwnRings makes the whole of RAM a buffer, rings and all.
func TestFillsItsOwnRings(t *testing.T) {
	d := mustNew(t, unlimited())
	g := virtiotest.New(t, d, virtiotest.Options{RAM: 1 << 20})
	for range 20 {
		g.Init(virtio.FeatureEventIdx)
		q := g.Queue(0)
		q.SetDesc(0, virtiotest.Desc{Addr: g.Base, Len: uint32(len(g.RAM)), Flags: virtiotest.DescWrite})
		before := d.Given()
		q.Raw(0)
		q.Kick()
		eventually(t, func() bool { return d.Given() > before })
		g.Reset()
		g.Recycle()
	}
	g.Init(0)
	n, _ := g.Queue(0).Do(nil, []int{64})
	want(t, "used length in the end", n, 64)
}

// TestResetInTheMiddle resets a busy device. From the moment that Status reads 0, RAM stands still.
func TestResetInTheMiddle(t *testing.T) {
	d := mustNew(t, unlimited())
	g := virtiotest.New(t, d, virtiotest.Options{RAM: 8 << 20})
	for i := range 100 {
		g.Init(virtio.FeatureEventIdx)
		q := g.Queue(0)
		for range 30 {
			q.Submit(nil, []int{100_000})
		}
		q.Notify()
		for range i % 4 {
			runtime.Gosched()
		}
		g.Write32(virtiotest.RegStatus, 0)
		before := bytes.Clone(g.RAM)
		q.Kick()
		runtime.Gosched()
		if !bytes.Equal(before, g.RAM) {
			t.Fatal("RAM changes after the reset")
		}
		g.Recycle()
	}
}

// TestDeadDriver offers a queue full of requests and is never heard of again.
func TestDeadDriver(t *testing.T) {
	d, g, q := attach(t, unlimited(), 0)
	for range q.Size {
		q.Submit(nil, []int{100})
	}
	q.Kick()
	eventually(t, func() bool { return q.UsedIdx() == q.Size })
	want(t, "Given", d.Given(), uint64(q.Size)*100)
	g.Close()
}

// TestLeavesNothing attaches, uses and closes a device 1,000 times.
func TestLeavesNothing(t *testing.T) {
	round := func(c Config) {
		d := mustNew(t, c)
		g := virtiotest.New(t, d, virtiotest.Options{RAM: 1 << 16})
		g.Init(0)
		for range 3 {
			g.Queue(0).Submit(nil, []int{100})
		}
		g.Queue(0).Kick()
		g.Init(0)
		g.Queue(0).Submit(nil, []int{100})
		g.Queue(0).Kick()
		g.Close()
	}
	round(unlimited())
	goroutines, files := runtime.NumGoroutine(), descriptors(t)
	for range 500 {
		round(unlimited())
		round(Config{Rate: 1, Burst: 100}) // which sleeps
	}
	eventually(t, func() bool { return runtime.NumGoroutine() <= goroutines })
	want(t, "open files", descriptors(t), files)
}

func descriptors(t *testing.T) int {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}

// eventually waits until something holds; the test's own timeout is the only one.
func eventually(t *testing.T, holds func() bool) {
	t.Helper()
	for !holds() {
		if t.Context().Err() != nil {
			t.Fatal("the test has ended")
		}
		time.Sleep(100 * time.Microsecond)
	}
}
