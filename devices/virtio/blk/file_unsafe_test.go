package blk

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// file is a Backend in a file, through the page cache: what a raw image is.
type file struct {
	f    *os.File
	fd   int
	size int64
	slow bool // never say that a read would be quick
	mu   sync.Mutex
	vecs []*[]unix.Iovec // not in use
}

const nowait = 8 // RWF_NOWAIT, linux/fs.h

func newFile(t testing.TB, size int64) *file {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "disk"))
	if err != nil {
		t.Fatal(err)
	}
	chunk := pattern(1, 1<<20)
	for off := int64(0); off < size; off += int64(len(chunk)) {
		if _, err := f.WriteAt(chunk[:min(int64(len(chunk)), size-off)], off); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() }) // a second time, if a disk has closed it
	return &file{f: f, fd: int(f.Fd()), size: size}
}

func (f *file) Size() int64 { return f.size }

func (f *file) ReadVec(iov [][]byte, off int64) error {
	_, err := f.move(unix.SYS_PREADV2, iov, off, 0)
	return err
}

func (f *file) WriteVec(iov [][]byte, off int64) error {
	_, err := f.move(unix.SYS_PWRITEV2, iov, off, 0)
	return err
}

func (f *file) TryReadVec(iov [][]byte, off int64) (bool, error) {
	if f.slow {
		return false, nil
	}
	return f.move(unix.SYS_PREADV2, iov, off, nowait)
}

func (f *file) TryWriteVec(iov [][]byte, off int64) (bool, error) {
	if f.slow {
		return false, nil
	}
	return true, f.WriteVec(iov, off)
}

// move does one transfer. A short one is an error here, or not done with RWF_NOWAIT.
func (f *file) move(op uintptr, iov [][]byte, off int64, flags uintptr) (bool, error) {
	if len(iov) == 1 {
		one := unix.Iovec{Base: &iov[0][0], Len: uint64(len(iov[0]))}
		return transferred(op, f.fd, unsafe.Pointer(&one), 1, off, flags, len(iov[0]))
	}
	v := f.borrow()
	want := 0
	*v = (*v)[:0]
	for _, p := range iov {
		*v = append(*v, unix.Iovec{Base: &p[0], Len: uint64(len(p))})
		want += len(p)
	}
	done, err := transferred(op, f.fd, unsafe.Pointer(unsafe.SliceData(*v)), len(*v), off, flags, want)
	f.mu.Lock()
	f.vecs = append(f.vecs, v)
	f.mu.Unlock()
	return done, err
}

// borrow is a sync.Pool that forgets nothing, not even under the race detector.
func (f *file) borrow() *[]unix.Iovec {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := len(f.vecs); n > 0 {
		v := f.vecs[n-1]
		f.vecs = f.vecs[:n-1]
		return v
	}
	return new([]unix.Iovec)
}

func transferred(op uintptr, fd int, v unsafe.Pointer, n int, off int64, flags uintptr, want int) (bool, error) {
	// SAFETY: v points to n vectors, which point to live slices; both stay alive during the call.
	got, _, errno := unix.Syscall6(op, uintptr(fd), uintptr(v), uintptr(n), uintptr(off), 0, flags)
	switch {
	case errno == 0 && int(got) == want:
		return true, nil
	case flags != 0 && (errno == 0 || errno == unix.EAGAIN):
		return false, nil
	case errno != 0:
		return false, errno
	}
	return false, io.ErrUnexpectedEOF
}

func (f *file) Flush() error                         { return unix.Fdatasync(f.fd) }
func (f *file) Discard(int64, int64) error           { return errors.ErrUnsupported }
func (f *file) WriteZeroes(int64, int64, bool) error { return errors.ErrUnsupported }
func (f *file) Close() error                         { return f.f.Close() }
