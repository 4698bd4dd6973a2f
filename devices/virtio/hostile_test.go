package virtio_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"terem/devices/virtio"
	vt "terem/devices/virtio/virtiotest"
)

// TestResetInTheMiddle resets a busy device. From the moment that Status reads 0, RAM stands still.
func TestResetInTheMiddle(t *testing.T) {
	e := &vt.Echo{Queues: 2, Size: 16}
	g := vt.New(t, e, vt.Options{RAM: 1 << 20})
	for range 200 {
		g.Init(virtio.FeatureEventIdx)
		for i := range 2 {
			for range 8 {
				g.Queue(i).Submit([][]byte{make([]byte, 100)}, []int{100})
			}
			g.Queue(i).Notify()
		}
		g.Write32(vt.RegStatus, 0)
		before := bytes.Clone(g.RAM)
		g.Queue(0).Kick()
		runtime.Gosched()
		want(t, "RAM stands still", bytes.Equal(before, g.RAM), true)
		if t.Failed() {
			return
		}
		g.Recycle()
	}
	g.Init(0)
	if n, out := g.Queue(1).Do([][]byte{[]byte("alive")}, []int{9}); string(out[:n]) != "alive" {
		t.Errorf("after the resets: %q", out[:n])
	}
}

// TestManyVCPUs has several vCPUs write registers, requests and nonsense at once.
func TestManyVCPUs(t *testing.T) {
	e := &vt.Echo{Queues: 2, Size: 16}
	g := vt.New(t, e, vt.Options{RAM: 4 << 20, Page: true})
	g.Init(virtio.FeatureEventIdx | virtio.FeatureIndirectDesc)
	driver := [2]*vt.Queue{g.Queue(0), g.Queue(1)}
	var vcpus sync.WaitGroup
	for i := range 2 {
		vcpus.Go(func() { // keeps its queue busy, whatever becomes of it
			q := driver[i]
			r := q.Build([][]byte{{1, 2, 3}}, []int{3})
			for range 3000 {
				q.Offer(r)
				q.Notify()
				q.Used()
			}
		})
		vcpus.Go(func() { // pokes at registers
			rnd := rand.New(rand.NewPCG(1, uint64(i)))
			for range 3000 {
				off := rnd.Uint64N(0x120) &^ uint64(rnd.IntN(2)*3)
				g.MMIO.Write(off, []byte{byte(rnd.Uint32() & 15), 0, 0, 0})
				g.MMIO.Read(off, make([]byte, 1+rnd.IntN(8)))
			}
		})
		vcpus.Go(func() { // brings the device up, or tries to
			for n := range 300 {
				walk(g, 15)
				if n%10 == 0 {
					g.MMIO.ConfigChanged()
					g.MMIO.Pause()
					g.MMIO.Save()
					g.MMIO.Resume()
				}
				g.Write32(vt.RegStatus, 0)
			}
		})
	}
	vcpus.Wait()
	g.Init(0)
	if n, out := g.Queue(1).Do([][]byte{[]byte("alive")}, []int{9}); string(out[:n]) != "alive" {
		t.Errorf("in the end: %q", out[:n])
	}
}

// TestManyWorkers has several goroutines pop from and push to one queue.
func TestManyWorkers(t *testing.T) {
	const requests = 20000
	_, driver, q := up(t, 64, virtio.FeatureEventIdx)
	var workers sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		workers.Go(func() {
			var c virtio.Chain
			for {
				if q.Pop(&c) {
					q.Push(&c, 0)
					q.Interrupt()
					continue
				}
				select {
				case <-stop:
					return
				default:
					runtime.Gosched()
				}
			}
		})
	}
	var rs []*vt.Request
	for range 32 {
		rs = append(rs, driver.Submit([][]byte{{1}}, nil))
	}
	for n := 0; n < requests; n++ {
		driver.Offer(driver.WaitUsed(vt.Timeout).Request)
	}
	for range rs {
		driver.WaitUsed(vt.Timeout)
	}
	close(stop)
	workers.Wait()
	want(t, "used index", driver.UsedIdx(), uint16((requests+32)%(1<<16)))
}

// TestNothingIsLeft attaches, uses, resets and closes a device a thousand times.
func TestNothingIsLeft(t *testing.T) {
	round := func() {
		g := vt.New(t, &vt.Echo{Queues: 3}, vt.Options{RAM: 1 << 18})
		g.Init(virtio.FeatureEventIdx)
		g.Queue(2).Do([][]byte{{1}}, []int{1})
		g.Queue(1).Submit([][]byte{{1}}, []int{1})
		g.Reset()
		g.Init(0)
		g.Queue(0).Submit([][]byte{{1}}, []int{1})
		g.Close()
	}
	round()
	goroutines, descriptors := runtime.NumGoroutine(), openDescriptors(t)
	for range 1000 {
		round()
	}
	for range 100 { // a goroutine that has been waited for may not have ended yet
		if runtime.NumGoroutine() <= goroutines {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	// There may be fewer: the one before the count may have had some to end, too.
	if now := runtime.NumGoroutine(); now > goroutines {
		t.Errorf("%d goroutines, after one round there were %d", now, goroutines)
	}
	want(t, "descriptors", openDescriptors(t), descriptors)
}

func openDescriptors(t *testing.T) int {
	t.Helper()
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

// TestClosed writes to a transport that is no more.
func TestClosed(t *testing.T) {
	d := newHeld(8)
	d.info.ConfigSize, d.config = 4, make([]byte, 4)
	g := vt.New(t, d, vt.Options{})
	g.Init(0)
	want(t, "error", g.MMIO.Close(), nil)
	want(t, "error", g.MMIO.Close(), nil)
	n, edges := len(d.calls), g.IRQ.Count()
	for off := uint64(0); off < 0x108; off += 4 {
		g.Write32(off, 1)
	}
	g.MMIO.Pause()
	g.MMIO.Resume()
	d.config[1] = 7
	g.MMIO.ConfigChanged() // somebody from outside who comes too late
	want(t, "calls after Close", len(d.calls), n)
	want(t, "configuration", d.config[0], 0)
	want(t, "configuration in the page", string(g.Config(0, 4)), string(make([]byte, 4)))
	want(t, "interrupts after Close", g.IRQ.Count(), edges)
}
