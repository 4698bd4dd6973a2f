package vsock

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	device "terem/devices/virtio/vsock"
	"terem/internal/fault"
)

// maxPath is the longest path of a socket with the longest port behind it: sun_path, less a NUL.
const maxPath = len(unix.RawSockaddrUnix{}.Path) - 1 - len("_4294967295")

// maxWaiting is how many programs may be between their connect and our answer. The others wait in the backlog.
const maxWaiting = 256

// acceptPause is how long a process without descriptors waits before it looks again.
const acceptPause = 50 * time.Millisecond

// Caller calls a port of the guest, as Device.Connect does.
type Caller interface {
	Connect(ctx context.Context, port uint32, s device.Stream) (hostPort uint32, err error)
}

// Listener is a socket by which programs of the host reach the guest.
type Listener struct {
	caller Caller
	l      *net.UnixListener
	ctx    context.Context
	cancel context.CancelFunc
	slots  chan struct{}
	work   sync.WaitGroup
}

// Listen makes the socket path. One that is there already is replaced, if nobody listens on it.
func Listen(path string, c Caller) (*Listener, error) {
	l, err := Private(path)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	v := &Listener{caller: c, l: l, ctx: ctx, cancel: cancel, slots: make(chan struct{}, maxWaiting)}
	v.work.Go(v.accept)
	return v, nil
}

// Private makes a socket that its owner alone can connect to. One that is there already is replaced, if nobody listens on it.
func Private(path string) (*net.UnixListener, error) {
	if err := vacate(path); err != nil {
		return nil, err
	}
	private := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) (err error) {
		// The mode that the socket's file gets by bind (Linux, unix_bind_bsd): nobody can come in between.
		failed := raw.Control(func(fd uintptr) { err = unix.Fchmod(int(fd), 0o600) })
		return errors.Join(failed, err)
	}}
	l, err := private.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, cannot(path, "", reason(err), "name a path in a directory that you may write to")
	}
	return l.(*net.UnixListener), nil
}

// vacate looks whether a socket can be made, and takes away one that is left of a process that has ended.
func vacate(path string) error {
	if len(path) > maxPath {
		return cannot(path, "the path is too long for a socket", nil, "use a shorter one")
	}
	st, err := os.Lstat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return cannot(path, "", reason(err), "")
	case st.Mode().Type() != os.ModeSocket:
		return cannot(path, "it is there, and no socket", nil, "name another path")
	}
	c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
	switch {
	case err == nil:
		_ = c.Close() // it was only a look
		return cannot(path, "somebody listens on it", nil, "name another path")
	case !errors.Is(err, unix.ECONNREFUSED):
		return cannot(path, "", reason(err), "name another path")
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return cannot(path, "", reason(err), "")
	}
	return nil
}

func cannot(path, cause string, err error, mend string) error {
	return &fault.Error{Class: fault.Usage, Thing: "socket " + path, Cause: cause, Err: err, Mend: mend}
}

// reason strips the operation and the path from an error: they are named already.
func reason(err error) error {
	if n := syscall.Errno(0); errors.As(err, &n) {
		return n
	}
	return err
}

// Close removes the socket, and turns away all that have no answer yet. Connections go on: they are
// the device's.
func (l *Listener) Close() error {
	l.cancel()
	err := l.l.Close()
	l.work.Wait()
	return err
}

func (l *Listener) accept() {
	for l.ctx.Err() == nil {
		c, err := l.l.AcceptUnix()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // no descriptors, or no memory
			l.pause()
			continue
		}
		select {
		case l.slots <- struct{}{}:
		case <-l.ctx.Done():
			_ = c.Close()
			return
		}
		l.work.Go(func() {
			defer func() { <-l.slots }()
			l.greet(c)
		})
	}
}

func (l *Listener) pause() {
	select {
	case <-time.After(acceptPause):
	case <-l.ctx.Done():
	}
}
