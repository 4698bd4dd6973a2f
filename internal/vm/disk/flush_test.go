package disk

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestFlushLost: after a flush that failed, one that would succeed is no promise either. A pipe
// is what cannot be flushed.
func TestFlushLost(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	good, err := os.Create(filepath.Join(t.TempDir(), "good"))
	if err != nil {
		t.Fatal(err)
	}
	defer good.Close()
	f := &file{fd: int(good.Fd())}
	if err := f.Flush(); err != nil {
		t.Fatal(err)
	}
	f.fd = int(w.Fd())
	if err := f.Flush(); !errors.Is(err, unix.EINVAL) {
		t.Fatalf("a pipe was flushed: %v", err)
	}
	f.fd = int(good.Fd())
	if err := f.Flush(); !errors.Is(err, unix.EINVAL) {
		t.Errorf("after a flush that failed: %v", err)
	}
}

// TestFits: only what is aligned in file and length goes past the page cache.
func TestFits(t *testing.T) {
	d := &direct{mem: 1, off: 4096}
	for _, tt := range []struct {
		off  int64
		n    int
		fits bool
	}{{0, 4096, true}, {8192, 8192, true}, {512, 4096, false}, {4096, 512, false}, {3584, 512, false}} {
		if got := d.fits([][]byte{make([]byte, tt.n/2), make([]byte, tt.n/2)}, tt.off); got != tt.fits {
			t.Errorf("%d bytes at %d: %v", tt.n, tt.off, got)
		}
	}
}
