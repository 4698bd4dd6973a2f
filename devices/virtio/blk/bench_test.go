package blk

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"terem/devices/virtio/virtiotest"
)

const benchSize = 256 << 20

// load is what both sides of a comparison do.
type load struct {
	name  string
	size  int
	seq   bool
	write bool
	disk  int // bytes of it that are used; 0: benchSize

	patience time.Duration // how long the driver looks for an answer before it sleeps
}

// offset is where request i goes.
func (l *load) offset(r *rand.Rand, i int) int64 {
	n := benchSize / l.size
	if l.disk != 0 {
		n = l.disk / l.size
	}
	if l.seq {
		return int64(i%n) * int64(l.size)
	}
	return int64(r.IntN(n)) * int64(l.size)
}

// BenchmarkDisk compares the disk, driven through its registers and rings, with bare loops of
// pread and pwrite of the same sizes: as many loops at once as the disk has requests, and one loop.
// All three take turns in one run. The metrics are medians of the turns:
//
//	x-bare          throughput of the disk over that of as many bare loops as the depth; 1 is equal
//	x-loop          the same over one bare loop: one queue is served on one CPU as long as nothing waits
//	ns/op           time per request of the disk
//	loop-ns/op      the same of one bare loop
//	cpu-ns/op       CPU time per request of the disk, of the driver, and of whoever looks before it sleeps
//	bare-cpu-ns/op  CPU time per transfer of the bare loops
//
// A driver that polls looks for some time before it sleeps, as an idle guest does (haltpoll.rst).
// It takes CPU time that the disk may need, if the host has not one CPU for each of the two.
func BenchmarkDisk(b *testing.B) {
	f := newFile(b, benchSize)
	for _, l := range []load{
		{name: "read-4K-random", size: 4 << 10, seq: false, write: false},
		{name: "read-128K-seq", size: 128 << 10, seq: true, write: false},
		{name: "write-128K-seq", size: 128 << 10, seq: true, write: true},
	} {
		for _, c := range []struct{ queues, depth int }{{1, 1}, {1, 32}, {2, 32}} {
			for _, l.patience = range []time.Duration{0, 200 * time.Microsecond} {
				b.Run(fmt.Sprintf("%s/queues=%d/depth=%d/polls=%v", l.name, c.queues, c.depth, l.patience), func(b *testing.B) {
					compare(b, f, l, c.queues, c.depth)
				})
			}
		}
	}
}

func compare(b *testing.B, f *file, l load, queues, depth int) {
	d := attach(b, Config{Backend: unclosed{f}, Queues: queues, WriteCache: true}, everything, virtiotest.Options{RAM: 64 << 20})
	ds := newStreams(d, l, queues, depth)
	turn := 4000
	if l.size > 4096 {
		turn = 800
	}
	var bare, loop, disk, cpu, bareCPU []float64
	b.ResetTimer()
	for n := 0; n < b.N; n += turn {
		start := cpuTime()
		bare = append(bare, timed(func() { bareLoops(f, l, ds.buffers(), depth, turn) }))
		bareCPU = append(bareCPU, float64(cpuTime()-start))
		loop = append(loop, timed(func() { bareLoops(f, l, ds.buffers(), 1, turn) }))
		start = cpuTime()
		disk = append(disk, timed(func() { ds.run(turn) }))
		cpu = append(cpu, float64(cpuTime()-start))
	}
	b.ReportMetric(median(cpu)/float64(turn), "cpu-ns/op")
	b.ReportMetric(median(bareCPU)/float64(turn), "bare-cpu-ns/op")
	b.ReportMetric(median(loop)*1e9/float64(turn), "loop-ns/op")
	b.ReportMetric(median(disk)*1e9/float64(turn), "ns/op")
	b.ReportMetric(ratio(bare, disk), "x-bare")
	b.ReportMetric(ratio(loop, disk), "x-loop")
}

func timed(f func()) float64 {
	t := time.Now()
	f()
	return time.Since(t).Seconds()
}

func median(v []float64) float64 {
	v = slices.Clone(v)
	slices.Sort(v)
	return v[len(v)/2]
}

// ratio is the median of a[i]/b[i].
func ratio(a, b []float64) float64 {
	r := make([]float64, len(a))
	for i := range a {
		r[i] = a[i] / b[i]
	}
	return median(r)
}

// unclosed is a file that outlives its disk.
type unclosed struct{ *file }

func (unclosed) Close() error { return nil }

// bareLoops does n transfers in so many loops at the same time, with the same buffers in turn.
func bareLoops(f *file, l load, bufs [][]byte, loops, n int) {
	var wg sync.WaitGroup
	for j := range loops {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(rand.Uint64(), 1)) // not the same places again: they would be in the CPU's cache
			for i := j; i < n; i += loops {
				var err error
				if buf := bufs[i%len(bufs)]; l.write {
					_, err = unix.Pwrite(f.fd, buf, l.offset(r, i))
				} else {
					_, err = unix.Pread(f.fd, buf, l.offset(r, i))
				}
				if err != nil {
					panic(err)
				}
			}
		})
	}
	wg.Wait()
}

// buffers is where the data of all requests is in guest RAM.
func (all streams) buffers() (bufs [][]byte) {
	for _, s := range all {
		for _, r := range s.requests {
			if s.write {
				bufs = append(bufs, r.Read[1].Bytes)
			} else {
				bufs = append(bufs, r.Write[0].Bytes)
			}
		}
	}
	return bufs
}

// stream is a driver that keeps a number of requests in one queue.
type stream struct {
	load
	q        *virtiotest.Queue
	requests []*virtiotest.Request
	r        *rand.Rand
	issued   int
}

type streams []*stream

func newStreams(d *driver, l load, queues, depth int) (all streams) {
	for i := range queues {
		s := &stream{load: l, q: d.Queue(i), r: rand.New(rand.NewPCG(uint64(i), 1))}
		for range depth / queues {
			if l.write {
				s.requests = append(s.requests, s.q.Build([][]byte{header(typeOut, 0), make([]byte, l.size)}, []int{1}))
			} else {
				s.requests = append(s.requests, s.q.Build([][]byte{header(typeIn, 0)}, []int{l.size, 1}))
			}
		}
		all = append(all, s)
	}
	return all
}

// run makes n requests, in all queues at the same time.
func (all streams) run(n int) {
	var wg sync.WaitGroup
	for _, s := range all[1:] {
		wg.Go(func() { s.run(n / len(all)) })
	}
	all[0].run(n / len(all))
	wg.Wait()
}

func (s *stream) run(n int) {
	left := n
	for _, r := range s.requests {
		s.offer(r)
		left--
	}
	s.q.Notify()
	for done := 0; done < n; {
		u := s.wait()
		for more := true; more; u, more = s.q.Used() {
			done++
			if left > 0 {
				s.offer(u.Request)
				left--
			}
		}
		s.q.Notify()
	}
}

// wait looks for a while before it sleeps.
func (s *stream) wait() virtiotest.Used {
	for start := time.Now(); time.Since(start) < s.patience; runtime.Gosched() {
		if u, ok := s.q.Used(); ok {
			return u
		}
	}
	return s.q.WaitUsed(virtiotest.Timeout)
}

func (s *stream) offer(r *virtiotest.Request) {
	binary.LittleEndian.PutUint64(r.Read[0].Bytes[8:], uint64(s.offset(s.r, s.issued))/sectorSize)
	s.issued++
	s.q.Offer(r)
}

// cpuTime is what the process has used, in nanoseconds.
func cpuTime() int64 {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

// idle is a quick disk that does nothing.
type idle struct{ *store }

func (idle) Size() int64                                   { return benchSize }
func (idle) TryReadVec([][]byte, int64) (bool, error)      { return true, nil }
func (idle) TryWriteVec(_ [][]byte, _ int64) (bool, error) { return true, nil }

// BenchmarkOverhead is what a request costs besides its I/O, the driver's part included.
func BenchmarkOverhead(b *testing.B) {
	d := attach(b, Config{Backend: idle{newStore(512)}, WriteCache: true}, everything, virtiotest.Options{})
	all := newStreams(d, load{size: 4096}, 1, 32)
	b.ReportAllocs()
	b.ResetTimer()
	start := cpuTime()
	all.run(b.N)
	b.ReportMetric(float64(cpuTime()-start)/float64(b.N), "cpu-ns/op")
}

// BenchmarkLatency makes 4 KiB reads from the page cache one at a time, and measures from just
// before the notification until the driver sees the used entry.
func BenchmarkLatency(b *testing.B) {
	f := newFile(b, benchSize)
	d := attach(b, Config{Backend: f, WriteCache: true}, everything, virtiotest.Options{})
	s := newStreams(d, load{size: 4096, patience: 200 * time.Microsecond}, 1, 1)[0]
	took := make([]float64, 0, b.N)
	b.ReportAllocs()
	b.ResetTimer()
	start := cpuTime()
	for range b.N {
		s.offer(s.requests[0])
		t := time.Now()
		s.q.Notify()
		s.wait()
		took = append(took, float64(time.Since(t)))
	}
	b.ReportMetric(float64(cpuTime()-start)/float64(b.N), "cpu-ns/op")
	slices.Sort(took)
	b.ReportMetric(took[len(took)/2], "median-ns")
	b.ReportMetric(took[len(took)*99/100], "p99-ns")
}
