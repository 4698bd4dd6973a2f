package boot

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"terem/boot/unpack"
	"terem/memory"
)

// builtKernel opens the newest guest kernel's file of that name in the user's cache.
func builtKernel(tb testing.TB, name string) *os.File {
	tb.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		tb.Skip(err)
	}
	found, err := filepath.Glob(filepath.Join(cache, "terem", "kernel", "*", name))
	if err != nil {
		tb.Fatal(err)
	}
	if len(found) == 0 {
		tb.Skip("guest not built: run `make guest`")
	}
	f, err := os.Open(newest(tb, found))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { f.Close() })
	return f
}

func newest(tb testing.TB, paths []string) (path string) {
	tb.Helper()
	var at int64
	for _, p := range paths {
		info, err := os.Stat(p)
		if err != nil {
			tb.Fatal(err)
		}
		if t := info.ModTime().UnixNano(); path == "" || t > at {
			path, at = p, t
		}
	}
	return path
}

// loadFile loads a kernel from a file into m.
func loadFile(tb testing.TB, m *memory.Guest, f *os.File, o Options) Entry {
	tb.Helper()
	info, err := f.Stat()
	if err != nil {
		tb.Fatal(err)
	}
	o.Unpack = unpack.Open
	l, err := Detect(f, info.Size(), o)
	if err != nil {
		tb.Fatal(err)
	}
	e, err := l.Load(m, Platform{CmdLine: "quiet"})
	if err != nil {
		tb.Fatal(err)
	}
	return e
}

// TestRealKernelUnpacked loads vmlinux, and the same kernel out of its bzImage: one entry point, and
// the same bytes in RAM.
func TestRealKernelUnpacked(t *testing.T) {
	const ram = 128 << 20
	vmlinux := builtKernel(t, "vmlinux")
	bzImage, err := os.Open(filepath.Join(filepath.Dir(vmlinux.Name()), "bzImage"))
	if err != nil {
		t.Fatal(err) // a guest that is built has both
	}
	defer bzImage.Close()
	a, b := newGuest(t, ram), newGuest(t, ram)
	ea := loadFile(t, a, vmlinux, Options{})
	eb := loadFile(t, b, bzImage, Options{Payload: PayloadDecompressed})
	if ea != eb {
		t.Errorf("entries %+v and %+v", ea, eb)
	}
	const from = memory.KernelBase
	if !bytes.Equal(bytesAt(t, a, from, ram-uint64(from)), bytesAt(t, b, from, ram-uint64(from))) {
		t.Error("vmlinux and bzImage differ in RAM")
	}
}

func TestRealKernelEntries(t *testing.T) {
	for _, c := range []struct {
		file string
		o    Options
		mode Mode
	}{
		{"vmlinux", Options{}, Long},
		{"vmlinux", Options{Protocol: ProtocolPVH}, Protected},
		{"bzImage", Options{Payload: PayloadCompressed}, Long},
	} {
		e := loadFile(t, newGuest(t, 128<<20), builtKernel(t, c.file), c.o)
		if e.Mode != c.mode {
			t.Errorf("%s: entered in mode %d, want %d", c.file, e.Mode, c.mode)
		}
	}
}

// BenchmarkLoad measures the host's part of a boot: fresh RAM, kernel, tables.
func BenchmarkLoad(b *testing.B) {
	run := func(name string, size uint64, load func(*testing.B, *memory.Guest)) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				m, err := memory.New(size)
				if err != nil {
					b.Fatal(err)
				}
				load(b, m)
				if err := m.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	tiny := pvhKernel(1 << 20)
	for name, p := range map[string]Protocol{"TinyPVH": ProtocolPVH, "TinyLinux": ProtocolLinux} {
		run(name, 16<<20, func(b *testing.B, m *memory.Guest) {
			if _, err := bootImage(m, tiny, Options{Protocol: p}, Platform{MPTable: true, CPUs: 1}); err != nil {
				b.Fatal(err)
			}
		})
	}
	for _, c := range []struct {
		file    string
		payload Payload
	}{{"vmlinux", PayloadAuto}, {"bzImage", PayloadCompressed}, {"bzImage", PayloadDecompressed}} {
		run(fmt.Sprintf("%s/payload=%d", c.file, c.payload), 128<<20, func(b *testing.B, m *memory.Guest) {
			loadFile(b, m, builtKernel(b, c.file), Options{Payload: c.payload})
		})
	}
}
