package kvm

import (
	"errors"
	"io/fs"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func newEvent(t *testing.T) *Event {
	t.Helper()
	e, err := NewEvent()
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// stranger opens a file, which gets the lowest free descriptor.
func stranger(t *testing.T) *os.File {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestEventCounts(t *testing.T) {
	e := newEvent(t)
	for want := range uint64(4) {
		for range want {
			if err := e.Signal(); err != nil {
				t.Fatal(err)
			}
		}
		if n, err := e.Drain(); n != want || err != nil {
			t.Errorf("Drain gives %d, %v; want %d", n, err, want)
		}
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	if err := (&Event{fd: -1}).Signal(); !errors.Is(err, unix.EBADF) {
		t.Errorf("a bad descriptor: %v", err)
	}
}

// TestEventAfterClose uses an event whose descriptor is a file's by then.
func TestEventAfterClose(t *testing.T) {
	e := newEvent(t)
	fd := e.fd
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	f := stranger(t)
	if int(f.Fd()) != fd {
		t.Skipf("the file got descriptor %d, not %d", f.Fd(), fd)
	}
	if _, err := f.Write([]byte("12345678")); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Seek(0, 0); err != nil {
		t.Fatal(err)
	}
	vm := &VM{fd: -1}
	for name, use := range map[string]func() error{
		"Signal":            e.Signal,
		"Drain":             func() error { _, err := e.Drain(); return err },
		"Wait":              e.Wait,
		"Close":             e.Close,
		"IRQFD":             func() error { return vm.IRQFD(4, e) },
		"RemoveIRQFD":       func() error { return vm.RemoveIRQFD(4, e) },
		"IOEventFD":         func() error { return vm.IOEventFD(IOMatch{}, e) },
		"Signal once again": e.Signal,
	} {
		if err := use(); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("%s: %v, want fs.ErrClosed", name, err)
		}
	}
	if b, err := os.ReadFile(f.Name()); string(b) != "12345678" || err != nil {
		t.Errorf("the file has %q, %v", b, err)
	}
	if at, err := f.Seek(0, 1); at != 0 || err != nil {
		t.Errorf("somebody has read or written the file, up to %d, %v", at, err)
	}
}

// TestEventCloseDuringUse closes events that others wait for and signal: all of them
// come back, and nobody touches the file that has the number next.
func TestEventCloseDuringUse(t *testing.T) {
	for range 200 {
		e := newEvent(t)
		fd := e.fd
		var users sync.WaitGroup
		for range 3 {
			users.Go(func() {
				for e.Wait() == nil {
				}
			})
			users.Go(func() {
				for e.Signal() == nil {
					runtime.Gosched()
				}
			})
		}
		runtime.Gosched()
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		f := stranger(t)
		back := make(chan struct{})
		go func() { users.Wait(); close(back) }()
		select {
		case <-back:
		case <-time.After(30 * time.Second):
			t.Fatal("somebody still uses the event after Close")
		}
		if st, err := f.Stat(); st.Size() != 0 || err != nil {
			t.Fatalf("the file with descriptor %d, once %d, has %d bytes, %v", f.Fd(), fd, st.Size(), err)
		}
		f.Close()
	}
}

// TestEventCloseWakesAll: who drains an event that is being closed leaves to those who wait what Close wakes
// them with.
func TestEventCloseWakesAll(t *testing.T) {
	e := newEvent(t)
	if !e.use() { // as Drain does, before it reads
		t.Fatal("a new event is closed")
	}
	closed := make(chan error)
	go func() { closed <- e.Close() }()
	for n := 0; n == 0; runtime.Gosched() {
		var err error
		if n, err = unix.Poll([]unix.PollFd{{Fd: int32(e.fd), Events: unix.POLLIN}}, 0); err != nil && err != unix.EINTR {
			t.Fatal(err)
		}
	}
	if n, err := e.drain(); n == 0 || err != nil {
		t.Errorf("Drain gives %d, %v", n, err)
	}
	if n, err := unix.Poll([]unix.PollFd{{Fd: int32(e.fd), Events: unix.POLLIN}}, 0); n != 1 || err != nil {
		t.Errorf("poll after that: %d, %v; want one who waits to be woken", n, err)
	}
	e.release()
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

// TestEventWaitGoesOn: a signal to the thread, as Go's scheduler sends them, is not what
// Wait waits for.
func TestEventWaitGoesOn(t *testing.T) {
	e := newEvent(t)
	thread, came := make(chan int), make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		thread <- unix.Gettid()
		came <- e.Wait()
	}()
	tid := <-thread
	for range 50 { // the first of them may come before the poll
		if err := unix.Tgkill(os.Getpid(), tid, unix.SIGURG); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
		select {
		case err := <-came:
			t.Fatalf("a signal ended Wait: %v", err)
		default:
		}
	}
	if err := e.Signal(); err != nil {
		t.Fatal(err)
	}
	if err := <-came; err != nil {
		t.Errorf("Wait: %v", err)
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
}

// TestHandlesAfterClose: a handle has forgotten its descriptor.
func TestHandlesAfterClose(t *testing.T) {
	open := func() int {
		fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
		if err != nil {
			t.Fatal(err)
		}
		return fd
	}
	vm, sys := &VM{fd: open()}, &System{fd: open()}
	for name, f := range map[string]func() error{"VM": vm.Close, "System": sys.Close} {
		if err := f(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := f(); !errors.Is(err, unix.EBADF) {
			t.Errorf("%s, closed twice: %v, want EBADF", name, err)
		}
	}
	if err := vm.IRQLine(4, true); !errors.Is(err, unix.EBADF) {
		t.Errorf("a closed VM's line: %v, want EBADF", err)
	}
}
