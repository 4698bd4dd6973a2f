package memory

import (
	"errors"
	"fmt"
	"math"
	"os"

	"golang.org/x/sys/unix"
)

// Span is where a region of RAM is, without its bytes.
type Span struct {
	Addr Addr
	Size uint64
}

// ErrSpans is wrapped by the errors of TotalSize.
var ErrSpans = errors.New("bad regions of guest memory")

// TotalSize is how many bytes spans have together. They may come from a stranger's file: it is an error if they are not whole
// pages in ascending order without overlap, or more than MaxSize.
func TotalSize(spans []Span) (uint64, error) {
	var total, end uint64
	for i, s := range spans {
		a := uint64(s.Addr)
		switch {
		case a%PageSize != 0 || s.Size%PageSize != 0 || s.Size == 0:
			return 0, fmt.Errorf("%w: number %d, %d bytes at %v, is not of whole pages", ErrSpans, i, s.Size, s.Addr)
		case a < end:
			return 0, fmt.Errorf("%w: number %d, at %v, begins before the end of the one before it", ErrSpans, i, s.Addr)
		case s.Size > MaxSize-total || s.Size > math.MaxUint64-a:
			return 0, fmt.Errorf("%w: number %d, at %v, is too large: %d bytes", ErrSpans, i, s.Addr, s.Size)
		}
		total, end = total+s.Size, a+s.Size
	}
	if total == 0 {
		return 0, fmt.Errorf("%w: there are none", ErrSpans)
	}
	return total, nil
}

// NewFromFile makes RAM of a file that has the bytes of each span, one after the other from its beginning on. The guest sees
// what is in the file and writes to pages of its own: guests of one file share what none of them has written, and the file
// does not change. It may be closed, but must not be cut short or written to as long as there is a guest: that would fault, or
// change what a guest has not read yet.
func NewFromFile(f *os.File, spans ...Span) (*Guest, error) {
	return NewFromLayers([]Layer{{File: f}}, spans...)
}

// duplicate is a file of the guest's own: what it has where the guest has not written is asked for later (Looker).
func duplicate(f *os.File) (*os.File, error) {
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	return os.NewFile(uintptr(fd), f.Name()), nil
}

// mapFile adds a region that is the bytes of the lowest layer from off on.
func (g *Guest) mapFile(off uint64, s Span) error {
	m, host, err := reserve(s.Addr, s.Size)
	if err != nil {
		return err
	}
	if err := mapOver(host, int(g.files[0].Fd()), int64(off)); err != nil {
		err = fmt.Errorf("map %d bytes of %s as guest RAM at %v: %w", s.Size, g.files[0].Name(), s.Addr, err)
		return errors.Join(err, unix.Munmap(m))
	}
	g.add(s.Addr, m, host)
	return nil
}
