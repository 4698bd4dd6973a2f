package disk

import (
	"errors"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// store is what disks and overlays are built on. Offsets and lengths are in bytes and
// within Size; its methods are called from several goroutines at once.
type store interface {
	Size() int64
	ReadVec(iov [][]byte, off int64) error
	WriteVec(iov [][]byte, off int64) error
	Flush() error
	Discard(off, n int64) error
	WriteZeroes(off, n int64, unmap bool) error
	Close() error
}

// file is a raw image in a regular file.
type file struct {
	fd     int
	size   int64 // bytes, when it was opened
	vecs   vectors
	direct *direct        // nil: through the page cache
	holes  bool           // the file system can punch them
	plain  atomic.Bool    // it cannot zero a range
	lost   atomic.Uintptr // errno of the first failed fdatasync
}

func (f *file) Size() int64 { return f.size }

func (f *file) ReadVec(iov [][]byte, off int64) error {
	fd := f.fd
	if f.direct != nil && f.direct.fits(iov, off) {
		fd = f.direct.fd
	}
	return f.vecs.move(reading(), fd, iov, off)
}

func (f *file) WriteVec(iov [][]byte, off int64) error {
	if f.direct != nil {
		return f.direct.write(f, iov, off)
	}
	return f.vecs.move(writing(), f.fd, iov, off)
}

// Flush is fdatasync. After one has failed every later one fails too: the kernel
// reports a lost page once and then takes it for clean, so a later success would
// promise the guest what is not there (fsync(2), "EIO").
func (f *file) Flush() error {
	if errno := f.lost.Load(); errno != 0 {
		return unix.Errno(errno)
	}
	err := again(func() error { return unix.Fdatasync(f.fd) })
	if err == nil {
		return nil
	}
	var errno unix.Errno
	if errors.As(err, &errno) {
		f.lost.CompareAndSwap(0, uintptr(errno))
	}
	return err
}

// Discard gives the range's blocks back to the file system, where that can be done.
func (f *file) Discard(off, n int64) error {
	if !f.holes {
		return nil // what was there is as good as anything
	}
	return f.allocate(unix.FALLOC_FL_PUNCH_HOLE, off, n)
}

// WriteZeroes makes the range read as zeros, by a hole, by extents that are marked as
// unwritten, or by zeros, whichever the file system can.
func (f *file) WriteZeroes(off, n int64, unmap bool) error {
	if unmap && f.holes {
		return f.allocate(unix.FALLOC_FL_PUNCH_HOLE, off, n)
	}
	if !f.plain.Load() {
		err := f.allocate(unix.FALLOC_FL_ZERO_RANGE, off, n)
		if !errors.Is(err, unix.EOPNOTSUPP) {
			return err
		}
		f.plain.Store(true)
	}
	return writeZeros(f, off, n)
}

func (f *file) allocate(mode uint32, off, n int64) error {
	if n == 0 {
		return nil
	}
	if d := f.direct; d != nil {
		d.mu.Lock() // a half block is zeroed through the page cache
		defer d.mu.Unlock()
	}
	return again(func() error { return unix.Fallocate(f.fd, mode|unix.FALLOC_FL_KEEP_SIZE, off, n) })
}

func (f *file) Close() error {
	var err error
	if f.direct != nil {
		err = unix.Close(f.direct.fd)
	}
	return errors.Join(err, unix.Close(f.fd))
}

// probeHoles asks the file system by punching one behind the end, where nothing is.
func (f *file) probeHoles() {
	const piece = 4096
	end := (f.size + piece - 1) &^ (piece - 1)
	f.holes = f.allocate(unix.FALLOC_FL_PUNCH_HOLE, end, piece) == nil
}

const zeroSize = 64 << 10

// zeros is only ever read.
var zeros = [zeroSize]byte{}

// writeZeros writes zeros the plain way, a vector of them at a time.
func writeZeros(s store, off, n int64) error {
	const pieces = 16
	iov := make([][]byte, 0, pieces)
	for n > 0 {
		iov = iov[:0]
		var size int64
		for len(iov) < pieces && size < n {
			p := zeros[:min(int64(len(zeros)), n-size)]
			iov, size = append(iov, p), size+int64(len(p))
		}
		if err := s.WriteVec(iov, off); err != nil {
			return err
		}
		off, n = off+size, n-size
	}
	return nil
}

// again repeats a call that a signal interrupts.
func again(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
