package vsock

import (
	"errors"
	"net"
	"syscall"

	"golang.org/x/sys/unix"

	device "terem/devices/virtio/vsock"
)

// stream is a unix socket as the device likes it best.
type stream struct {
	*net.UnixConn
	raw  syscall.RawConn
	gate chan struct{} // closed when what the guest says may be written

	// TryWrite only.
	attempt func(fd uintptr) bool
	iov     [][]byte
	n       int
	err     error
}

var _ interface {
	device.Quick
	device.Hanger
	device.ReadCloser
} = (*stream)(nil)

// Stream makes a host's end of a unix socket, which is then the stream's to close.
func Stream(c *net.UnixConn) (device.Stream, error) {
	s, err := newStream(c)
	if err != nil {
		return nil, err
	}
	close(s.gate)
	return s, nil
}

func newStream(c *net.UnixConn) (*stream, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	s := &stream{UnixConn: c, raw: raw, gate: make(chan struct{})}
	s.attempt = s.send
	return s, nil
}

// Write waits until the gate is open, and then for who reads.
func (s *stream) Write(p []byte) (int, error) {
	<-s.gate
	return s.UnixConn.Write(p)
}

// TryWrite writes what there is room for.
func (s *stream) TryWrite(p [][]byte) (int, error) {
	select {
	case <-s.gate:
	default:
		return 0, nil
	}
	s.iov, s.n, s.err = p, 0, nil
	err := s.raw.Write(s.attempt)
	s.iov = nil
	return s.n, errors.Join(err, s.err)
}

// send is one try, after which there is none.
func (s *stream) send(fd uintptr) bool {
	for {
		n, err := unix.SendmsgBuffers(int(fd), s.iov, nil, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
		switch err {
		case nil:
			s.n = n
		case unix.EINTR:
			continue
		case unix.EAGAIN:
		default:
			s.err = err
		}
		return true
	}
}

// AwaitHangup waits until the other end is closed. That wakes up a reader, as does Close.
func (s *stream) AwaitHangup() {
	_ = s.raw.Read(func(fd uintptr) bool { // an error says that it is closed
		p := []unix.PollFd{{Fd: int32(fd)}}
		_, err := unix.Poll(p, 0)
		return err == nil && p[0].Revents&(unix.POLLHUP|unix.POLLERR) != 0
	})
}
