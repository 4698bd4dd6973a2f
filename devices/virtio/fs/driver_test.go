package fs

import (
	"bytes"
	"encoding/binary"
	"errors"
	"sync"
	"testing"

	"terem/devices/virtio"
	"terem/devices/virtio/virtiotest"
)

// echo is a server that answers a request with its own bytes behind an answer's header.
type echo struct {
	mu      sync.Mutex
	forgot  int
	closed  bool
	dead    bool          // Serve fails
	hold    chan struct{} // a request of opcode holdOp waits until it is closed
	release func()        // closes it
	holding chan struct{} // and says so
}

const (
	echoOp   = 1
	forgetOp = 2
	holdOp   = 3
)

func newEcho() *echo {
	e := &echo{hold: make(chan struct{}), holding: make(chan struct{}, 64)}
	e.release = sync.OnceFunc(func() {
		if e.hold != nil {
			close(e.hold)
		}
	})
	return e
}

func (e *echo) Serve(in, out [][]byte) (int, error) {
	all := bytes.Join(in, nil)
	switch binary.LittleEndian.Uint32(all[4:]) {
	case forgetOp:
		return 0, nil
	case holdOp:
		if e.hold != nil {
			e.holding <- struct{}{}
			<-e.hold
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.dead || e.closed {
		return 0, errors.New("it has ended")
	}
	answer := append(make([]byte, answerSize), all...)
	copy(answer[offUnique:], all[offUnique:offUnique+8])
	room := 0
	for _, b := range out {
		room += len(b)
	}
	n := min(len(answer), room)
	binary.LittleEndian.PutUint32(answer, uint32(n))
	scatter(out, answer)
	return n, nil
}

func (e *echo) Forget() {
	e.mu.Lock()
	e.forgot++
	e.mu.Unlock()
}

func (e *echo) Close() error {
	e.release()
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	return nil
}

// driver is a guest with a device.
type driver struct {
	*virtiotest.Guest
	d *Device
	t testing.TB
}

func attach(t testing.TB, s Server, o virtiotest.Options) *driver {
	t.Helper()
	d, err := New(Config{Server: s, Tag: "share0", Queues: 2})
	if err != nil {
		t.Fatal(err)
	}
	g := virtiotest.New(t, d, o)
	g.Init(g.Offered())
	return &driver{g, d, t}
}

// message is a FUSE request.
func message(op uint32, unique uint64, body int) []byte {
	b := make([]byte, headerSize+body)
	binary.LittleEndian.PutUint32(b, uint32(len(b)))
	binary.LittleEndian.PutUint32(b[4:], op)
	binary.LittleEndian.PutUint64(b[offUnique:], unique)
	for i := range body {
		b[headerSize+i] = byte(i)
	}
	return b
}

// split cuts b into pieces of n bytes.
func split(b []byte, n int) (pieces [][]byte) {
	for len(b) > n {
		pieces, b = append(pieces, b[:n]), b[n:]
	}
	return append(pieces, b)
}

func expect[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

var _ virtio.Device = (*Device)(nil)
