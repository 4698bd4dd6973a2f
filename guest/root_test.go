package guest

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"terem/guest/initramfs"
)

// fakeInitrd is an initrd of the default guest with short programs, and its manifest.
func fakeInitrd(t *testing.T, applets ...string) string {
	t.Helper()
	dir := t.TempDir()
	name := filepath.Join(dir, FileInitrd)
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := initramfs.Default([]byte("init"), []byte("busybox"), []byte("probe")).WriteTo(f); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(Manifest{Applets: applets})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, FileManifest), b, 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

// left lists what is in a directory.
func left(t *testing.T, dir string) (names []string) {
	t.Helper()
	all, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		names = append(names, e.Name())
	}
	return names
}

func TestExtractRoot(t *testing.T) {
	initrd, base := fakeInitrd(t, "ls", "sh", "[[", "probe"), t.TempDir()
	if err := os.Mkdir(filepath.Join(base, "empty"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"new", "empty", "slash/"} {
		dir := base + "/" + name
		if err := ExtractRoot(initrd, dir); err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]fs.FileMode{
			".": fs.ModeDir | 0o755, "bin/busybox": 0o755, "bin/probe": 0o755, "etc/passwd": 0o644,
			"proc": fs.ModeDir | 0o555, "dev": fs.ModeDir | 0o755, "tmp": fs.ModeDir | fs.ModeSticky | 0o777,
			"bin/ls": fs.ModeSymlink | 0o777, "bin/sh": fs.ModeSymlink | 0o777, "bin/[[": fs.ModeSymlink | 0o777, "usr/bin": fs.ModeSymlink | 0o777,
		} {
			info, err := os.Lstat(filepath.Join(dir, name))
			if err != nil || info.Mode() != want {
				t.Errorf("%s: %v, %v; want %v", name, info, err, want)
			}
		}
		if b, err := os.ReadFile(filepath.Join(dir, "usr/bin/ls")); string(b) != "busybox" {
			t.Errorf("usr/bin/ls is %q, %v", b, err)
		}
		if n := left(t, filepath.Join(dir, "dev")); len(n) > 0 {
			t.Errorf("/dev has %v", n)
		}
	}
	if n := left(t, base); len(n) != 3 {
		t.Errorf("beside the three roots there are %v", n)
	}
}

func TestExtractRootRefuses(t *testing.T) {
	initrd, full := fakeInitrd(t), t.TempDir()
	file := filepath.Join(full, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{full, file} {
		if err := ExtractRoot(initrd, dir); !errors.Is(err, ErrNotEmpty) {
			t.Errorf("%s: error %v, want ErrNotEmpty", dir, err)
		}
	}
	if err := ExtractRoot(filepath.Join(full, "initrd"), filepath.Join(full, "a")); !errors.Is(err, ErrNotBuilt) {
		t.Errorf("error %v, want ErrNotBuilt", err)
	}
	for name, initrd := range map[string]string{"an applet that is a path": fakeInitrd(t, "../sh"), "a damaged archive": fakeInitrd(t)} {
		if name == "a damaged archive" {
			if err := os.Truncate(initrd, 300); err != nil {
				t.Fatal(err)
			}
		}
		if err := ExtractRoot(initrd, filepath.Join(full, "b")); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if n := left(t, full); len(n) != 1 {
		t.Errorf("what failed has left %v", n)
	}
}
