package balloon

import (
	"bytes"
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"terem/devices/virtio"
	"terem/devices/virtio/virtiotest"
	"terem/memory"
)

// TestInflatesItsOwnRings gives all of RAM away, rings and request included, while the device is at
// it. The device goes on, or asks for a reset, after which it is as good as new.
func TestInflatesItsOwnRings(t *testing.T) {
	d := attach(t, virtiotest.Options{RAM: 1 << 20})
	for _, queue := range []int{inflateQueue, reportQueue} {
		for range 20 {
			d.Init(everything | virtio.FeatureEventIdx)
			var list []uint32
			for i := range uint32(len(d.RAM) / page) {
				list = append(list, pfn(d.Base)+i)
			}
			q := d.Queue(queue)
			before := d.b.Counters().Calls
			if queue == reportQueue {
				q.SetDesc(0, virtiotest.Desc{Addr: d.Base, Len: uint32(len(d.RAM)), Flags: virtiotest.DescWrite})
				q.Raw(0)
			} else {
				q.Submit([][]byte{pfns(list...)}, nil)
			}
			q.Kick()
			eventually(t, func() bool { return d.b.Counters().Calls > before })
			d.Reset()
			d.Recycle()
		}
	}
	d.Init(everything)
	a, _ := d.pages(1)
	want(t, "inflated in the end", d.inflate(pfns(pfn(a))).Inflated, page)
}

// TestWrongWay has requests whose buffers are for the other side.
func TestWrongWay(t *testing.T) {
	d := up(t, everything)
	a, ram := d.pages(4)
	for queue := range queues {
		if queue == statsQueue {
			continue
		}
		q := d.Queue(queue)
		flags := uint16(0)
		if queue <= deflateQueue {
			flags = virtiotest.DescWrite
		}
		q.SetDesc(0, virtiotest.Desc{Addr: a, Len: 4 * page, Flags: flags})
		q.Raw(0)
		q.Notify()
		want(t, "used length", q.WaitUsed(virtiotest.Timeout).Len, 0)
	}
	want(t, "counters", d.b.Counters(), Counters{})
	want(t, "the pages", bytes.Count(ram, []byte{0xa5}), len(ram))
}

// TestResetInTheMiddle resets a busy balloon. From the moment that Status reads 0, RAM stands still.
func TestResetInTheMiddle(t *testing.T) {
	d := attach(t, virtiotest.Options{RAM: 2 << 20})
	for i := range 100 {
		d.Init(everything | virtio.FeatureEventIdx)
		a, ram := d.pages(16)
		offer(d, stat(Free, 1))
		for range 20 {
			d.Queue(inflateQueue).Submit([][]byte{pfns(pfn(a), pfn(a)+2)}, nil)
			d.Queue(deflateQueue).Submit([][]byte{pfns(pfn(a))}, nil)
		}
		q := d.Queue(reportQueue)
		for n := range uint16(32) {
			q.SetDesc(int(n), virtiotest.Desc{Addr: a + 8*page, Len: 8 * page, Flags: virtiotest.DescWrite})
			q.Raw(n)
		}
		for n := range queues {
			d.Queue(n).Kick()
		}
		for range i % 5 {
			runtime.Gosched()
		}
		d.Write32(virtiotest.RegStatus, 0)
		ram[0], ram[8*page] = 1, 1
		before := bytes.Clone(d.RAM)
		q.Kick()
		runtime.Gosched()
		if !bytes.Equal(before, d.RAM) {
			t.Fatal("RAM changes after the reset")
		}
		d.Recycle()
	}
}

// TestDeadDriver fills all queues and is never heard of again.
func TestDeadDriver(t *testing.T) {
	d := up(t, everything)
	a, _ := d.pages(1)
	q := d.Queue(inflateQueue)
	for i := range queues {
		for range q.Size {
			d.Queue(i).Submit([][]byte{pfns(pfn(a))}, nil)
		}
		d.Queue(i).Kick()
	}
	eventually(t, func() bool { return q.UsedIdx() == q.Size })
	want(t, "inflated", d.b.Counters().Inflated, uint64(q.Size)*page)
	d.Close()
}

// TestHostRefuses has RAM that the host may not take. The guest does not notice.
func TestHostRefuses(t *testing.T) {
	d := up(t, everything)
	a, ram := d.pages(2)
	if err := unix.Mlock(ram[:page]); err != nil {
		t.Skip(err)
	}
	got := d.inflate(pfns(pfn(a), pfn(a)+1))
	want(t, "locked", got, Counters{Refused: 2 * page, Calls: 1})
	if d.b.Err() == nil {
		t.Error("Err: nil")
	}
	if err := unix.Munlock(ram[:page]); err != nil {
		t.Fatal(err)
	}
	want(t, "not locked", d.inflate(pfns(pfn(a), pfn(a)+1)), Counters{Inflated: 2 * page, Calls: 1})
}

// TestLeavesNothing attaches, uses and closes a balloon 1,000 times.
func TestLeavesNothing(t *testing.T) {
	round := func() {
		d := attach(t, virtiotest.Options{RAM: 1 << 17})
		for range 2 {
			d.Init(everything)
			offer(d, stat(Free, 1))
			d.Queue(inflateQueue).Submit([][]byte{pfns(pfn(d.Base) + 31)}, nil)
			d.Queue(inflateQueue).Kick()
			d.Reset()
			d.Recycle()
		}
		d.Init(everything)
		offer(d, stat(Free, 1))
		d.Close()
	}
	round()
	goroutines, files := runtime.NumGoroutine(), descriptors(t)
	for range 1000 {
		round()
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

// TestDoesNotAllocate counts what requests of all kinds cost.
func TestDoesNotAllocate(t *testing.T) {
	d := up(t, everything|virtio.FeatureEventIdx)
	a, _ := d.pages(64)
	inflate := d.Queue(inflateQueue).Build([][]byte{pfns(pfn(a), pfn(a)+1, pfn(a)+9, 0, 1<<32-1)}, nil)
	deflate := d.Queue(deflateQueue).Build([][]byte{pfns(pfn(a))}, nil)
	report := &virtiotest.Request{Head: 0}
	d.Queue(reportQueue).SetDesc(0, virtiotest.Desc{Addr: a, Len: 64 * page, Flags: virtiotest.DescWrite})
	n := testing.AllocsPerRun(1000, func() {
		again(d, inflateQueue, inflate)
		again(d, deflateQueue, deflate)
		again(d, reportQueue, report)
	})
	want(t, "allocations", n, 0)
}

// again makes a request that was built, for a driver that does not sleep and allocates nothing.
func again(d *driver, queue int, r *virtiotest.Request) {
	q := d.Queue(queue)
	q.Offer(r)
	if err := d.Bells[queue].Signal(); err != nil {
		d.t.Error(err)
	}
	for {
		if _, ok := q.Used(); ok {
			return
		}
		runtime.Gosched()
	}
}

// BenchmarkInflate gives and touches 256 pages, as Linux does in one request.
func BenchmarkInflate(b *testing.B) {
	for _, bb := range []struct {
		name string
		step int
	}{{"one run", 1}, {"256 runs", 2}} {
		b.Run(bb.name, func(b *testing.B) {
			d := up(b, everything)
			a, _ := d.pages(256)
			ram := d.Bytes(a, 512*page)
			var list []uint32
			for i := range 256 {
				list = append(list, pfn(a+memory.Addr(i*bb.step*page)))
			}
			r := d.Queue(inflateQueue).Build([][]byte{pfns(list...)}, nil)
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				for i := 0; i < len(ram); i += page {
					ram[i] = 1
				}
				b.StartTimer()
				again(d, inflateQueue, r)
			}
		})
	}
}
