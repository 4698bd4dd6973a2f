package disk

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"golang.org/x/sys/unix"
)

// TestMove plays a file system that transfers little at a time, and is interrupted.
func TestMove(t *testing.T) {
	want := random(t, 10_000)
	for _, tt := range []struct{ piece, most int }{{1, 1}, {3, 1}, {512, 100}, {512, 512}, {512, 513}, {4096, 10_000}, {1, 10_000}} {
		got := make([]byte, len(want))
		calls := 0
		short := func(_ int, v []unix.Iovec, off int64) (int, error) {
			if calls++; calls%3 == 0 {
				return 0, unix.EINTR
			}
			if len(v) > iovMax {
				return 0, unix.EINVAL
			}
			n := 0
			for _, p := range v {
				k := min(int(p.Len), tt.most-n)
				copy(bytesAt(p.Base, k), want[off+int64(n):])
				if n += k; n == tt.most {
					break
				}
			}
			return n, nil
		}
		one := func(fd int, p []byte, off int64) (int, error) {
			v := unix.Iovec{Base: &p[0], Len: uint64(len(p))}
			return short(fd, []unix.Iovec{v}, off)
		}
		var p vectors
		for _, iov := range [][][]byte{append(pieces(got, tt.piece), nil, []byte{}), {got}} {
			clear(got)
			if err := p.move(direction{short, one}, -1, iov, 0); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%+v: %v, equal %v", tt, err, bytes.Equal(got, want))
			}
		}
	}
}

func TestMoveErrors(t *testing.T) {
	for _, want := range []error{unix.EIO, unix.ENOSPC, io.ErrUnexpectedEOF} {
		fail := func(int, []unix.Iovec, int64) (int, error) {
			if errors.Is(want, io.ErrUnexpectedEOF) {
				return 0, nil
			}
			return 0, want
		}
		d := direction{fail, func(int, []byte, int64) (int, error) { return fail(0, nil, 0) }}
		var p vectors
		for _, iov := range [][][]byte{{{1}}, {{1}, {2}}} {
			if err := p.move(d, -1, iov, 0); !errors.Is(err, want) {
				t.Errorf("%v, want %v", err, want)
			}
		}
		if err := p.move(d, -1, nil, 0); err != nil {
			t.Errorf("nothing to move: %v", err)
		}
	}
}

func TestCut(t *testing.T) {
	b := random(t, 100)
	for from := range 100 {
		for n := range 100 - from {
			if got := bytes.Join(cut(nil, pieces(b, 7), int64(from), int64(n)), nil); !bytes.Equal(got, b[from:from+n]) {
				t.Fatalf("%d bytes from %d: %d", n, from, len(got))
			}
		}
	}
}

// TestAllocations is the budget of the data path: nothing.
func TestAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("sync.Pool drops at random under the race detector")
	}
	for _, options := range []string{"", ",cache=none", ",overlay=OVER"} {
		path := rawImage(t, 1<<20, random(t, 1<<20))
		d := openSpec(t, path+replaceOver(options, path))
		iov := pieces(alignedBuffer(128<<10), 4096)
		write(t, d, 0, iov...)
		for name, f := range map[string]func() error{
			"read":  func() error { return d.ReadVec(iov, 0) },
			"write": func() error { return d.WriteVec(iov, 0) },
			"flush": func() error { return d.Flush() },
		} {
			if n := testing.AllocsPerRun(100, func() {
				if err := f(); err != nil {
					t.Fatal(err)
				}
			}); n != 0 {
				t.Errorf("%q %s: %v allocations", options, name, n)
			}
		}
	}
}
