package blk

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"terem/devices/virtio/virtiotest"
)

// throttled is a page cache that holds writers up, as Linux does when too much is dirty.
type throttled struct {
	swift
	tried *atomic.Int32
}

func (b throttled) TryWriteVec(iov [][]byte, off int64) (bool, error) {
	if b.tried.Add(1) == 1 {
		time.Sleep(longWrite + time.Millisecond)
	}
	return true, b.WriteVec(iov, off)
}

// TestWriteHoldsNobodyUp: where a write has waited in the lane, the next ones wait elsewhere, and
// what comes behind them does not. After some, writes are tried again.
func TestWriteHoldsNobodyUp(t *testing.T) {
	g := newGate()
	s := newStore(diskSize)
	s.before = func(c call) error {
		if c.op == "read" || c.off == 0 {
			return nil
		}
		return g.pass(c)
	}
	b := throttled{swift{s}, &atomic.Int32{}}
	d := attach(t, Config{Backend: b, WriteCache: true}, everything, virtiotest.Options{})
	expect(t, "write", d.write(0, pattern(1, 512)), statusOK)
	open := sync.OnceFunc(func() { close(g.open) })
	t.Cleanup(open)
	d.submit(batch{{typeOut, 100, 1}, {typeIn, 0, 1}})
	u := d.q.WaitUsed(virtiotest.Timeout)
	expect(t, "the read is first", len(u.Request.Written()), 513)
	d.q.Free(u.Request)
	eventually(t, func() bool { return g.held() == 1 })
	open()
	d.collect(1)
	expect(t, "writes tried", b.tried.Load(), 1)
	for range waryWrites {
		expect(t, "write", d.write(0, pattern(1, 512)), statusOK)
	}
	expect(t, "writes tried", b.tried.Load(), 2)
}
