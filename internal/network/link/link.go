package link

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"terem/devices/virtio/net"
)

// A Link is a [net.Backend].
type Link struct {
	file *os.File
	raw  syscall.RawConn
	tap  bool

	// Send's and Receive's own, so that a frame allocates nothing.
	out, in door
}

// door is one direction of a link.
type door struct {
	pieces []unix.Iovec
	wait   bool
	n      int
	err    error
	pass   func(fd uintptr) bool // for package os: false has it wait
}

// New makes a link of a socket, which is the link's to close.
func New(socket *os.File) (*Link, error) {
	raw, err := socket.SyscallConn()
	if err != nil {
		return nil, err
	}
	l := &Link{file: socket, raw: raw}
	l.out.wait = true
	l.out.pass = func(fd uintptr) bool { return l.out.through(unix.SYS_WRITEV, fd) }
	l.in.pass = func(fd uintptr) bool { return l.in.through(unix.SYS_READV, fd) }
	return l, nil
}

// Pair makes a link and the other end of it, which does not block and closes at exec.
func Pair() (l *Link, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	for _, fd := range fds {
		Widen(fd)
	}
	theirs = os.NewFile(uintptr(fds[1]), "network")
	if l, err = New(os.NewFile(uintptr(fds[0]), "network")); err != nil {
		theirs.Close()
	}
	return l, theirs, err
}

// Widen gives a socket room for as many frames as the host lets it have. With less it works too, but more slowly.
func Widen(fd int) {
	const want = 4 << 20
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, want)
}

// Send implements [net.Backend].
func (l *Link) Send(frame [][]byte) error {
	_, err := l.out.carry(l.raw.Write, frame)
	switch {
	case err == nil:
		return nil
	case l.tap && (errors.Is(err, unix.EIO) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOBUFS) || errors.Is(err, unix.ENOMEM)):
		return net.ErrDropped // the interface is down (EIO), or the kernel does not like the frame
	case errors.Is(err, unix.EMSGSIZE), errors.Is(err, unix.ENOBUFS):
		return net.ErrDropped
	}
	return err
}

// Receive implements [net.Backend].
func (l *Link) Receive(room [][]byte, wait bool) (n int, err error) {
	l.in.wait = wait
	n, err = l.in.carry(l.raw.Read, room)
	switch {
	case errors.Is(err, unix.EAGAIN):
		return 0, nil
	case err == nil && n == 0:
		return 0, io.EOF
	}
	return n, err
}

// carry has package os call pass, and again when the descriptor is ready, for as long as that is false.
func (d *door) carry(through func(func(uintptr) bool) error, pieces [][]byte) (n int, err error) {
	d.pieces = d.pieces[:0]
	for _, p := range pieces {
		v := unix.Iovec{Base: &p[0]}
		v.SetLen(len(p))
		d.pieces = append(d.pieces, v)
	}
	err = through(d.pass)
	clear(d.pieces) // guest RAM may go
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return 0, net.ErrInterrupted
	}
	if err != nil {
		return 0, err
	}
	return d.n, d.err
}

// through makes the system call.
func (d *door) through(call, fd uintptr) bool {
	for {
		d.n, d.err = vectored(call, fd, d.pieces)
		if !errors.Is(d.err, unix.EINTR) {
			return !d.wait || !errors.Is(d.err, unix.EAGAIN)
		}
	}
}

// Interrupt implements [net.Backend].
func (l *Link) Interrupt(on bool) {
	var t time.Time
	if on {
		t = time.Unix(1, 0)
	}
	_ = l.file.SetDeadline(t) // it fails only when the file is closed, and then nothing waits
}

// SetOffloads implements [net.Backend]. A tap has it from an ioctl, and the network process from a message.
func (l *Link) SetOffloads(o net.Offloads) error {
	if l.tap {
		return l.tapOffloads(o)
	}
	p := Offloads(o)
	for {
		var n int
		var err error
		failed := l.raw.Write(func(fd uintptr) bool { n, err = unix.Write(int(fd), p); return !errors.Is(err, unix.EAGAIN) })
		switch {
		case errors.Is(failed, os.ErrDeadlineExceeded):
			return net.ErrInterrupted
		case failed != nil || err == nil && n == len(p):
			return failed
		case !errors.Is(err, unix.EINTR):
			return fmt.Errorf("tell the network: %w", err)
		}
	}
}

// OffloadsSize is the length of a message about offloads: less than any frame's.
const OffloadsSize = 4

// Offloads is a message about offloads: a bit for each of its fields.
func Offloads(o net.Offloads) []byte {
	var bits uint32
	for i, on := range []bool{o.Checksum, o.TSO4, o.TSO6} {
		if on {
			bits |= 1 << i
		}
	}
	return binary.LittleEndian.AppendUint32(nil, bits)
}

// ParseOffloads is the reverse.
func ParseOffloads(p []byte) (o net.Offloads, ok bool) {
	if len(p) != OffloadsSize {
		return o, false
	}
	bits := binary.LittleEndian.Uint32(p)
	return net.Offloads{Checksum: bits&1 != 0, TSO4: bits&2 != 0, TSO6: bits&4 != 0}, bits < 8
}

// Close implements [net.Backend].
func (l *Link) Close() error { return l.file.Close() }
