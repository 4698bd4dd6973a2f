package image

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"terem/internal/fault"
)

// gnuTar runs GNU tar, or skips.
func gnuTar(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command("tar", "--version").Output(); err != nil || !bytes.Contains(out, []byte("GNU tar")) {
		t.Skip("no GNU tar")
	}
	if out, err := exec.Command("tar", args...).CombinedOutput(); err != nil {
		t.Fatalf("tar %q: %v: %s", args, err, out)
	}
}

// TestSparse: sparse files in each of GNU's formats are in the image, with their holes.
func TestSparse(t *testing.T) {
	needTools(t)
	dir := t.TempDir()
	source := filepath.Join(dir, "source")
	if err := os.Mkdir(source, 0o755); err != nil {
		t.Fatal(err)
	}
	const size = 16 << 20
	long := strings.Repeat("long-", 30)                                                           // needs a header of its own
	starts := map[string][]int64{"two": {1 << 20, size - 5}, "start": {0}, "hole": {}, long: nil} // of bytes
	for i := range int64(60) {                                                                    // more than a header and one block have room for
		starts[long] = append(starts[long], i<<17)
	}
	want := map[string][]byte{}
	for name, list := range starts {
		f, err := os.Create(filepath.Join(source, name))
		must(t, err, f.Truncate(size))
		want[name] = make([]byte, size)
		for _, off := range list {
			copy(want[name][off:], "bytes")
			_, err := f.WriteAt([]byte("bytes"), off)
			must(t, err)
		}
		must(t, f.Close())
	}
	must(t, os.WriteFile(source+"/big", nil, 0o644), os.Truncate(source+"/big", 2<<30))
	if err := os.WriteFile(source+"/zz", []byte("behind them"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, format := range [][]string{{"--format=gnu"}, {"--format=posix", "--sparse-version=0.0"}, {"--format=posix", "--sparse-version=0.1"}, {"--format=posix", "--sparse-version=1.0"}} {
		t.Run(strings.Join(format, " "), func(t *testing.T) {
			made := filepath.Join(dir, "a.tar")
			gnuTar(t, append(format, "-C", source, "-cSf", made, ".")...)
			if st, err := os.Stat(made); err != nil || st.Size() > 4<<20 {
				t.Fatalf("no sparse tar: %d bytes, %v", st.Size(), err)
			}
			path := filepath.Join(dir, "img")
			if err := (&FromDir{Source: made, Path: path, Size: 64 << 20, Force: true}).Make(t.Context()); err != nil {
				t.Fatal(err)
			}
			for name, b := range want {
				debugfs(t, path, fmt.Sprintf("dump %q %s.out", name, path))
				if got, err := os.ReadFile(path + ".out"); err != nil || !bytes.Equal(got, b) {
					t.Errorf("%s: %d bytes, %v", name, len(got), err)
				}
			}
			if out := debugfs(t, path, "stat /big"); !strings.Contains(out, "Size: 2147483648\n") || !strings.Contains(out, "Blockcount: 0\n") {
				t.Errorf("big: %s", out)
			}
			if out := debugfs(t, path, `stat "/`+long+`"`); !strings.Contains(out, "Blockcount: 488\n") { // 60, and one of extents
				t.Errorf("long: %s", out)
			}
			if out := debugfs(t, path, "cat /zz"); !strings.Contains(out, "behind them") {
				t.Errorf("zz: %s", out)
			}
		})
	}
}

// rawEntry is an entry as archive/tar would not write it.
func rawEntry(kind byte, name string, body []byte, edit func(header []byte)) []byte {
	b := make([]byte, 512)
	copy(b, name)
	copy(b[100:], "0000644\x000000000\x000000000\x00")
	copy(b[124:], fmt.Sprintf("%011o\x0000000000000\x00", len(body)))
	b[156] = kind
	copy(b[257:], "ustar\x0000")
	if edit != nil {
		edit(b)
	}
	copy(b[148:], "        ")
	sum := 0
	for _, c := range b {
		sum += int(c)
	}
	copy(b[148:], fmt.Sprintf("%06o\x00 ", sum))
	return append(append(b, body...), make([]byte, -len(body)&511)...)
}

func record1(key, value string) []byte {
	n := len(key) + len(value) + 3
	for len(fmt.Sprint(n))+len(key)+len(value)+3 != n {
		n = len(fmt.Sprint(n)) + len(key) + len(value) + 3
	}
	return fmt.Appendf(nil, "%d %s=%s\n", n, key, value)
}

// TestSparseMaps: maps that make no sense are refused, and a hole of 8 EiB is not read.
func TestSparseMaps(t *testing.T) {
	pax := func(list ...string) (b []byte) {
		for i := 0; i < len(list); i += 2 {
			b = append(b, record1(list[i], list[i+1])...)
		}
		return rawEntry(tar.TypeXHeader, "x", b, nil)
	}
	v1 := func(size string) []byte {
		return pax("GNU.sparse.major", "1", "GNU.sparse.minor", "0", "GNU.sparse.name", "name", "GNU.sparse.realsize", size)
	}
	body := func(s string) []byte { return append([]byte(s), make([]byte, 512-len(s))...) }
	for _, tt := range []struct {
		name, want string
		raw        [][]byte
	}{
		{"version", "version 9.9", [][]byte{pax("GNU.sparse.major", "9", "GNU.sparse.minor", "9"), rawEntry('0', "a", nil, nil)}},
		{"overlap", "behind", [][]byte{v1("1000"), rawEntry('0', "a", append(body("2\n0\n10\n5\n10\n"), make([]byte, 20)...), nil)}},
		{"outside", "behind", [][]byte{v1("10"), rawEntry('0', "a", append(body("1\n5\n10\n"), make([]byte, 10)...), nil)}},
		{"huge", "16 TiB", [][]byte{v1("9223372036854775807"), rawEntry('0', "a", append(body("1\n9223372036854775806\n1\n"), 'x'), nil)}},
		{"short", "name: a sparse file whose map", [][]byte{v1("1000"), rawEntry('0', "a", body("1\n0\n1000\n"), nil)}},
		{"cut off", "cut short", [][]byte{v1("1000"), rawEntry('0', "a", append(body("1\n0\n1000\n"), make([]byte, 1000)...), nil)[:512+512+700]}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "a.tar")
			b := append(rawEntry('0', "first", nil, nil), bytes.Join(tt.raw, nil)...)
			if tt.name != "cut off" {
				b = append(b, make([]byte, 1024)...)
			}
			if err := os.WriteFile(name, b, 0o600); err != nil {
				t.Fatal(err)
			}
			err := (&FromDir{Source: name, Path: name + ".img", Size: 8 << 20}).Make(t.Context())
			wantError(t, err, fault.Usage, tt.want)
		})
	}
}

// TestSparseRest: where the next entry begins says the header, not the map.
func TestSparseRest(t *testing.T) {
	old := rawEntry('S', "old", append(bytes.Repeat([]byte{1}, 512), rawEntry('0', "hidden", nil, nil)...), func(h []byte) {
		copy(h[257:], "ustar  \x00")
		copy(h[386:], "00000000000\x0000000001000\x00") // 512 bytes of 1024
		copy(h[483:], "00000001000\x00")
	})
	s, err := newSpool(t.TempDir(), 0)
	must(t, err)
	defer s.f.Close()
	r := &tarReader{tree: newTree(), spool: s, in: tap{r: io.MultiReader(bytes.NewReader(old), bytes.NewReader(rawEntry('0', "next", nil, nil)), bytes.NewReader(make([]byte, 1024)))}}
	must(t, r.all(t.Context()))
	if c := r.tree.root.Children; len(c) != 2 || c["old"] == nil || c["next"] == nil {
		t.Errorf("%v", slices.Sorted(maps.Keys(c)))
	}
}

// TestManyHeaders: what stands before one file takes no memory without end.
func TestManyHeaders(t *testing.T) {
	long := rawEntry('L', "x", bytes.Repeat([]byte("n"), 1<<20), nil)
	s, err := newSpool(t.TempDir(), 0)
	must(t, err)
	defer s.f.Close()
	read := 0
	r := &tarReader{tree: newTree(), spool: s, in: tap{r: readerFunc(func(p []byte) (int, error) {
		n := copy(p, long[read%len(long):])
		if read += n; read > 2*maxHeaders {
			return n, errors.New("it reads on")
		}
		return n, nil
	})}}
	if err := r.all(t.Context()); !errors.Is(err, errTar) || !errors.Is(err, errHeaders) {
		t.Error(err)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// FuzzTar reads tars: nothing is written, nothing panics, and what is read fits together.
func FuzzTar(f *testing.F) {
	f.Add(append(rawEntry('0', "a/b", []byte("text"), nil), make([]byte, 1024)...))
	f.Add(append(rawEntry('2', "l", nil, func(h []byte) { copy(h[157:], "../x") }), rawEntry('5', "l/d", nil, nil)...))
	f.Add(rawEntry('S', "s", make([]byte, 512), func(h []byte) {
		copy(h[257:], "ustar  \x00")
		copy(h[386:], "00000001000\x0000000001000\x00")
		copy(h[483:], "00000010000\x00")
	}))
	f.Add(append(rawEntry('x', "x", append(append(record1("GNU.sparse.major", "1"), record1("GNU.sparse.minor", "0")...), record1("GNU.sparse.realsize", "99")...), nil),
		rawEntry('0', "a", append(append([]byte("1\n5\n10\n"), make([]byte, 505)...), "0123456789"...), nil)...))
	f.Add(append(rawEntry('x', "x", append(record1("SCHILY.acl.access", "user::rw-,user:5:r--"), record1("SCHILY.fflags", "schg")...), nil), rawEntry('0', "a", nil, nil)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := newSpool(t.TempDir(), 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		defer s.f.Close()
		r := &tarReader{tree: newTree(), spool: s, in: tap{r: bytes.NewReader(b)}}
		if r.all(context.Background()) != nil {
			return // any error will do
		}
		for n := range r.tree.sizes {
			c, err := n.Open()
			if err != nil {
				t.Fatal(err)
			}
			list, err := c.Ranges()
			if err != nil {
				t.Fatal(err)
			}
			end := int64(0)
			for _, x := range list {
				if x.Off < end || x.Len <= 0 || x.Len > n.Size-x.Off {
					t.Fatalf("ranges %v of a file of %d bytes", list, n.Size)
				}
				end = x.Off + x.Len
				p := make([]byte, min(x.Len, 4096))
				if _, err := c.ReadAt(p, x.Off); err != nil {
					t.Fatal(err)
				}
			}
		}
		if total, files := r.tree.weigh(); files == 0 || total < 4096 {
			t.Fatalf("%d bytes in %d files", total, files)
		}
	})
}
