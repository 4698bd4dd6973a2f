package launch

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"terem/devices/virtio/rng"
	"terem/internal/vm/disk"
)

// TestPrune keeps what was used last.
func TestPrune(t *testing.T) {
	dir := t.TempDir()
	for i, name := range []string{"oldest", "old", "new", "newest"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Join(path, "memory"), 0o700); err != nil {
			t.Fatal(err)
		}
		at := time.Unix(int64(1000+i), 0)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	prune(dir, 4)
	prune(dir, 2)
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 || entries[0].Name() != "new" || entries[1].Name() != "newest" {
		t.Errorf("%v, %v", entries, err)
	}
	prune(filepath.Join(dir, "missing"), 2)
}

// TestWarmDir: guests that differ have different snapshots; what they are asked to do is no difference.
func TestWarmDir(t *testing.T) {
	cache := t.TempDir()
	image := filepath.Join(cache, "image")
	f, err := os.Create(image)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	dir := func(change func(*Options)) string {
		t.Helper()
		o := &Options{CacheDir: cache, Memory: 128 << 20, CPUs: 1, CPU: "host", Warm: WarmReady, Command: []string{"true"}}
		change(o)
		k, err := newSession(o, time.Now()).warmKey(&images{own: true, files: []*os.File{f}})
		if err != nil {
			t.Fatal(err)
		}
		d, err := k.dir(cache)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	usual := dir(func(*Options) {})
	if same := dir(func(o *Options) { o.Command = []string{"false", "x"} }); same != usual {
		t.Error("another command has another guest")
	}
	seen := map[string]string{usual: "the usual one"}
	for name, change := range map[string]func(*Options){
		"memory": func(o *Options) { o.Memory *= 2 },
		"CPUs":   func(o *Options) { o.CPUs = 2 },
		"CPU":    func(o *Options) { o.CPU = "host,-avx" },
		"append": func(o *Options) { o.Append = "x=y" },
		"rng":    func(o *Options) { o.RNG = &rng.Config{Rate: 1} },
		"disk":   func(o *Options) { o.Disks = []disk.Spec{{Path: image, ReadOnly: true}} },
		"image": func(*Options) {
			if _, err := f.WriteString("another"); err != nil {
				t.Fatal(err)
			}
		},
	} {
		d := dir(change)
		if other, dup := seen[d]; dup {
			t.Errorf("%s has the guest of %s", name, other)
		}
		seen[d] = name
	}
	spots := func(command ...string) []spot {
		t.Helper()
		o := &Options{CacheDir: cache, Memory: 128 << 20, CPUs: 1, CPU: "host", Warm: WarmProgram, Command: command}
		s := newSession(o, time.Now())
		if err := s.findSpots(&images{own: true, files: []*os.File{f}}); err != nil {
			t.Fatal(err)
		}
		return s.warmth.spots
	}
	one, two, split := spots("echo", "a b"), spots("echo", "a", "b"), spots("echo a", "b")
	if one[0].at != WarmProgram || one[1].at != WarmReady || one[0].dir == one[1].dir || one[1] != two[1] {
		t.Errorf("%v, %v", one, two)
	}
	if one[0] == two[0] || two[0] == split[0] || one[0] != spots("echo", "a b")[0] {
		t.Error("other words have the same command's snapshot, or the same words another one")
	}
	if seen[one[1].dir] != "image" {
		t.Error("the command's guest is another one than without it")
	}
	o := &Options{CacheDir: cache, Disks: []disk.Spec{{Path: image}}}
	if _, err := newSession(o, time.Now()).warmKey(&images{}); err == nil {
		t.Error("a guest with a disk that it writes to has a snapshot")
	}
}

// TestListCache: what is no snapshot is listed as such, and nothing is no error.
func TestListCache(t *testing.T) {
	cache := t.TempDir()
	if list, err := ListCache(cache); err != nil || len(list) != 0 {
		t.Errorf("%v, %v", list, err)
	}
	for i, name := range []string{"a", "b"} {
		path := filepath.Join(warmCache(cache), name)
		if err := os.MkdirAll(path, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(path, "state"), make([]byte, 5000), 0o600); err != nil {
			t.Fatal(err)
		}
		at := time.Date(2026, 1, 1+i, 0, 0, 0, 0, time.Local)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	list, err := ListCache(cache)
	if err != nil || len(list) != 2 || list[0].Disk < 5000 {
		t.Fatalf("%v, %v", list, err)
	}
	list[0].Disk, list[1] = 8192, Cached{Name: "c", Used: list[1].Used, Disk: 17 << 20, Memory: 128 << 20, CPUs: 2, Whole: true, At: WarmReady}
	more := list[1]
	more.Name, more.At, more.Command = "d", WarmProgram, []string{"sh", "-c", "echo \x1b[2J; exit 1"}
	long := more
	long.Name, long.Command = "e", append([]string{"echo", ""}, strings.Split(strings.Repeat("word ", 20), " ")...)
	var out strings.Builder
	if err := WriteCache(&out, append(slices.Clone(list), more, long)); err != nil {
		t.Fatal(err)
	}
	want := "NAME  USED              DISK    CPUS  MEMORY      MOMENT\n" +
		"b     2026-01-02 00:00  8 KiB   -     not usable  -\n" +
		"c     2026-01-01 00:00  17 MiB  2     128 MiB     ready\n" +
		`d     2026-01-01 00:00  17 MiB  2     128 MiB     program sh -c "echo \x1b[2J; exit 1"` + "\n" +
		`e     2026-01-01 00:00  17 MiB  2     128 MiB     program echo "" word word word word word word word word word word...` + "\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", &out, want)
	}
	PruneCache(cache, 1)
	if list, err = ListCache(cache); err != nil || len(list) != 1 || list[0].Name != "b" {
		t.Errorf("%v, %v", list, err)
	}
}
