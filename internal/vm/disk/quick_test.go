package disk

import (
	"bytes"
	"testing"

	"golang.org/x/sys/unix"
)

// TestQuick asks for what is in the page cache, and for what has been thrown out of it.
func TestQuick(t *testing.T) {
	const size = 1 << 20
	want := random(t, size)
	path := rawImage(t, size, want)
	d := openSpec(t, path)
	got := alignedBuffer(128 << 10)
	iov := pieces(got, 4096)
	if err := d.ReadVec(iov, 4096); err != nil {
		t.Fatal(err)
	}
	clear(got)
	if done, err := d.TryReadVec(iov, 4096); !done || err != nil || !bytes.Equal(got, want[4096:][:len(got)]) {
		t.Errorf("from the page cache: %v, %v", done, err)
	}
	if done, err := d.TryReadVec(iov, size-4096); !done || err == nil {
		t.Errorf("beyond the end: %v, %v; want an error", done, err)
	}
	if done, err := d.TryWriteVec(iov, 8192); !done || err != nil {
		t.Errorf("into the page cache: %v, %v", done, err)
	}
	if err := d.Flush(); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Open(path, unix.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.Fadvise(fd, 0, 0, unix.FADV_DONTNEED); err != nil {
		t.Fatal(err)
	}
	done, err := d.TryReadVec(iov, 512<<10)
	if err != nil {
		t.Errorf("from a file whose pages were dropped: %v", err)
	}
	if done && !bytes.Equal(got, want[512<<10:][:len(got)]) { // a RAM file system keeps its pages
		t.Error("it reads as done, and is something else")
	}
}

func TestNotQuick(t *testing.T) {
	for _, options := range []string{",cache=none", ",overlay=OVER"} {
		path := rawImage(t, 1<<20, random(t, 1<<20))
		d := openSpec(t, path+replaceOver(options, path))
		iov := pieces(alignedBuffer(4096), 4096)
		if done, err := d.TryReadVec(iov, 0); done || err != nil {
			t.Errorf("%s: a read: %v, %v; want a worker to do it", options, done, err)
		}
		if done, err := d.TryWriteVec(iov, 0); done || err != nil {
			t.Errorf("%s: a write: %v, %v; want a worker to do it", options, done, err)
		}
	}
}
