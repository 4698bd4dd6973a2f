package disk

import (
	"bytes"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"terem/internal/vm/disk/qcow2/inflate"

	"golang.org/x/sys/unix"
)

// rawImage makes an image of size bytes that begins with data.
func rawImage(t testing.TB, size int64, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk.img")
	if err := errors.Join(os.WriteFile(path, data, 0o600), os.Truncate(path, size)); err != nil {
		t.Fatal(err)
	}
	return path
}

func random(t testing.TB, n int) []byte {
	t.Helper()
	b := make([]byte, n)
	rand.Read(b)
	return b
}

// open opens what a Disks names, and closes it at the end.
func openSpec(t testing.TB, spec string) *Disk {
	t.Helper()
	d, err := tryOpen(t, spec, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Errorf("close %s: %v", spec, err)
		}
	})
	return d
}

func tryOpen(t testing.TB, spec string, tell func(error)) (*Disk, error) {
	t.Helper()
	s, err := ParseSpec(spec)
	if err != nil {
		t.Fatal(err)
	}
	return Open(s, Options{OnError: tell, Decoder: inflate.New})
}

func read(t testing.TB, d *Disk, off, n int64) []byte {
	t.Helper()
	b := make([]byte, n)
	if err := d.ReadVec([][]byte{b}, off); err != nil {
		t.Fatalf("read %d bytes at %d: %v", n, off, err)
	}
	return b
}

func write(t testing.TB, d *Disk, off int64, iov ...[]byte) {
	t.Helper()
	if err := d.WriteVec(iov, off); err != nil {
		t.Fatalf("write at %d: %v", off, err)
	}
}

// wantLine checks that an error is one line with all of parts in it.
func wantLine(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error; want %q", parts)
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("more than a line: %q", err)
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("%q does not say %q", err, p)
		}
	}
}

// pieces cuts b into slices of n bytes.
func pieces(b []byte, n int) (iov [][]byte) {
	for len(b) > 0 {
		k := min(n, len(b))
		iov, b = append(iov, b[:k]), b[k:]
	}
	return iov
}

// TestDisk does the same to a disk of every kind, and compares with a slice.
func TestDisk(t *testing.T) {
	const size = 1<<20 + 512*3
	base := random(t, size)
	for _, tt := range []struct{ name, options string }{
		{"writeback", ""},
		{"writethrough", ",cache=writethrough"},
		{"direct", ",cache=none"},
		{"overlay", ",overlay=OVER"},
		{"direct overlay", ",cache=none,overlay=OVER"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := rawImage(t, size, base)
			over := filepath.Join(filepath.Dir(path), "over")
			d, err := tryOpen(t, path+strings.ReplaceAll(tt.options, "OVER", over), func(err error) { t.Errorf("told %v", err) })
			if err != nil && strings.Contains(err.Error(), "page cache") {
				t.Skip(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			want := bytes.Clone(base)
			exercise(t, d, want)
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
			d = openSpec(t, path+strings.ReplaceAll(tt.options, "OVER", over))
			if got := read(t, d, 0, size); !bytes.Equal(got, want) {
				t.Error("after it was opened again the disk is another")
			}
			if got, err := os.ReadFile(path); strings.Contains(tt.options, "OVER") && !bytes.Equal(got, base) {
				t.Errorf("the base has changed (%v)", err)
			}
		})
	}
}

// exercise writes, zeroes and reads, and does the same to want.
func exercise(t *testing.T, d *Disk, want []byte) {
	t.Helper()
	if d.Size() != int64(len(want)) {
		t.Fatalf("%d bytes", d.Size())
	}
	for i, n := range []int{512, 4096, 512 * 3, 65536, 65536 * 3, 512 * 2001} {
		off := int64(i) * 512 * 37 % int64(len(want)-n+1) &^ 511
		p := random(t, n)
		write(t, d, off, pieces(p, 512+i*300)...)
		copy(want[off:], p)
		if got := read(t, d, off, int64(n)); !bytes.Equal(got, p) {
			t.Errorf("%d bytes at %d come back otherwise", n, off)
		}
	}
	end := int64(len(want))
	last := random(t, 512)
	write(t, d, end-512, last)
	copy(want[end-512:], last)
	for i, n := range []int64{512, 4096, 65536, 200 * 512} {
		off := int64(i)*512*101 + 65536
		if err := d.WriteZeroes(off, n, i%2 == 0); err != nil {
			t.Fatal(err)
		}
		clear(want[off : off+n])
	}
	if err := d.Discard(512*700, 512*400); err != nil {
		t.Fatal(err)
	}
	copy(want[512*700:], read(t, d, 512*700, 512*400)) // whatever it is, it stays
	if err := d.Flush(); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(want))
	if err := d.ReadVec(pieces(got, 512), 0); err != nil || !bytes.Equal(got, want) {
		t.Errorf("read in %d pieces: %v, equal %v", len(want)/512, err, bytes.Equal(got, want))
	}
}

// TestConcurrent writes each sector of a few clusters from many goroutines.
func TestConcurrent(t *testing.T) {
	const size = 4 << 16
	for _, options := range []string{"", ",cache=none", ",overlay=OVER"} {
		path := rawImage(t, size, nil)
		d, err := tryOpen(t, path+strings.ReplaceAll(options, "OVER", path+".over"), nil)
		if err != nil {
			t.Log(err)
			continue
		}
		want := random(t, size)
		var wg sync.WaitGroup
		for g := range 16 {
			wg.Go(func() {
				for off := g * 512; off < size; off += 16 * 512 {
					if err := d.WriteVec([][]byte{want[off : off+512]}, int64(off)); err != nil {
						t.Error(err)
					}
					if off%8192 == 0 {
						if err := d.Flush(); err != nil {
							t.Error(err)
						}
					}
				}
			})
		}
		wg.Wait()
		if !bytes.Equal(read(t, d, 0, size), want) {
			t.Errorf("%q: writes were lost", options)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestBounds(t *testing.T) {
	d := openSpec(t, rawImage(t, 4096, nil))
	ro := openSpec(t, rawImage(t, 4096, nil)+",ro")
	b := [][]byte{make([]byte, 512)}
	for _, off := range []int64{-1, -512, 4096 - 511, 4096, 1<<63 - 512, 1<<63 - 1} {
		if err := errors.Join(d.ReadVec(b, off), d.WriteVec(b, off)); !errors.Is(err, unix.EINVAL) {
			t.Errorf("at %d: %v", off, err)
		}
		if d.Discard(off, 512) == nil || d.WriteZeroes(off, 512, true) == nil {
			t.Errorf("discard or zeros at %d", off)
		}
	}
	if d.Discard(0, -1) == nil || d.WriteZeroes(0, 1<<62, false) == nil {
		t.Error("lengths")
	}
	for _, err := range []error{ro.WriteVec(b, 0), ro.Discard(0, 512), ro.WriteZeroes(0, 512, false)} {
		if !errors.Is(err, unix.EPERM) {
			t.Errorf("read-only: %v", err)
		}
	}
	if err := ro.Flush(); err != nil {
		t.Error(err)
	}
}

func TestTraits(t *testing.T) {
	path := rawImage(t, 1<<20, nil)
	d := openSpec(t, path+",ro,id=root,cache=writethrough")
	tr := d.Traits()
	if !tr.ReadOnly || tr.WriteCache || tr.ID != "root" || tr.BlockSize != 512 || tr.Discard {
		t.Errorf("%+v", tr)
	}
	tr = openSpec(t, path+",overlay="+path+".over").Traits()
	if tr.ReadOnly || !tr.WriteCache || tr.OptimalIO != 1<<clusterBits || tr.BlockSize<<tr.PhysicalBlockExp < 512 {
		t.Errorf("%+v", tr)
	}
}

func TestRefusals(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		spec string
		want []string
	}{
		{dir + "/none", []string{"disk " + dir + "/none", "no such file", "terem disk create"}},
		{dir, []string{"a directory", "regular file or a block device"}},
		{fifo, []string{"a pipe", "regular file"}},
		{"/dev/null", []string{"a character device"}},
		{rawImage(t, 0, nil), []string{"empty", "terem disk create"}},
		{rawImage(t, 1000, nil), []string{"1000 bytes", "no multiple of 512", "truncate -s 1024"}},
		{rawImage(t, 1000, []byte{0xff, 0xfe}), []string{"cut short, or no disk image", "copy it again"}},
		{textFile(t, "a line of text\n"), []string{"a text, and no disk image", "name an image"}},
		{textFile(t, "\x1f\x8b\x08packed"), []string{"packed by gzip", "gzip -d"}},
		{textFile(t, "\xfd7zXZ\x00packed"), []string{"packed by xz", "xz -d"}},
		{"/proc/version", []string{"disk /proc/version"}},
		{rawImage(t, 4096, []byte("TEREMOVL")), []string{"it is an overlay", "Disks BASE,overlay="}},
		{rawImage(t, 4096, []byte("QFI\xfb")), []string{"only reads qcow2", "add ro"}},
		{rawImage(t, 4096, []byte("QFI\xfb")) + ",ro", []string{"version 0"}},
		{rawImage(t, 4096, nil) + ",overlay=" + dir, []string{"overlay " + dir, "a directory"}},
		{rawImage(t, 4096, nil) + ",overlay=" + dir + "/no/such", []string{"make " + dir + "/no/such", "no such file"}},
		{rawImage(t, 4096, nil) + ",ro,overlay=" + dir + "/no", []string{"overlay " + dir + "/no", "no such file", "terem makes one"}},
	} {
		_, err := tryOpen(t, tt.spec, nil)
		wantLine(t, err, tt.want...)
	}
}

func textFile(t *testing.T, s string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(s), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestText(t *testing.T) {
	for s, want := range map[string]bool{
		"": true, "host\n": true, "имя\t1\r\n": true, "cut \xd0": true, "\x00": false, "\xd0\x20": false, "\x1b[m": false, "a\xff": false,
	} {
		if text([]byte(s)) != want {
			t.Errorf("%q: %v", s, !want)
		}
	}
}

// TestDescriptors opens and closes disks, good and bad ones.
func TestDescriptors(t *testing.T) {
	path := rawImage(t, 1<<20, nil)
	bad := rawImage(t, 8192, []byte("TEREMOVL"))
	openSpec(t, path+",ro") // whatever the runtime opens once
	before := descriptors(t)
	for range 20 {
		for _, spec := range []string{path + ",ro", path + ",ro,cache=none", path + ",overlay=" + path + ".over", bad, path + ",overlay=" + bad, path + "x", path} {
			if d, err := tryOpen(t, spec, nil); err == nil {
				d.Close()
			}
		}
	}
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(fds)
}
