package initramfs

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// place is a directory "root" to unpack into, with a file beside it that nobody may touch.
type place struct {
	dir  string
	root *os.Root
}

const secret = "untouched"

func newPlace(t testing.TB) place {
	t.Helper()
	p := place{dir: t.TempDir()}
	if err := os.WriteFile(filepath.Join(p.dir, "victim"), []byte(secret), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(p.dir, "root"), 0o755); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(filepath.Join(p.dir, "root"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	p.root = root
	return p
}

// check looks whether anything got out.
func (p place) check(t testing.TB) {
	t.Helper()
	beside, err := os.ReadDir(p.dir)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(p.dir, "victim"))
	if len(beside) != 2 || err != nil || string(b) != secret {
		t.Errorf("outside of the root there are %v now, and the victim says %q, %v", beside, b, err)
	}
}

func TestExtract(t *testing.T) {
	p := newPlace(t)
	a := sample()
	a.File("bin/su", 0o4755, []byte("su"))
	a.Dir("closed", 0o555)
	a.File("closed/file", 0o640, []byte("f"))
	a.Symlink("etc", "/somewhere/else") // for whoever has this as its root
	if err := Extract(p.root, a.Entries()); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]fs.FileMode{
		"bin": fs.ModeDir | 0o755, "bin/busybox": 0o755, "bin/su": 0o755, "closed": fs.ModeDir | 0o555,
		"closed/file": 0o640, "tmp": fs.ModeDir | fs.ModeSticky | 0o777,
	} {
		info, err := p.root.Lstat(name)
		if err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v; want %v", name, info.Mode(), err, want)
		}
	}
	for name, want := range map[string]string{"bin/sh": "busybox", "etc": "/somewhere/else"} {
		if to, err := p.root.Readlink(name); to != want || err != nil {
			t.Errorf("%s points to %q, %v; want %q", name, to, err, want)
		}
	}
	if b, err := p.root.ReadFile("bin/busybox"); string(b) != "ELF" || err != nil {
		t.Errorf("busybox is %q, %v", b, err)
	}
	if _, err := p.root.Lstat("dev/console"); err == nil {
		t.Error("a device was made")
	}
	p.check(t)
}

func TestExtractStaysWithin(t *testing.T) {
	file := func(name string) Entry { return Entry{Name: name, Mode: typeFile | 0o644, Data: []byte("evil")} }
	dir := func(name string) Entry { return Entry{Name: name, Mode: typeDir | 0o777} }
	link := func(name, to string) Entry { return Entry{Name: name, Mode: typeLink | 0o777, Data: []byte(to)} }
	p := newPlace(t)
	outside := p.dir
	for name, entries := range map[string][]Entry{
		"no name":                  {file("")},
		"dots":                     {file("../victim")},
		"dots within":              {dir("a"), file("a/../../victim")},
		"absolute":                 {file(filepath.Join(outside, "victim"))},
		"directory above":          {dir("..")},
		"new directory above":      {dir("../new")},
		"absolute link":            {link("out", outside), file("out/victim")},
		"relative link":            {link("up", ".."), file("up/victim")},
		"link to a file":           {link("v", "../victim"), file("v")},
		"link as a directory":      {link("up2", ".."), dir("up2"), file("up2/victim")},
		"permissions of a link":    {link("w", ".."), dir("w")},
		"link through a link":      {link("x", "y"), link("y", ".."), file("x/new")},
		"link made outside":        {link("z", ".."), link("z/new", "victim")},
		"a file twice":             {file("twice"), file("twice")},
		"a directory that is none": {file("plain"), dir("plain")},
		"no directory":             {file("nowhere/file")},
	} {
		if err := Extract(p.root, entries); err == nil {
			t.Errorf("%s: unpacked", name)
		}
		p.check(t)
	}
}

// TestExtractRootItself: archives of `find . | cpio` begin with a dot.
func TestExtractRootItself(t *testing.T) {
	p := newPlace(t)
	if err := Extract(p.root, []Entry{{Name: ".", Mode: typeDir | 0o700}, {Name: "./a", Mode: typeFile | 0o644}}); err != nil {
		t.Fatal(err)
	}
	if info, err := p.root.Lstat("a"); err != nil || !info.Mode().IsRegular() {
		t.Errorf("a is %v, %v", info, err)
	}
}

func FuzzExtract(f *testing.F) {
	f.Add(encode(f, sample()))
	f.Add(encode(f, new(Archive)))
	for _, names := range [][2]string{{"up", "../victim"}, {"out", "out/victim"}} {
		var a Archive
		a.Symlink(names[0], "..")
		a.File(names[1], 0o644, []byte("evil"))
		f.Add(encode(f, &a))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		entries, err := Read(bytes.NewReader(b))
		if err != nil {
			return
		}
		p := newPlace(t)
		_ = Extract(p.root, entries) // most are damaged
		p.check(t)
		_ = p.root.Chmod(".", 0o755) // for whoever removes it
	})
}
