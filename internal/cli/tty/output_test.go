package tty

import (
	"bytes"
	"errors"
	"io"
	"os"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"terem/internal/cli/tty/ttytest"
)

// newOutput is an Output into a pipe; failures are its calls of broken.
func newOutput(t *testing.T) (o *Output, r *os.File, failures *[]error) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	failures = new([]error)
	o, err = NewOutput(w, func(err error) { *failures = append(*failures, err) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := o.Close(); err != nil {
			t.Error(err)
		}
		w.Close()
		r.Close()
	})
	return o, r, failures
}

func TestOutputKeepsOrder(t *testing.T) {
	o, r, failures := newOutput(t)
	var want bytes.Buffer
	for i := range 300_000 { // more than a pipe holds
		want.WriteByte(byte(i * 31))
	}
	got := make(chan []byte)
	go func() {
		b := make([]byte, want.Len())
		_, _ = io.ReadFull(r, b) // a shortfall shows in the comparison
		got <- b
	}()
	for p := want.Bytes(); len(p) > 0; {
		n := min(len(p), 7001)
		if wrote, err := o.Write(p[:n]); wrote != n || err != nil {
			t.Fatalf("Write: %d of %d, %v", wrote, n, err)
		}
		p = p[n:]
	}
	if !bytes.Equal(<-got, want.Bytes()) || len(*failures) != 0 {
		t.Errorf("the bytes changed on their way; failures %v", *failures)
	}
}

// TestTryWrite: it takes what goes, waits for nobody, and drops what comes after Stop or a failure.
func TestTryWrite(t *testing.T) {
	o, r, failures := newOutput(t)
	try := func(size, want int, wantErr error) {
		t.Helper()
		if n, err := o.TryWrite(make([]byte, size)); n != want || !errors.Is(err, wantErr) {
			t.Errorf("%d bytes: took %d, %v; want %d, %v", size, n, err, want, wantErr)
		}
	}
	try(3, 3, nil)
	try(3*pipeBuf, pipeBuf, nil)
	for i := 0; ; i++ {
		n, err := o.TryWrite(make([]byte, pipeBuf))
		if err != nil || i > 1000 {
			t.Fatalf("after %d pages: %v", i, err)
		}
		if n == 0 {
			break // the pipe is full
		}
	}
	try(1, 0, nil)
	if _, err := io.ReadFull(r, make([]byte, 2*pipeBuf)); err != nil {
		t.Fatal(err)
	}
	try(1, 1, nil)
	r.Close()
	try(1, 0, syscall.EPIPE)
	try(3*pipeBuf, 3*pipeBuf, nil)
	if len(*failures) != 1 {
		t.Errorf("failures: %v", *failures)
	}

	o, _, failures = newOutput(t)
	o.Stop()
	try(3*pipeBuf, 3*pipeBuf, nil)
	if len(*failures) != 0 {
		t.Errorf("failures: %v", *failures)
	}
}

// TestOutputNeverWaitsInWrite: somebody else fills a pipe, a terminal, a socket between the poll and the write. And
// the flag that helps is not set on what others have open.
func TestOutputNeverWaitsInWrite(t *testing.T) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	socket, peer := os.NewFile(uintptr(pair[0]), "socket"), os.NewFile(uintptr(pair[1]), "socket")
	r, pipe, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	keyboard, terminal := ttytest.Open(t)
	for _, tt := range []struct {
		name    string
		w, read *os.File
	}{{"pipe", pipe, r}, {"terminal", terminal, keyboard}, {"socket", socket, peer}} {
		t.Run(tt.name, func(t *testing.T) {
			defer tt.read.Close()
			defer tt.w.Close()
			fd := int(tt.w.Fd())
			o, err := NewOutput(tt.w, func(err error) { t.Error(err) })
			if err != nil {
				t.Fatal(err)
			}
			if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0); err != nil || flags&unix.O_NONBLOCK != 0 {
				t.Errorf("flags %#x, %v: the shell's file does not wait any more", flags, err)
			}
			fill(t, fd)
			done := make(chan struct{})
			go func() {
				defer close(done)
				if n, err := o.put(o.fd(), []byte("late")); n != 0 || err != nil {
					t.Errorf("put: %d, %v; want nothing", n, err)
				}
			}()
			select {
			case <-done:
			case <-time.After(10 * time.Second):
				t.Error("put waits for the reader")
				go func() { _, _ = io.Copy(io.Discard, tt.read) }()
				<-done
			}
			if err := o.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// fill fills what fd writes to, and leaves its flags as they were.
func fill(t *testing.T, fd int) {
	t.Helper()
	if err := unix.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	for size := pipeBuf; size > 0; {
		if _, err := unix.Write(fd, make([]byte, size)); err == unix.EAGAIN {
			size /= 2
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.SetNonblock(fd, false); err != nil {
		t.Fatal(err)
	}
}

func TestOutputStopsWhileBlocked(t *testing.T) {
	o, _, failures := newOutput(t)
	done := make(chan error, 1)
	go func() {
		_, err := o.Write(make([]byte, 1<<20)) // nobody reads
		done <- err
	}()
	select {
	case <-done:
		t.Fatal("a pipe took 1 MiB")
	case <-time.After(50 * time.Millisecond):
	}
	o.Stop()
	o.Stop()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("Write did not return after Stop")
	}
	if n, err := o.Write([]byte("more")); n != 4 || err != nil {
		t.Errorf("Write after Stop: %d, %v; want it dropped", n, err)
	}
	if len(*failures) != 0 {
		t.Errorf("Stop counts as a failure: %v", *failures)
	}
}

func TestOutputReportsBrokenPipeOnce(t *testing.T) {
	o, r, failures := newOutput(t)
	r.Close()
	for range 5 {
		_, _ = o.Write([]byte("anybody there?")) // the callback has the error
	}
	if len(*failures) != 1 || !errors.Is((*failures)[0], syscall.EPIPE) {
		t.Errorf("failures %v, want EPIPE once", *failures)
	}
}

func TestOutputReportsFullDisk(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer full.Close()
	var failure error
	o, err := NewOutput(full, func(err error) { failure = err })
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	if _, err := o.Write([]byte("x")); !errors.Is(err, syscall.ENOSPC) || !errors.Is(failure, syscall.ENOSPC) {
		t.Errorf("Write: %v, reported %v; want ENOSPC twice", err, failure)
	}
}

// TestOutputWhileReaderLeaves closes the reading end under a Write that waits.
func TestOutputWhileReaderLeaves(t *testing.T) {
	o, r, failures := newOutput(t)
	time.AfterFunc(30*time.Millisecond, func() { r.Close() })
	if _, err := o.Write(make([]byte, 1<<20)); !errors.Is(err, syscall.EPIPE) {
		t.Errorf("Write: %v, want EPIPE", err)
	}
	if len(*failures) != 1 {
		t.Errorf("failures %v, want one", *failures)
	}
}
