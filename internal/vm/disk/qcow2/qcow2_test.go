package qcow2

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"

	"terem/internal/vm/disk/qcow2/inflate"
)

// memory is an image file in memory, as a Source.
type memory []byte

func (m memory) Size() int64 { return int64(len(m)) }

func (m memory) ReadVec(iov [][]byte, off int64) error {
	for _, p := range iov {
		if off < 0 || off > int64(len(m)) || copy(p, m[off:]) < len(p) {
			return io.ErrUnexpectedEOF
		}
		off += int64(len(p))
	}
	return nil
}

// load unpacks an image of testdata/make.sh.
func load(t testing.TB, name string) memory {
	t.Helper()
	f, err := os.Open("testdata/" + name + ".qcow2.gz")
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

const diskSize = 2049 * 512

// disk is what all images of testdata/make.sh show.
func disk() []byte {
	b := make([]byte, diskSize)
	for i := range b {
		if s := i / 512; s/16%3 == 0 {
			b[i] = byte(s*7 + 1)
		}
	}
	return b
}

var images = []string{"v3", "v2", "zlib", "zstd", "tiny", "snap", "bitmap"}

func TestRead(t *testing.T) {
	want := disk()
	for _, name := range images {
		t.Run(name, func(t *testing.T) {
			im, err := Open(load(t, name), inflate.New)
			if err != nil {
				t.Fatal(err)
			}
			if im.Size() != diskSize {
				t.Fatalf("%d bytes", im.Size())
			}
			got := make([]byte, diskSize)
			if err := im.ReadVec([][]byte{got}, 0); err != nil || !bytes.Equal(got, want) {
				t.Fatalf("read at once: %v, equal %v", err, bytes.Equal(got, want))
			}
			readPieces(t, im, want)
		})
	}
}

// readPieces reads odd pieces from several goroutines.
func readPieces(t *testing.T, im *Image, want []byte) {
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for off := int64(g * 512); off < diskSize; off += 512 * 37 {
				n := min(512*int64(29+g), diskSize-off)
				a, b, c := make([]byte, 700), make([]byte, 0), make([]byte, n)
				if n < 700 {
					a = a[:n]
				}
				iov := [][]byte{a, b, c[:n-int64(len(a))]}
				if err := im.ReadVec(iov, off); err != nil {
					t.Errorf("%d bytes at %d: %v", n, off, err)
				}
				if got := bytes.Join(iov, nil); !bytes.Equal(got, want[off:off+n]) {
					t.Errorf("%d bytes at %d are wrong", n, off)
				}
			}
		})
	}
	wg.Wait()
}

func TestCheckClean(t *testing.T) {
	for _, name := range images {
		t.Run(name, func(t *testing.T) {
			im, err := Open(load(t, name), inflate.New)
			if err != nil {
				t.Fatal(err)
			}
			r, err := Check(t.Context(), im)
			if err != nil || len(r.Problems) > 0 || r.Leaks > 0 {
				t.Fatalf("%+v, %v", r, err)
			}
			if compressed := name == "zlib" || name == "zstd"; compressed != (r.Compressed > 0) || !compressed && r.Data == 0 {
				t.Errorf("%+v", r)
			}
		})
	}
}

// TestHeader breaks a header's fields one at a time.
func TestHeader(t *testing.T) {
	be := binary.BigEndian
	for _, tt := range []struct {
		name string
		edit func(b []byte)
		kind error
		want string
	}{
		{"magic", func(b []byte) { b[0] = 'q' }, ErrCorrupt, "no header"},
		{"version 1", func(b []byte) { be.PutUint32(b[4:], 1) }, ErrUnsupported, "version 1"},
		{"version 4", func(b []byte) { be.PutUint32(b[4:], 4) }, ErrUnsupported, "version 4"},
		{"backing file", func(b []byte) { be.PutUint64(b[8:], 512) }, ErrUnsupported, "qemu-img convert"},
		{"small clusters", func(b []byte) { be.PutUint32(b[20:], 8) }, ErrCorrupt, "2^8"},
		{"huge clusters", func(b []byte) { be.PutUint32(b[20:], 1<<31) }, ErrCorrupt, "2^2147483648"},
		{"no size", func(b []byte) { be.PutUint64(b[24:], 0) }, ErrCorrupt, "0 bytes"},
		{"odd size", func(b []byte) { be.PutUint64(b[24:], 513) }, ErrCorrupt, "513 bytes"},
		{"huge size", func(b []byte) { be.PutUint64(b[24:], 1<<63) }, ErrCorrupt, "a disk of"},
		{"size beyond L1", func(b []byte) { be.PutUint64(b[24:], 1<<40) }, ErrCorrupt, "L1 table for"},
		{"encryption", func(b []byte) { b[35] = 2 }, ErrUnsupported, "encryption"},
		{"many L1 entries", func(b []byte) { be.PutUint32(b[36:], 1<<31) }, ErrCorrupt, "L1 table"},
		{"no L1 entry", func(b []byte) { be.PutUint32(b[36:], 0) }, ErrCorrupt, "0 entries"},
		{"L1 outside", func(b []byte) { be.PutUint64(b[40:], 1<<40) }, ErrCorrupt, "L1 table is at"},
		{"L1 near 2^64", func(b []byte) { be.PutUint64(b[40:], 1<<64-1<<16) }, ErrCorrupt, "L1 table is at"},
		{"L1 between clusters", func(b []byte) { be.PutUint64(b[40:], 513) }, ErrCorrupt, "L1 table is at"},
		{"refcounts outside", func(b []byte) { be.PutUint64(b[48:], 1<<40) }, ErrCorrupt, "refcount table is at"},
		{"huge refcount table", func(b []byte) { be.PutUint32(b[56:], 1<<31) }, ErrCorrupt, "clusters of refcount table"},
		{"marked corrupt", func(b []byte) { b[79] = 2 }, ErrCorrupt, "says so itself"},
		{"data file", func(b []byte) { b[79] = 4 }, ErrUnsupported, "external data file"},
		{"extended L2", func(b []byte) { b[79] = 16 }, ErrUnsupported, "extended L2"},
		{"unknown feature", func(b []byte) { b[72] = 1 }, ErrUnsupported, "features"},
		{"refcount order", func(b []byte) { b[99] = 7 }, ErrCorrupt, "order 7"},
		{"compression", func(b []byte) { b[79] = 8; b[104] = 9 }, ErrUnsupported, "compression 9"},
		{"compression outside", func(b []byte) { b[79] = 8; b[103] = 104 }, ErrCorrupt, "outside its header"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := load(t, "v3")
			tt.edit(b)
			_, err := Open(b, inflate.New)
			if !errors.Is(err, tt.kind) || !strings.Contains(fmt.Sprint(err), tt.want) || strings.Contains(fmt.Sprint(err), "\n") {
				t.Errorf("%v", err)
			}
		})
	}
	for _, n := range []int{0, 3, 71, 103, 110} {
		if _, err := Open(load(t, "v3")[:n], inflate.New); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

// tables finds the first L1 entry and the first L2 entry in use.
func tables(t *testing.T, b memory) (l1, l2 int64) {
	t.Helper()
	be := binary.BigEndian
	l1 = int64(be.Uint64(b[40:]))
	return l1, int64(be.Uint64(b[l1:]) & offsetMask)
}

// TestDamage breaks tables: a read says so, and a check too.
func TestDamage(t *testing.T) {
	be := binary.BigEndian
	for _, tt := range []struct {
		name, image string
		edit        func(b []byte, l1, l2 int64)
		reads       bool // nevertheless
		want        string
	}{
		{"L1 outside", "v3", func(b []byte, l1, _ int64) { be.PutUint64(b[l1:], 1<<55) }, false, "L1 entry 0"},
		{"L1 between", "v3", func(b []byte, l1, _ int64) { be.PutUint64(b[l1:], 512) }, false, "L1 entry 0"},
		{"L1 reserved", "v3", func(b []byte, l1, _ int64) { b[l1+7] = 1 }, true, "reserved bits"},
		{"L2 outside", "v3", func(b []byte, _, l2 int64) { be.PutUint64(b[l2:], 1<<55) }, false, "cluster 0"},
		{"L2 between", "v3", func(b []byte, _, l2 int64) { be.PutUint64(b[l2:], 1<<13+512) }, false, "cluster 0"},
		{"L2 reserved", "v3", func(b []byte, _, l2 int64) { b[l2+7] |= 2 }, true, "reserved bits"},
		{"data twice", "v3", func(b []byte, _, l2 int64) { copy(b[l2:l2+8], b[l2+24:]) }, true, "used by something else too"},
		{"data in L1", "v3", func(b []byte, l1, l2 int64) { be.PutUint64(b[l2:], uint64(l1)) }, true, "used by something else too"},
		{"compressed outside", "zlib", func(b []byte, _, l2 int64) { be.PutUint64(b[l2:], flagCompressed|1<<50) }, false, "outside the file"},
		{"compressed at zero", "zlib", func(b []byte, _, l2 int64) { be.PutUint64(b[l2:], flagCompressed) }, false, "outside the file"},
		{"compressed junk", "zlib", func(b []byte, _, l2 int64) { be.PutUint64(b[l2:], flagCompressed|8) }, false, ""},
		{"no refcounts", "v3", func(b []byte, _, _ int64) { clear(b[be.Uint64(b[48:]):][:8]) }, true, "no refcount"},
		{"COPIED with refcount 2", "v3", func(b []byte, _, l2 int64) { setRefcount(b, int64(be.Uint64(b[l2:])&offsetMask), 2) }, true, "its flag COPIED is wrong, the refcount is 2"},
		{"not COPIED with refcount 1", "v3", func(b []byte, _, l2 int64) { b[l2] &^= 0x80 }, true, "its flag COPIED is wrong, the refcount is 1"},
		{"L1 not COPIED", "v3", func(b []byte, l1, _ int64) { b[l1] &^= 0x80 }, true, "L1 entry 0"},
		{"compressed COPIED", "zlib", func(b []byte, _, l2 int64) { b[l2] |= 0x80 }, true, "its only user"},
		{"bitmaps outside", "bitmap", func(b []byte, _, _ int64) { be.PutUint64(b[extension(b, bitmapType)+16:], 1<<50) }, true, "their directory at"},
		{"bitmap outside", "bitmap", func(b []byte, _, _ int64) { be.PutUint64(b[be.Uint64(b[extension(b, bitmapType)+16:]):], 1<<50) }, true, "bitmap 0 has its table"},
		{"bitmap with flags", "bitmap", func(b []byte, _, _ int64) { b[be.Uint64(b[extension(b, bitmapType)+16:])+15] |= 4 }, true, "flags 0x6"},
		{"bitmap with a long name", "bitmap", func(b []byte, _, _ int64) { b[be.Uint64(b[extension(b, bitmapType)+16:])+19] |= 0x80 }, true, "bitmap 0 is outside the directory"},
		{"bitmap of another size", "bitmap", func(b []byte, _, _ int64) { b[be.Uint64(b[extension(b, bitmapType)+16:])+11]++ }, true, "a table of 2 entries"},
		{"no bitmaps", "bitmap", func(b []byte, _, _ int64) { b[extension(b, bitmapType)+3] = 0 }, true, "0 bitmaps"},
		{"long extension", "v3", func(b []byte, _, _ int64) { b[be.Uint32(b[100:])+4] = 1 }, true, "an extension of the header"},
		{"L1 flags alone", "v3", func(b []byte, l1, _ int64) { be.PutUint64(b[l1:], flagCopied) }, true, "has flags and no table"},
		{"snapshot's extra data", "snap", func(b []byte, _, _ int64) { b[be.Uint64(b[64:])+37] = 1 }, true, "of extra data"},
		{"snapshot's table below zero", "snap", func(b []byte, _, _ int64) { b[be.Uint64(b[64:])] |= 0x80 }, true, "snapshot 0 has its L1 table"},
		{"snapshot outside", "snap", func(b []byte, _, _ int64) { be.PutUint64(b[be.Uint64(b[64:]):], 1<<50) }, true, "snapshot 0 has its L1 table"},
		{"snapshots outside", "snap", func(b []byte, _, _ int64) { be.PutUint64(b[64:], 1<<50) }, true, "1 snapshots"},
		{"refcount table in the header", "v3", func(b []byte, _, _ int64) { be.PutUint64(b[48:], 0) }, true, "used by something else too"},
		{"refcount block outside", "v3", func(b []byte, _, _ int64) { be.PutUint64(b[be.Uint64(b[48:]):], 1<<50) }, true, "refcount block 0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := load(t, tt.image)
			l1, l2 := tables(t, b)
			tt.edit(b, l1, l2)
			im, err := Open(b, inflate.New)
			if err != nil {
				t.Fatal(err)
			}
			if err := im.ReadVec([][]byte{make([]byte, diskSize)}, 0); tt.reads != (err == nil) || err != nil && !errors.Is(err, ErrCorrupt) {
				t.Errorf("read: %v", err)
			}
			r, err := Check(t.Context(), im)
			if err != nil {
				t.Fatal(err)
			}
			if tt.want != "" && !strings.Contains(strings.Join(r.Problems, "\n"), tt.want) {
				t.Errorf("check says %q", r.Problems)
			}
		})
	}
}

// setRefcount changes the refcount, of 16 bits, of the cluster at an offset.
func setRefcount(b []byte, at int64, n uint16) {
	be := binary.BigEndian
	bits := be.Uint32(b[20:])
	block := be.Uint64(b[be.Uint64(b[48:]):])
	be.PutUint16(b[int64(block)+at>>bits*2:], n)
}

// extension finds the contents of a header extension.
func extension(b []byte, kind uint32) int {
	be := binary.BigEndian
	at := int(be.Uint32(b[100:]))
	for be.Uint32(b[at:]) != kind {
		at += 8 + int(be.Uint32(b[at+4:])+7)&^7
	}
	return at + 8
}

// TestLeaks: a cluster that nobody uses, and one that says it has more users than it has.
// Without the word that its bitmaps are valid, what they take is lost too.
func TestLeaks(t *testing.T) {
	for _, tt := range []struct {
		image string
		edit  func(b []byte, l2 int64)
		leaks int64
	}{
		{"v3", func(b []byte, l2 int64) { clear(b[l2 : l2+8]) }, 1},
		{"snap", func(b []byte, _ int64) { setRefcount(b, int64(binary.BigEndian.Uint64(b[64:])), 3) }, 1},
		{"bitmap", func(b []byte, _ int64) { b[95] = 0 }, 5}, // a directory, two tables and what they lead to
	} {
		testLeaks(t, tt.image, tt.edit, tt.leaks)
	}
}

func testLeaks(t *testing.T, image string, edit func(b []byte, l2 int64), leaks int64) {
	t.Helper()
	b := load(t, image)
	_, l2 := tables(t, b)
	edit(b, l2)
	im, err := Open(b, inflate.New)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := Check(t.Context(), im); err != nil || r.Leaks != leaks || len(r.Problems) > 0 {
		t.Errorf("%s: %+v, %v", image, r, err)
	}
}

func TestBackingIsRefused(t *testing.T) {
	if _, err := Open(load(t, "backing"), inflate.New); !errors.Is(err, ErrUnsupported) {
		t.Error(err)
	}
}

// TestReadAllocations: what lies as it is costs no more than the request's own slice.
func TestReadAllocations(t *testing.T) {
	im, err := Open(load(t, "v3"), inflate.New)
	if err != nil {
		t.Fatal(err)
	}
	iov := [][]byte{make([]byte, 4096)}
	if n := testing.AllocsPerRun(100, func() {
		if err := im.ReadVec(iov, 0); err != nil {
			t.Fatal(err)
		}
	}); n > 2 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzOpen(f *testing.F) {
	for _, name := range append(images, "backing") {
		b := load(f, name)
		f.Add([]byte(b), uint32(0), uint64(0))
		l1 := binary.BigEndian.Uint64(b[40:])
		f.Add([]byte(b), uint32(l1), uint64(1<<63|512))
	}
	f.Fuzz(func(t *testing.T, b []byte, at uint32, v uint64) {
		if n := uint32(len(b)); n >= 8 { // poke, so that tables change and not only headers
			binary.BigEndian.PutUint64(b[at%(n-7):], v)
		}
		im, err := Open(memory(b), inflate.New)
		if err != nil {
			return
		}
		buf := make([]byte, min(im.Size(), 4<<20))
		for _, off := range []int64{0, im.Size() - int64(len(buf)), im.Size() / 2 &^ 511} {
			_ = im.ReadVec([][]byte{buf[:min(int64(len(buf)), im.Size()-off)]}, off) // any error will do
		}
		if _, err := Check(t.Context(), im); err != nil {
			t.Fatal(err) // a source in memory has no errors
		}
	})
}
