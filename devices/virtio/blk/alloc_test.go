package blk

import (
	"runtime"
	"testing"

	"terem/devices/virtio/virtiotest"
)

// still is a disk that does nothing, and does not say that it is quick.
type still struct{ Backend }

func (still) Size() int64                    { return benchSize }
func (still) ReadVec([][]byte, int64) error  { return nil }
func (still) WriteVec([][]byte, int64) error { return nil }
func (still) Flush() error                   { return nil }
func (still) Close() error                   { return nil }

// TestRequestsDoNotAllocate counts what a request costs once all slices have grown and all
// workers run, the fake driver included.
func TestRequestsDoNotAllocate(t *testing.T) {
	f := unclosed{newFile(t, 16<<20)}
	slow := unclosed{&file{f: f.f, fd: f.fd, size: f.size, slow: true}}
	for name, tt := range map[string]struct {
		b Backend
		l load
		c bool
	}{
		"quick reads":   {f, load{size: 4096}, true},
		"slow reads":    {slow, load{size: 4096}, true},
		"quick writes":  {f, load{size: 4096, write: true, seq: true}, true},
		"merged reads":  {f, load{size: 4096, seq: true}, true},
		"write through": {still{}, load{size: 4096, write: true}, false},
	} {
		t.Run(name, func(t *testing.T) {
			tt.l.disk = 16 << 20
			d := attach(t, Config{Backend: tt.b, WriteCache: tt.c}, everything, virtiotest.Options{})
			s := newStreams(d, tt.l, 1, 32)[0]
			s.run(5000)
			const n = 2000
			// The runtime makes a sudog now and then, and the last worker may start late.
			if all := testing.AllocsPerRun(3, func() { s.run(n) }); all > n/200 {
				t.Errorf("%v allocations for %d requests", all, n)
			}
		})
	}
}

// TestMemoryOfADisk: what a disk of one queue holds while 32 requests wait for its backend, the
// stacks of its goroutines included.
func TestMemoryOfADisk(t *testing.T) {
	const disks, most = 20, 256 << 10
	g := newGate()
	before := inUse()
	var all []*driver
	for range disks {
		s := newStore(1 << 16)
		s.mute = true
		s.before = g.pass
		d := attach(t, Config{Backend: s, WriteCache: true}, everything, virtiotest.Options{RAM: 1 << 20})
		var b batch
		for i := range maxWorkers {
			b = append(b, batch{{typeIn, uint64(i * 2), 1}}...)
		}
		d.submit(b)
		all = append(all, d)
	}
	eventually(t, func() bool { return g.held() == disks*maxWorkers })
	each := (inUse() - before) / disks
	t.Logf("%d KiB a disk, with 128 KiB of the test's own for its contents", each>>10)
	if each -= 128 << 10; each > most {
		t.Errorf("%d bytes a disk, want at most %d", each, most)
	}
	close(g.open)
	for _, d := range all {
		d.collect(maxWorkers)
	}
}

// inUse is the memory that Go's heap objects and stacks take.
func inUse() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}
