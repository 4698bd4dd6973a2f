package blk

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"terem/devices/virtio/virtiotest"
)

// both runs a test with a backend that answers at once and with one that does not.
func both(t *testing.T, f func(t *testing.T, s *store, b Backend)) {
	t.Helper()
	t.Run("quick", func(t *testing.T) {
		s := newStore(4 << 20)
		f(t, s, swift{s})
	})
	t.Run("slow", func(t *testing.T) {
		s := newStore(4 << 20)
		f(t, s, s)
	})
}

// batch is requests that the device sees all at once, as kind, sector and number of sectors.
type batch []struct {
	kind    uint32
	sector  uint64
	sectors int
}

func (d *driver) submit(requests batch) {
	d.t.Helper()
	var built []*virtiotest.Request
	for i, r := range requests {
		if r.kind == typeIn {
			built = append(built, d.q.Build([][]byte{header(r.kind, r.sector)}, []int{r.sectors * 512, 1}))
			continue
		}
		built = append(built, d.q.Build([][]byte{header(r.kind, r.sector), pattern(byte(i), r.sectors*512)}, []int{1}))
	}
	d.offer(built)
}

// offer shows all requests to the device by one store of the available index.
func (d *driver) offer(built []*virtiotest.Request) {
	idx := d.q.AvailIdx()
	for _, r := range built {
		d.q.SetAvail(idx, r.Head)
		idx++
	}
	d.q.SetAvailIdx(idx)
	d.q.Notify()
}

func TestNeighboursAreOneTransfer(t *testing.T) {
	const in, out = typeIn, typeOut
	for _, tt := range []struct {
		name string
		b    batch
		want string
	}{
		{"reads", batch{{in, 0, 1}, {in, 1, 3}, {in, 4, 2}}, "[{read 0 3072 3}]"},
		{"writes", batch{{out, 8, 8}, {out, 16, 8}}, "[{write 4096 8192 2}]"},
		{"a gap", batch{{in, 0, 1}, {in, 2, 1}}, "[{read 0 512 1} {read 1024 512 1}]"},
		{"backwards", batch{{in, 1, 1}, {in, 0, 1}}, "[{read 512 512 1} {read 0 512 1}]"},
		{"the same", batch{{out, 1, 1}, {out, 1, 1}}, "[{write 512 512 1} {write 512 512 1}]"},
		{"two kinds", batch{{in, 0, 1}, {out, 1, 1}}, "[{read 0 512 1} {write 512 512 1}]"},
		{"a wrong one between", batch{{in, 0, 1}, {in, 1 << 40, 1}, {in, 1, 1}}, "[{read 0 1024 2}]"},
		{"1 MiB at most", batch{{in, 0, 1024}, {in, 1024, 1024}, {in, 2048, 8}}, "[{read 0 1048576 2} {read 1048576 4096 1}]"},
		{"a single one beyond", batch{{in, 0, 4096}, {in, 4096, 8}}, "[{read 0 2097152 1} {read 2097152 4096 1}]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStore(4 << 20)
			d := attach(t, Config{Backend: swift{s}, WriteCache: true}, everything, virtiotest.Options{})
			d.submit(tt.b)
			d.collect(len(tt.b))
			expect(t, "calls", fmt.Sprint(s.take()), tt.want)
		})
	}
}

func TestManyBuffersAreManyRuns(t *testing.T) {
	s := newStore(diskSize)
	d := attach(t, Config{Backend: swift{s}, WriteCache: true}, everything, virtiotest.Options{})
	d.q.Indirect = true
	in := append(bytesOf(512, 100), 1)
	var built []*virtiotest.Request
	for i := range 4 {
		built = append(built, d.q.Build([][]byte{header(typeIn, uint64(i*100))}, in))
	}
	d.offer(built)
	d.collect(4)
	expect(t, "calls", fmt.Sprint(s.take()), "[{read 0 102400 200} {read 102400 102400 200}]")
}

// bytesOf is n buffers of size bytes.
func bytesOf(size, n int) []int {
	v := make([]int, n)
	for i := range v {
		v[i] = size
	}
	return v
}

func TestMergedDataGoesWhereItBelongs(t *testing.T) {
	both(t, func(t *testing.T, s *store, b Backend) {
		d := attach(t, Config{Backend: b, WriteCache: true}, everything, virtiotest.Options{})
		s.fill(0, pattern(5, 4096))
		var built []*virtiotest.Request
		for i := range 8 {
			built = append(built, d.q.Build([][]byte{header(typeIn, uint64(i))}, []int{200, 312, 1}))
		}
		d.offer(built)
		defer func() { expect(t, "calls", len(s.take()), 1) }()
		for range 8 {
			u := d.q.WaitUsed(virtiotest.Timeout)
			at := int(u.Request.Read[0].Bytes[8]) * 512
			if !bytes.Equal(u.Request.Written()[:512], s.look(at, 512)) {
				t.Errorf("sector %d has another sector's bytes", at/512)
			}
			expect(t, "used length", u.Len, 513)
		}
	})
}

// TestOneBadSector: of a run that fails, only the request that is to blame fails.
func TestOneBadSector(t *testing.T) {
	both(t, func(t *testing.T, s *store, b Backend) {
		s.before = func(c call) error {
			if c.off <= 1024 && 1024 < c.off+c.n {
				return unix.EIO
			}
			return nil
		}
		d := attach(t, Config{Backend: b, WriteCache: true, ID: "worn"}, everything, virtiotest.Options{})
		d.submit(batch{{typeIn, 0, 1}, {typeIn, 1, 1}, {typeIn, 2, 1}, {typeIn, 3, 1}})
		for range 4 {
			u := d.q.WaitUsed(virtiotest.Timeout)
			sector, want := u.Request.Read[0].Bytes[8], byte(statusOK)
			if sector == 2 {
				want = statusIOErr
			}
			expect(t, fmt.Sprint("status of sector ", sector), u.Request.Write[1].Bytes[0], want)
		}
	})
}

// TestHostErrors: whatever the backend says, the driver sees an I/O error, and the next request
// is as good as any.
func TestHostErrors(t *testing.T) {
	for _, host := range []error{unix.EIO, unix.ENOSPC, io.ErrUnexpectedEOF} {
		both(t, func(t *testing.T, s *store, b Backend) {
			var mu sync.Mutex
			fail := true
			s.before = func(c call) error {
				mu.Lock()
				defer mu.Unlock()
				if fail && c.op != "flush" {
					return host
				}
				return nil
			}
			d := attach(t, Config{Backend: b, WriteCache: true, Discard: true}, everything, virtiotest.Options{})
			for _, kind := range []uint32{typeIn, typeOut, typeDiscard, typeWriteZeroes} {
				data, room := []byte(nil), 0
				switch kind {
				case typeIn:
					room = 512
				case typeOut:
					data = pattern(1, 512)
				default:
					data = span(0, 1, 0)
				}
				status, _, _ := d.do(kind, 0, data, room)
				expect(t, fmt.Sprint("status of ", kind), status, statusIOErr)
			}
			mu.Lock()
			fail = false
			mu.Unlock()
			expect(t, "write", d.write(0, pattern(1, 512)), statusOK)
			d.read(0, 512)
		})
	}
}

// TestDepth: as many requests are with the host's disk at the same time as the driver has made.
func TestDepth(t *testing.T) {
	var mu sync.Mutex
	inside, together := 0, make(chan struct{})
	s := newStore(diskSize)
	s.before = func(call) error {
		mu.Lock()
		if inside++; inside == maxWorkers {
			close(together)
		}
		mu.Unlock()
		<-together
		return nil
	}
	d := attach(t, Config{Backend: s, WriteCache: true}, everything, virtiotest.Options{})
	var b batch
	for i := range maxWorkers {
		b = append(b, batch{{typeIn, uint64(i * 2), 1}}...)
	}
	d.submit(b)
	for head, status := range d.collect(maxWorkers) {
		expect(t, fmt.Sprint("status of ", head), status, statusOK)
	}
}

// TestFewInterrupts: a driver that makes many requests at once is not interrupted for each.
func TestFewInterrupts(t *testing.T) {
	s := newStore(diskSize)
	d := attach(t, Config{Backend: swift{s}, WriteCache: true}, featureFlush, virtiotest.Options{})
	var b batch
	for i := range 64 {
		b = append(b, batch{{typeIn, uint64(i * 2), 1}}...)
	}
	d.submit(b)
	d.collect(64)
	if n := d.IRQ.Count(); n > 64/maxOwed+1 {
		t.Errorf("%d interrupts for 64 requests", n)
	}
}

// TestQuietWhileBusy: a driver need not notify a disk that is going to look anyway.
func TestQuietWhileBusy(t *testing.T) {
	g := newGate()
	s := newStore(diskSize)
	s.before = func(c call) error {
		if c.off == 0 {
			return nil
		}
		return g.pass(c)
	}
	d := attach(t, Config{Backend: swift{s}, WriteCache: true}, featureFlush, virtiotest.Options{})
	d.read(0, 512)
	d.submit(batch{{typeIn, 1, 1}})
	eventually(t, func() bool { return g.held() == 1 })
	expect(t, "flags of the used ring", d.q.UsedFlags(), 1)
	close(g.open)
	d.collect(1)
	eventually(t, func() bool { return d.q.UsedFlags() == 0 })
}

// TestManyMoreThanInHand: the ring holds more than the lane takes, the backend is slow.
func TestManyMoreThanInHand(t *testing.T) {
	both(t, func(t *testing.T, s *store, b Backend) {
		d := attach(t, Config{Backend: b, WriteCache: true}, everything, virtiotest.Options{})
		d.q.Indirect = true
		for i := range queueSize {
			d.q.Submit([][]byte{header(typeIn, uint64(i*7%2000))}, []int{512, 1})
		}
		d.q.Notify()
		for _, status := range d.collect(queueSize) {
			expect(t, "status", status, statusOK)
		}
	})
}

// partly is a store that answers at once for its first sector only.
type partly struct{ swift }

func (p partly) TryReadVec(iov [][]byte, off int64) (bool, error) {
	if off != 0 {
		return false, nil
	}
	return p.swift.TryReadVec(iov, off)
}

// TestInterruptBeforeWait: while one queue keeps all workers busy, the driver hears of what
// another queue has answered before that queue too has to wait for a worker.
func TestInterruptBeforeWait(t *testing.T) {
	g := newGate()
	s := newStore(diskSize)
	s.before = func(c call) error {
		if c.off == 0 {
			return nil
		}
		return g.pass(c)
	}
	c := Config{Backend: partly{swift{s}}, WriteCache: true, Queues: 2}
	d := attach(t, c, featureFlush|featureMQ, virtiotest.Options{})
	d.q = d.Queue(1)
	var b batch
	for i := range maxWorkers {
		b = append(b, batch{{typeIn, uint64(2 + i*2), 1}}...)
	}
	d.submit(b)
	eventually(t, func() bool { return g.held() == maxWorkers })
	before := d.IRQ.Count()
	d.q = d.Queue(0)
	d.submit(batch{{typeIn, 0, 1}, {typeIn, 100, 1}})
	if !d.IRQ.Wait(before, virtiotest.Deadline()) {
		t.Error("no interrupt for a request that was answered")
	}
	close(g.open)
	d.collect(2)
	d.q = d.Queue(1)
	d.collect(maxWorkers)
}
