package disk

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// qcow2Image is the file of qcow2/testdata/zlib: compressed clusters of 64 KiB.
func qcow2Image(t testing.TB) []byte {
	t.Helper()
	f, err := os.Open("qcow2/testdata/zlib.qcow2.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestQcow2Base writes to an overlay in front of a qcow2 image.
func TestQcow2Base(t *testing.T) {
	path := filepath.Join(t.TempDir(), "base.qcow2")
	image := qcow2Image(t)
	if err := os.WriteFile(path, image, 0o600); err != nil {
		t.Fatal(err)
	}
	ro := openSpec(t, path+",ro")
	want := read(t, ro, 0, ro.Size())
	if len(want) != 2049*512 || want[512] != 8 {
		t.Fatalf("%d bytes, sector 1 is of %d", len(want), want[512])
	}
	if err := ro.WriteVec([][]byte{make([]byte, 512)}, 0); !errors.Is(err, unix.EPERM) {
		t.Error(err)
	}
	over := ",overlay=" + path + ".over"
	d := openSpec(t, path+over)
	exercise(t, d, want)
	d.Close()
	if d := openSpec(t, path+over); !bytes.Equal(read(t, d, 0, d.Size()), want) {
		t.Error("after it was opened again the disk is another")
	}
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, image) {
		t.Errorf("the base has changed (%v)", err)
	}
}

// TestQcow2Damage: what is wrong inside comes up at a read, as one line.
func TestQcow2Damage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "base.qcow2")
	image := qcow2Image(t)
	for i := 0x50000; i < len(image); i++ { // behind the tables
		image[i] = 0xff
	}
	if err := os.WriteFile(path, image, 0o600); err != nil {
		t.Fatal(err)
	}
	var told []error
	d, err := tryOpen(t, path+",ro", func(err error) { told = append(told, err) })
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for range 2 {
		if d.ReadVec([][]byte{make([]byte, 4096)}, 0) == nil {
			t.Error("read")
		}
	}
	if len(told) != 1 {
		t.Fatalf("told %q", told)
	}
	wantLine(t, told[0], "disk "+path, "the qcow2 image is damaged", "compressed cluster", "terem disk check")
}
