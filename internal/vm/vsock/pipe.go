package vsock

import (
	"io"
	"sync"
	"syscall"

	device "terem/devices/virtio/vsock"
)

// pipeSize is what each direction of a Pipe holds, in bytes.
const pipeSize = 64 << 10

// Pipe is a connection within terem: two ends, neither of which has a descriptor. One of them is for the device.
func Pipe() (*End, *End) {
	a, b := newHalf(), newHalf()
	return &End{a, b}, &End{b, a}
}

// End is one of them. Its methods may be called from any goroutine.
type End struct{ in, out *half }

var _ interface {
	device.Quick
	device.Hanger
	device.ReadCloser
} = (*End)(nil)

// Read waits for the other end to say something.
func (e *End) Read(p []byte) (int, error) { return e.in.read(p) }

// Write waits until there is room for all of p. If the other end does not listen, the error is EPIPE.
func (e *End) Write(p []byte) (n int, err error) {
	for err == nil && n < len(p) {
		var k int
		k, err = e.out.write(p[n:], true)
		n += k
	}
	return n, err
}

// TryWrite writes what there is room for.
func (e *End) TryWrite(p [][]byte) (n int, err error) {
	for _, b := range p {
		k, err := e.out.write(b, false)
		if n += k; err != nil || k < len(b) {
			return n, err
		}
	}
	return n, nil
}

// CloseWrite says that no more comes: the other end reads io.EOF.
func (e *End) CloseWrite() error {
	e.out.set(&e.out.ended)
	return nil
}

// CloseRead says that nobody listens here.
func (e *End) CloseRead() error {
	e.in.set(&e.in.deaf)
	return nil
}

// Close does both.
func (e *End) Close() error {
	_, _ = e.CloseWrite(), e.CloseRead() // they cannot fail
	return nil
}

// AwaitHangup waits until the other end does not listen, or this one is closed.
func (e *End) AwaitHangup() {
	h := e.out
	h.mu.Lock()
	defer h.mu.Unlock()
	for !h.deaf && !h.ended {
		h.change.Wait()
	}
}

// half is one direction: a ring of bytes.
type half struct {
	mu     sync.Mutex
	change *sync.Cond
	b      []byte // pipeSize of them, from the first write on
	at, n  int    // where the bytes begin, and how many there are
	ended  bool   // nobody writes any more
	deaf   bool   // nobody reads any more
}

func newHalf() *half {
	h := &half{}
	h.change = sync.NewCond(&h.mu)
	return h
}

func (h *half) set(what *bool) {
	h.mu.Lock()
	*what = true
	h.mu.Unlock()
	h.change.Broadcast()
}

func (h *half) read(p []byte) (n int, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for h.n == 0 && !h.ended && !h.deaf && len(p) > 0 {
		h.change.Wait()
	}
	if h.deaf || len(p) > 0 && h.n == 0 {
		return 0, io.EOF
	}
	for len(p) > 0 && h.n > 0 {
		k := copy(p, h.b[h.at:min(h.at+h.n, len(h.b))])
		p, n = p[k:], n+k
		h.at, h.n = (h.at+k)%pipeSize, h.n-k
	}
	h.change.Broadcast()
	return n, nil
}

// write writes what there is room for; if it may wait, that is something.
func (h *half) write(p []byte, wait bool) (n int, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for wait && h.n == pipeSize && !h.deaf && !h.ended {
		h.change.Wait()
	}
	if h.deaf || h.ended {
		return 0, syscall.EPIPE
	}
	if h.b == nil && len(p) > 0 {
		h.b = make([]byte, pipeSize)
	}
	for len(p) > 0 && h.n < pipeSize {
		end := (h.at + h.n) % pipeSize
		k := copy(h.b[end:min(end+pipeSize-h.n, pipeSize)], p)
		p, n, h.n = p[k:], n+k, h.n+k
	}
	h.change.Broadcast()
	return n, nil
}
