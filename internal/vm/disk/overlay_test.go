package disk

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestBinding opens an overlay on what is not its base.
func TestBinding(t *testing.T) {
	const size = 4 << 20
	path := rawImage(t, size, random(t, size))
	over := path + ".over"
	d := openSpec(t, path+",overlay="+over)
	write(t, d, 0, random(t, 512))
	d.Close()
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	restore := func() {
		if err := os.Chtimes(path, time.Time{}, st.ModTime()); err != nil {
			t.Fatal(err)
		}
	}
	original, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		change func() error
		want   []string
	}{
		{"touched", func() error { return os.Chtimes(path, time.Time{}, time.Unix(1e9, 0)) },
			[]string{"was changed at ", "after the overlay was made", "touch -d @"}},
		{"grown", func() error { return os.Truncate(path, size+512) }, []string{"another base", "4194304 bytes", "its base was " + path}},
		{"start", func() error { return poke(path, 1024) }, []string{"contents differ", "its base was " + path}},
		{"end", func() error { return poke(path, size-1) }, []string{"contents differ"}},
		{"other format", func() error { return os.WriteFile(path, qcow2Image(t), 0o600) }, []string{"raw, and this is qcow2"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			defer func() {
				if err := os.WriteFile(path, original, 0o600); err != nil {
					t.Fatal(err)
				}
				restore()
			}()
			if err := tt.change(); err != nil {
				t.Fatal(err)
			}
			if tt.name != "touched" {
				restore()
			}
			_, err := tryOpen(t, path+",overlay="+over, nil)
			wantLine(t, err, append(tt.want, "overlay "+over)...)
		})
	}
	d = openSpec(t, path+",overlay="+over) // all is as it was
	moved := filepath.Join(t.TempDir(), "moved")
	d.Close()
	if err := os.Rename(path, moved); err != nil {
		t.Fatal(err)
	}
	if d, err = tryOpen(t, moved+",overlay="+over, nil); err != nil {
		t.Fatal(err)
	}
	d.Close()
	_, err = tryOpen(t, over, nil)
	wantLine(t, err, "it is an overlay", "Disks "+path+",overlay="+over)
}

// poke changes one byte of a file.
func poke(path string, off int64) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	var b [1]byte
	if _, err = f.ReadAt(b[:], off); err == nil {
		b[0]++
		_, err = f.WriteAt(b[:], off)
	}
	return errors.Join(err, f.Close())
}

func TestHeaderRoundTrip(t *testing.T) {
	for _, path := range []string{"", "/a/b", strings.Repeat("x", crcAt-pathAt), strings.Repeat("x", crcAt-pathAt+1)} {
		h := header{shift: 16, size: 1 << 30, mark: baseMark{size: 12345, mtime: 1e18 + 7, format: baseQcow2, sample: [32]byte{1, 2, 3}, path: path}}
		got, err := decodeHeader(h.encode())
		if len(path) > crcAt-pathAt {
			h.mark.path = ""
		}
		if err != nil || *got != h {
			t.Errorf("%+v, %v", got, err)
		}
	}
}

// TestHeaderErrors breaks fields, and mends the checksum.
func TestHeaderErrors(t *testing.T) {
	le := binary.LittleEndian
	for _, tt := range []struct {
		name string
		edit func(b []byte)
		want string
	}{
		{"magic", func(b []byte) { b[0] = 0 }, "does not begin"},
		{"version", func(b []byte) { b[8] = 2 }, "version 2"},
		{"cluster", func(b []byte) { b[12] = 11 }, "2^11"},
		{"big cluster", func(b []byte) { b[15] = 1 }, "2^16777228"},
		{"no disk", func(b []byte) { le.PutUint64(b[16:], 0) }, "a disk of 0"},
		{"huge disk", func(b []byte) { le.PutUint64(b[16:], 1<<63) }, "a disk of"},
		{"odd disk", func(b []byte) { le.PutUint64(b[16:], 1) }, "a disk of 1"},
		{"huge bitmap", func(b []byte) { le.PutUint64(b[16:], maxVirtual) }, "a bitmap of"},
		{"cut off", func(b []byte) { le.PutUint64(b[16:], 1<<30) }, "its file has"},
		{"base", func(b []byte) { le.PutUint64(b[24:], 1<<63) }, "a base of"},
		{"format", func(b []byte) { b[40] = 3 }, "unknown format 3"},
		{"path", func(b []byte) { le.PutUint32(b[44:], 1<<31) }, "a path of"},
		{"bits behind the end", func(b []byte) { b[headerSize+2] = 0x40 }, "the disk ends before it"},
	} {
		b := freshOverlay(smallSize)
		tt.edit(b)
		le.PutUint32(b[crcAt:], checksum(b))
		_, err := loadOverlay(&medium{b: b})
		wantLine(t, err, tt.want)
		if !errors.Is(err, ErrOverlay) && tt.name != "version" {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	b := freshOverlay(smallSize)
	b[100] = 1
	_, err := loadOverlay(&medium{b: b})
	wantLine(t, err, "checksum is wrong")
	for _, n := range []int{0, 8, headerSize - 1, headerSize, len(b) - 1} {
		if _, err := loadOverlay(&medium{b: freshOverlay(smallSize)[:n]}); !errors.Is(err, ErrOverlay) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

func TestBitmapRuns(t *testing.T) {
	const n = 200
	m := newBitmap(n)
	set := map[int64]bool{}
	for _, c := range []int64{0, 1, 2, 63, 64, 65, 127, 130, 131, 132, 191, 192, 199} {
		m.set(c)
		set[c] = true
	}
	if m.count() != int64(len(set)) {
		t.Errorf("%d are set", m.count())
	}
	for c := range int64(n) {
		for end := c + 1; end <= n; end++ {
			to := c
			for to < end && set[to] == set[c] {
				to++
			}
			if has, got := m.run(c, end); has != set[c] || got != to {
				t.Fatalf("from %d to %d: %v up to %d, want %v up to %d", c, end, has, got, set[c], to)
			}
		}
	}
}

// helpNumber writes numbered blocks, flushes and says which.
func helpNumber(args []string) error {
	s, err := ParseSpec(args[0])
	if err != nil {
		return err
	}
	d, err := Open(s, Options{})
	if err != nil {
		return err
	}
	for n := uint64(1); ; n++ {
		b := bytes.Repeat(binary.LittleEndian.AppendUint64(nil, n), 4096/8)
		if err := errors.Join(d.WriteVec([][]byte{b}, int64(n%numbered)*12288), d.Flush()); err != nil {
			return err
		}
		if _, err := fmt.Println(n); err != nil {
			return err
		}
	}
}

const numbered = 100 // blocks, three times their size apart

// TestKill kills a process that writes and flushes. Each block has the number that
// was acknowledged last for it, or a later one.
func TestKill(t *testing.T) {
	base := rawImage(t, numbered*12288, random(t, numbered*12288))
	for _, options := range []string{",overlay=OVER", ""} {
		path := base
		if options == "" {
			path = rawImage(t, numbered*12288, nil)
		}
		for round := range 10 {
			c := helper("number", path+replaceOver(options, path))
			out, err := c.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			var acked uint64
			for acked < uint64(20+round*23) {
				if _, err := fmt.Fscanln(out, &acked); err != nil {
					t.Fatal(err)
				}
			}
			c.Process.Kill()
			for {
				var n uint64
				if _, err := fmt.Fscanln(out, &n); err != nil {
					break
				}
				acked = n
			}
			io.Copy(io.Discard, out)
			c.Wait()
			checkNumbers(t, path+replaceOver(options, path), acked)
			os.Remove(path + ".over")
		}
	}
}

func checkNumbers(t *testing.T, spec string, acked uint64) {
	t.Helper()
	d := openSpec(t, spec)
	defer d.Close()
	for n := max(acked, numbered) - numbered + 1; n <= acked; n++ {
		b := read(t, d, int64(n%numbered)*12288, 4096)
		if got := binary.LittleEndian.Uint64(b); got != n && got != n+numbered {
			t.Errorf("%d was flushed, and it reads %d", n, got)
		}
	}
}

func FuzzOverlay(f *testing.F) {
	f.Add(freshOverlay(smallSize), true)
	b := freshOverlay(smallSize)
	b[headerSize] = 0xa5
	f.Add(b, true)
	f.Add(b, false)
	f.Add(b[:headerSize], true)
	f.Fuzz(func(t *testing.T, b []byte, mend bool) {
		if mend && len(b) >= headerSize {
			binary.LittleEndian.PutUint32(b[crcAt:], checksum(b))
		}
		m := &medium{b: b}
		o, err := loadOverlay(m)
		if err != nil {
			return
		}
		if o.size > int64(len(b)) {
			t.Fatalf("a disk of %d bytes in a file of %d", o.size, len(b))
		}
		base := make([]byte, o.size)
		o.base = &medium{b: base}
		p := make([]byte, o.size)
		if err := errors.Join(o.ReadVec([][]byte{p}, 0), o.WriteVec([][]byte{p[:sectorSize]}, o.size-sectorSize),
			o.WriteZeroes(0, o.size, true), o.Discard(0, o.size), o.Flush()); err != nil {
			t.Fatal(err)
		}
		if again, err := loadOverlay(&medium{b: m.b}); err != nil || again.bits.count() != o.bits.count() {
			t.Fatalf("it does not load any more: %v", err)
		}
	})
}
