package vsock

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"terem/devices/virtio/virtiotest"
)

const guestCID = 7

// guest is a driver that does what a test says, packet by packet.
type guest struct {
	*virtiotest.Guest
	t      testing.TB
	d      *Device
	rx, tx *virtiotest.Queue
	taken  uint16 // packets
}

// attach makes a device and a driver with n buffers for packets, of size bytes each.
func attach(t testing.TB, dial func(uint32) (Stream, error), n, size int) *guest {
	t.Helper()
	d, err := New(Config{CID: guestCID, Dial: dial})
	if err != nil {
		t.Fatal(err)
	}
	g := boot(t, d, virtiotest.Options{RAM: 8 << 20})
	g.up(n, size)
	return g
}

// boot makes a guest whose driver has not begun.
func boot(t testing.TB, d *Device, o virtiotest.Options) *guest {
	return &guest{Guest: virtiotest.New(t, d, o), t: t, d: d}
}

// up brings the device up, and offers n buffers.
func (g *guest) up(n, size int) {
	g.t.Helper()
	g.Init(0)
	g.taken = 0
	g.rx, g.tx = g.Queue(rxQueue), g.Queue(txQueue)
	for range n {
		g.rx.Submit(nil, []int{size})
	}
	g.rx.Notify()
}

// send sends a packet and waits until the device has taken it.
func (g *guest) send(h header, data []byte) {
	g.t.Helper()
	var b [headerSize]byte
	h.len = uint32(len(data))
	h.put(&b)
	bufs := [][]byte{b[:]}
	if len(data) > 0 {
		bufs = append(bufs, data)
	}
	g.tx.Do(bufs, nil)
}

// packet takes the next packet out of a buffer, and offers that again.
func (g *guest) packet() (header, []byte) {
	g.t.Helper()
	u := g.rx.WaitUsed(virtiotest.Timeout)
	g.taken++
	var b [headerSize]byte
	all := u.Request.Written()[:u.Len]
	copy(b[:], all)
	g.rx.Offer(u.Request)
	g.rx.Notify()
	h := parse(&b)
	if u.Len < headerSize || uint32(len(all)-headerSize) != h.len || h.dstCID != guestCID {
		g.t.Fatalf("a packet of %d bytes with header %+v", u.Len, h)
	}
	return h, all[headerSize:]
}

// expect takes a packet of one kind.
func (g *guest) expect(op uint16) (header, []byte) {
	g.t.Helper()
	h, data := g.packet()
	if h.op != op {
		g.t.Fatalf("packet %+v, want op %d", h, op)
	}
	return h, data
}

// from is a header from a port of the guest to one of the host, for a guest with plenty of room.
func from(guest, host uint32, op uint16) header {
	return header{srcCID: guestCID, dstCID: HostCID, srcPort: guest, dstPort: host, kind: kindStream, op: op, bufAlloc: 1 << 20}
}

// back answers a packet.
func back(h header, op uint16) header { return from(h.dstPort, h.srcPort, op) }

// pair is a connected pair of sockets of the host.
func pair(t testing.TB) (ours, theirs *net.UnixConn) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	var c [2]*net.UnixConn
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "pair")
		n, err := net.FileConn(f)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		c[i] = n.(*net.UnixConn)
		t.Cleanup(func() { _ = n.Close() }) // it may be closed
	}
	return c[0], c[1]
}

// connect has the host call a port of the guest, which says yes. It gives the host's program's
// end, and REQUEST.
func (g *guest) connect(port uint32) (*net.UnixConn, header) {
	g.t.Helper()
	ours, theirs := pair(g.t)
	done := make(chan error, 1)
	go func() {
		_, err := g.d.Connect(g.t.Context(), port, ours)
		done <- err
	}()
	h, _ := g.expect(opRequest)
	want(g.t, "called port", h.dstPort, port)
	g.send(back(h, opResponse), nil)
	if err := <-done; err != nil {
		g.t.Fatal(err)
	}
	return theirs, h
}

func want[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}

// eventually waits until something holds; the test's own timeout is the only one.
func eventually(t testing.TB, holds func() bool) {
	t.Helper()
	for !holds() {
		if t.Context().Err() != nil {
			t.Fatal("the test has ended")
		}
		time.Sleep(100 * time.Microsecond)
	}
}

// connections is how many connections the device has a place taken for.
func (g *guest) connections() (n int) {
	g.d.locked(func() { n = len(g.d.live) })
	return n
}

// read reads n bytes from the host's program's end.
func read(t testing.TB, r io.Reader, n int) []byte {
	t.Helper()
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t testing.TB, w io.Writer, b []byte) {
	t.Helper()
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
}

// pattern is n bytes that do not repeat soon.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8 + i>>16)
	}
	return b
}

func same(t testing.TB, what string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("%s: %d bytes are not the %d that they should be", what, len(got), len(want))
	}
}

// socket is a Stream with all that a Stream may have.
type socket struct{ *net.UnixConn }

func (s socket) TryWrite(p [][]byte) (n int, err error) {
	raw, err := s.SyscallConn()
	if err != nil {
		return 0, err
	}
	failed := raw.Write(func(fd uintptr) bool {
		n, err = unix.SendmsgBuffers(int(fd), p, nil, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
		return true
	})
	if errors.Is(err, unix.EAGAIN) {
		return 0, failed
	}
	return max(n, 0), errors.Join(failed, err)
}

func (s socket) AwaitHangup() {
	raw, err := s.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Read(func(fd uintptr) bool {
		p := []unix.PollFd{{Fd: int32(fd)}}
		_, err := unix.Poll(p, 0)
		return err == nil && p[0].Revents&unix.POLLHUP != 0
	})
}
