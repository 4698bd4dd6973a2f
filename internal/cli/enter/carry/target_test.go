package carry

import (
	"archive/tar"
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"terem/internal/fault"
)

// sent unpacks an archive of these.
func sent(t *testing.T, to, base string, list ...entry) error {
	t.Helper()
	return unpack(bytes.NewReader(archive(t, list...)), base, to, func(s string) { t.Log(s) })
}

func write(t *testing.T, p, body string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(p), 0o755), os.WriteFile(p, []byte(body), 0o644)); err != nil {
		t.Fatal(err)
	}
}

func refused(t *testing.T, err error, word string) {
	t.Helper()
	if err == nil || fault.Status(err) != fault.StatusUsage || !strings.Contains(err.Error(), word) || strings.Contains(err.Error(), "\n") {
		t.Errorf("%v; want a usage error of one line with %q", err, word)
	}
}

// TestTwice: a link that a guest sent is not the directory of what it sends next.
func TestTwice(t *testing.T) {
	for _, absolute := range []bool{true, false} {
		dir := t.TempDir()
		link := "home"
		if absolute {
			link = filepath.Join(dir, "home")
		}
		write(t, filepath.Join(dir, "home", ".bashrc"), "mine")
		if err := sent(t, dir, "d", entry{name: "d", kind: tar.TypeSymlink, link: link}); err != nil {
			t.Fatal(err)
		}
		again := []entry{{name: "d/", kind: tar.TypeDir}, {name: "d/.bashrc", body: "theirs"}}
		refused(t, sent(t, dir, "d", again...), "a link is in the way")
		refused(t, sent(t, filepath.Join(dir, "d"), ".", entry{name: "./", kind: tar.TypeDir}, entry{name: "./.bashrc", body: "theirs"}), "slash")
		refused(t, sent(t, filepath.Join(dir, "d"), ".bashrc", entry{name: ".bashrc", body: "theirs"}), "slash")
		if got, want := tree(t, dir), "d>"+link+" home/ home/.bashrc=mine"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// TestFollow: a link that the user ends with a slash is followed.
func TestFollow(t *testing.T) {
	for _, end := range []string{"/", "/."} {
		dir := t.TempDir()
		if err := errors.Join(os.Mkdir(filepath.Join(dir, "to"), 0o755), os.Symlink("to", filepath.Join(dir, "l"))); err != nil {
			t.Fatal(err)
		}
		if err := sent(t, filepath.Join(dir, "l")+end, "d", entry{name: "d/", kind: tar.TypeDir}, entry{name: "d/a", body: "x"}); err != nil {
			t.Error(err)
		}
		if got, want := tree(t, dir), "l>to to/ to/d/ to/d/a=x"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// TestSlash: a name that ends with a slash is a directory's.
func TestSlash(t *testing.T) {
	dir := t.TempDir()
	if err := sent(t, filepath.Join(dir, "new")+"/", "f", entry{name: "f", body: "x"}); err == nil {
		t.Error("a file has a directory's name")
	}
	if err := sent(t, filepath.Join(dir, "new")+"/", "d", entry{name: "d/", kind: tar.TypeDir}); err != nil {
		t.Error(err)
	}
	if got := tree(t, dir); got != "new/" {
		t.Error(got)
	}
}

// TestStreams: a pipe, a device and a descriptor are no targets, and stay what they are; nor is one in the way of a file.
func TestStreams(t *testing.T) {
	dir := t.TempDir()
	for name, make := range map[string]func(p string) error{
		"fifo":   func(p string) error { return syscall.Mkfifo(p, 0o600) },
		"stdout": func(p string) error { return os.Symlink("/proc/self/fd/1", p) },
		"link":   func(p string) error { return os.Symlink("/dev/null", p) },
	} {
		p := filepath.Join(dir, name)
		if err := make(p); err != nil {
			t.Fatal(err)
		}
		before, err := os.Lstat(p)
		if err != nil {
			t.Fatal(err)
		}
		refused(t, sent(t, p, "f", entry{name: "f", body: "x"}), "copy to - ")
		if name == "fifo" {
			refused(t, sent(t, dir, name, entry{name: name, body: "x"}), "a pipe")
			refused(t, sent(t, dir, name, entry{name: name + "/", kind: tar.TypeDir}), "a pipe")
		}
		if after, err := os.Lstat(p); err != nil || !os.SameFile(before, after) {
			t.Errorf("%s is another: %v, %v", name, after, err)
		}
	}
}

// TestReplace: what is there stays until the new is whole; then a file and a link are replaced, and a directory is not.
func TestReplace(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "f"), "old")
	whole := archive(t, entry{name: "f", body: strings.Repeat("n", 2000)})
	if err := unpack(bytes.NewReader(whole[:1500]), "f", dir, func(string) {}); err == nil {
		t.Error("half a file is taken for a whole one")
	}
	if got := tree(t, dir); got != "f=old" {
		t.Errorf("half a file: %.100s", got)
	}
	if err := os.Symlink("f", filepath.Join(dir, "l")); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "e"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"f", "l"} {
		if err := sent(t, dir, name, entry{name: name, body: "new"}); err != nil {
			t.Error(err)
		}
	}
	refused(t, sent(t, dir, "e", entry{name: "e", body: "new"}), "a directory is in the way")
	if got, want := tree(t, dir), "e/ f=new l=new"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestHardLinks: a link to what has the name already leaves nothing over.
func TestHardLinks(t *testing.T) {
	dir := t.TempDir()
	list := []entry{{name: "d/", kind: tar.TypeDir}, {name: "d/a", body: "x"}, {name: "d/b", kind: tar.TypeLink, link: "d/a"}, {name: "d/b", kind: tar.TypeLink, link: "d/a"}}
	if err := sent(t, dir, "d", list...); err != nil {
		t.Error(err)
	}
	if got, want := tree(t, dir), "d/ d/a=x d/b=x"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestDirectories: one that comes again and again, under whatever name, is kept once, and a link is none.
func TestDirectories(t *testing.T) {
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	u := unpacker{root: root, base: ".", dirs: map[inode]mark{}}
	if err := errors.Join(os.MkdirAll(filepath.Join(dir, "d", "e"), 0o700), os.Symlink(".", filepath.Join(dir, "d", "l"))); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"d/e", "d/e", "d/l/e", "d/l/l/e"} {
		if err := u.entry(nil, &tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: 0o750}, name); err != nil {
			t.Error(err)
		}
	}
	if len(u.dirs) != 1 {
		t.Errorf("%d directories, want 1", len(u.dirs))
	}
	refused(t, u.entry(nil, &tar.Header{Typeflag: tar.TypeDir}, "d/l"), "a link is in the way")
	if err := errors.Join(os.Remove(filepath.Join(dir, "d", "e")), os.Symlink("../f", filepath.Join(dir, "d", "e")), os.Mkdir(filepath.Join(dir, "f"), 0o700)); err != nil {
		t.Fatal(err)
	}
	if err := u.finish(); err != nil {
		t.Error(err)
	}
	if st, err := os.Stat(filepath.Join(dir, "f")); err != nil || st.Mode().Perm() != 0o700 {
		t.Errorf("mode %v, %v: a link was followed", st.Mode(), err)
	}
}

// TestPackModes: what runs as somebody on the host does not run as root in the guest.
func TestPackModes(t *testing.T) {
	from := filepath.Join(t.TempDir(), "f")
	write(t, from, "x")
	if err := os.Chmod(from, 0o755|fs.ModeSetuid|fs.ModeSetgid|fs.ModeSticky); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := pack(&b, from, "f", func(s string) { t.Error(s) }); err != nil {
		t.Fatal(err)
	}
	if h, err := tar.NewReader(&b).Next(); err != nil || h.Mode != 0o755 {
		t.Errorf("%+v, %v", h, err)
	}
}
