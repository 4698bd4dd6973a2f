package fs

import (
	"bytes"
	"encoding/binary"
	"runtime"
	"strings"
	"testing"

	"terem/devices/virtio/virtiotest"
)

func TestConfig(t *testing.T) {
	d := attach(t, newEcho(), virtiotest.Options{})
	expect(t, "DeviceID", d.Read32(virtiotest.RegDeviceID), 26)
	expect(t, "tag", string(d.Config(0, 36)), "share0"+strings.Repeat("\x00", 30))
	expect(t, "queues", string(d.Config(36, 4)), "\x02\x00\x00\x00")
	d.WriteConfig(0, []byte("other"))
	expect(t, "tag after a write", string(d.Config(0, 6)), "share0")
	for _, c := range []Config{
		{}, {Server: newEcho()}, {Server: newEcho(), Tag: strings.Repeat("x", 37)}, {Server: newEcho(), Tag: "a\nb"},
		{Server: newEcho(), Tag: "a", Queues: MaxQueues + 1}, {Server: newEcho(), Tag: "a", Queues: -1},
	} {
		if _, err := New(c); err == nil {
			t.Errorf("%+v: no error", c)
		}
	}
}

// TestAnswer lays requests out in all kinds of pieces, on each queue, with and without room for the whole answer.
func TestAnswer(t *testing.T) {
	d := attach(t, newEcho(), virtiotest.Options{})
	for queue := range 3 {
		q := d.Queue(queue)
		for _, piece := range []int{1000, 40, 17} {
			for _, room := range [][]int{{200}, {16, 184}, {7, 9, 100, 84}, {20}, {answerSize}} {
				m := message(echoOp, uint64(piece)<<32|7, 100)
				n, got := q.Do(split(m, piece), room)
				total := 0
				for _, r := range room {
					total += r
				}
				want := min(answerSize+len(m), total)
				expect(t, "length", int(n), want)
				expect(t, "unique", binary.LittleEndian.Uint64(got[offUnique:]), uint64(piece)<<32|7)
				if !bytes.Equal(got[answerSize:want], m[:want-answerSize]) {
					t.Errorf("queue %d, pieces of %d, room %v: another answer", queue, piece, room)
				}
			}
		}
		if n, _ := q.Do([][]byte{message(forgetOp, 1, 24)}, nil); n != 0 {
			t.Errorf("a FORGET has an answer of %d bytes", n)
		}
	}
}

// TestLimits: what is too long is refused, and the server never sees more than it must.
func TestLimits(t *testing.T) {
	d := attach(t, newEcho(), virtiotest.Options{})
	q := d.Queue(1)
	n, got := q.Do(split(message(echoOp, 5, MaxRequest), 128<<10), []int{64})
	expect(t, "length", n, answerSize)
	expect(t, "error", int32(binary.LittleEndian.Uint32(got[4:])), errTooLong)
	expect(t, "unique", binary.LittleEndian.Uint64(got[offUnique:]), 5)
	if n, _ := q.Do(split(message(echoOp, 5, MaxRequest), 128<<10), []int{15}); n != 0 {
		t.Errorf("%d bytes where there is no room for an error", n)
	}
	m := message(echoOp, 6, MaxRequest-headerSize)
	n, got = q.Do(split(m, 128<<10), []int{MaxAnswer, 4096})
	expect(t, "the longest answer", int(n), MaxAnswer)
	if !bytes.Equal(got[answerSize:MaxAnswer], m[:MaxAnswer-answerSize]) {
		t.Error("another answer")
	}
}

func TestShorten(t *testing.T) {
	for _, tt := range []struct {
		sizes []int
		most  int
		want  []int
	}{
		{[]int{10}, 10, []int{10}}, {[]int{10}, 4, []int{4}}, {[]int{4, 4}, 4, []int{4}}, {[]int{4, 4, 4}, 5, []int{4, 1}},
		{[]int{4, 4}, 20, []int{4, 4}}, {nil, 4, nil}, {[]int{4, 4}, 0, nil},
	} {
		var bufs [][]byte
		total := 0
		for _, n := range tt.sizes {
			bufs, total = append(bufs, make([]byte, n)), total+n
		}
		var got []int
		for _, b := range shorten(bufs, uint64(total), uint64(tt.most)) {
			got = append(got, len(b))
		}
		if len(got) != len(tt.want) {
			t.Fatalf("%v cut to %d: %v, want %v", tt.sizes, tt.most, got, tt.want)
		}
		for i := range got {
			expect(t, "piece", got[i], tt.want[i])
		}
	}
}

// TestBroken: a request without a whole header breaks the queue, and a reset mends it.
func TestBroken(t *testing.T) {
	d := attach(t, newEcho(), virtiotest.Options{})
	q := d.Queue(1)
	q.Submit([][]byte{make([]byte, headerSize-1)}, []int{64})
	q.Notify()
	for d.Status()&virtiotest.StatusNeedsReset == 0 {
		runtime.Gosched()
	}
	d.Init(d.Offered())
	if n, _ := d.Queue(1).Do([][]byte{message(echoOp, 1, 0)}, []int{64}); n != answerSize+headerSize {
		t.Errorf("%d bytes after a reset", n)
	}
}

// TestDead: a server that has died makes errors, and no silence.
func TestDead(t *testing.T) {
	e := newEcho()
	d := attach(t, e, virtiotest.Options{})
	e.mu.Lock()
	e.dead = true
	e.mu.Unlock()
	for range 3 {
		n, got := d.Queue(1).Do([][]byte{message(echoOp, 9, 0)}, []int{64})
		expect(t, "length", n, answerSize)
		expect(t, "error", int32(binary.LittleEndian.Uint32(got[4:])), errNoOne)
		expect(t, "unique", binary.LittleEndian.Uint64(got[offUnique:]), 9)
	}
}

// TestParallel: requests that wait hold up no others, on their own queue and on the others.
func TestParallel(t *testing.T) {
	e := newEcho()
	d := attach(t, e, virtiotest.Options{})
	q := d.Queue(1)
	const waiting = maxWorkers - 1
	for i := range waiting {
		q.Submit([][]byte{message(holdOp, uint64(i), 0)}, []int{64})
	}
	q.Notify()
	for range waiting {
		<-e.holding
	}
	for _, i := range []int{0, 2} {
		d.Queue(i).Do([][]byte{message(echoOp, 99, 0)}, []int{64})
	}
	r := q.Submit([][]byte{message(echoOp, 100, 0)}, []int{64})
	q.Notify()
	if u := q.WaitUsed(virtiotest.Timeout); u.Request != r {
		t.Error("another request came first")
	}
	e.release()
	for range waiting {
		q.WaitUsed(virtiotest.Timeout)
	}
}

// TestClose: a server that does not answer holds up nobody who closes the device.
func TestClose(t *testing.T) {
	e := newEcho()
	d := attach(t, e, virtiotest.Options{})
	q := d.Queue(1)
	for i := range 2 * maxWorkers {
		q.Submit([][]byte{message(holdOp, uint64(i), 0)}, []int{64})
	}
	q.Notify()
	for range maxWorkers {
		<-e.holding
	}
	d.Close()
}

// TestReset ends the session; a pause does not.
func TestReset(t *testing.T) {
	e := newEcho()
	d := attach(t, e, virtiotest.Options{})
	before := e.forgot
	expect(t, "sessions ended before there was one", before, 0)
	d.MMIO.Pause()
	expect(t, "sessions ended by a pause", e.forgot-before, 0)
	d.MMIO.Resume()
	d.Queue(1).Do([][]byte{message(echoOp, 1, 0)}, []int{64})
	d.Init(d.Offered())
	if e.forgot == before {
		t.Error("a reset ended no session")
	}
	d.Queue(1).Do([][]byte{message(echoOp, 1, 0)}, []int{64})
	d.d.Restore(d.d.Save())
}
