package image

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"terem/internal/vm/disk/ext4"
)

// must fails a test for the first error.
func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

const (
	someACL    = "\x02\x00\x00\x00\x01\x00\x06\x00\xff\xff\xff\xff\x02\x00\x04\x00\x39\x30\x00\x00\x04\x00\x04\x00\xff\xff\xff\xff\x10\x00\x06\x00\xff\xff\xff\xff\x20\x00\x00\x00\xff\xff\xff\xff"
	capability = "\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
)

// everything makes a directory with one of all that Linux can say of files. It takes root.
func everything(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "all")
	in := func(name string) string { return filepath.Join(dir, name) }
	write := func(name, text string) error { return os.WriteFile(in(name), []byte(text), 0o644) }
	set := func(name, attr, value string) error { return unix.Lsetxattr(in(name), attr, []byte(value), 0) }
	any := make([]byte, 0, 253)
	for c := 1; c < 256; c++ {
		if c != '/' && c != '\n' {
			any = append(any, byte(c))
		}
	}
	must(t, os.MkdirAll(in("empty/deeper"), 0o750), os.Mkdir(in("acl"), 0o770), os.Mkdir(in("many"), 0o755), write("plain", "text"), write("setuid", "x"), write("owned", "x"),
		write("attrs", "x"), write("future", "x"), write("past", "x"), write(string(any), "any byte"), write("new\nline", "x"), write("capable", "x"),
		os.Symlink("plain", in("short")), os.Symlink(strings.Repeat("0123456789/", 370), in("long")), os.Link(in("plain"), in("empty/hard")),
		unix.Mknod(in("fifo"), unix.S_IFIFO|0o620, 0), unix.Mknod(in("sock"), unix.S_IFSOCK|0o600, 0), os.Lchown(in("short"), 7, 8),
		unix.Mknod(in("null"), unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))), unix.Mknod(in("big"), unix.S_IFBLK|0o660, int(unix.Mkdev(4095, 1<<20-1))),
		os.Chown(in("owned"), 1<<32-2, 70000), os.Chown(in("setuid"), 1000, 1000), unix.Chmod(in("setuid"), 0o6755), unix.Chmod(in("empty"), 0o1777),
		set("attrs", "user.one", "1"), set("attrs", "user.empty", ""), set("attrs", "trusted.t=%", "x\x00y"), set("attrs", "user."+strings.Repeat("n", 250), strings.Repeat("v", 2000)),
		set("capable", "security.capability", capability), set("acl", defaultACL, someACL), set("attrs", accessACL, someACL),
		set("short", "trusted.link", "of a link"))
	for i := range 2000 {
		must(t, write(fmt.Sprintf("many/%d", i), ""))
	}
	f, err := os.Create(in("sparse"))
	must(t, err, f.Truncate(1<<31))
	for _, off := range []int64{0, 5 << 20, 1<<31 - 3} {
		_, err := f.WriteAt([]byte("end"), off)
		must(t, err)
	}
	must(t, f.Close())
	for name, sec := range map[string]int64{"future": 4102488000, "past": -1e9, "empty": 4102488000, "short": 1e9, "fifo": 123, "null": 9e9} {
		must(t, unix.UtimesNanoAt(unix.AT_FDCWD, in(name), []unix.Timespec{{Sec: sec + 1, Nsec: 999999999}, {Sec: sec, Nsec: 123456789}}, unix.AT_SYMLINK_NOFOLLOW))
	}
	return dir
}

// mounted mounts an image, or skips.
func mounted(t *testing.T, path string) string {
	t.Helper()
	at := filepath.Join(t.TempDir(), "mnt")
	must(t, os.Mkdir(at, 0o755))
	if out, err := exec.Command("mount", "-o", "loop,ro,noload", path, at).CombinedOutput(); err != nil {
		t.Skipf("no mount: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(at, 0); err != nil {
			t.Error(err)
		}
	})
	return at
}

// TestRoundTrip makes images of everything, from a directory and from a tar, and has the
// kernel show what is in them.
func TestRoundTrip(t *testing.T) {
	needTools(t)
	if os.Getuid() != 0 {
		t.Skip("devices, owners and mounts take root")
	}
	source := everything(t)
	flags := setFlags(t, filepath.Join(source, "plain"))
	path := filepath.Join(t.TempDir(), "img")
	t.Run("directory", func(t *testing.T) {
		must(t, (&FromDir{Source: source, Path: path, Force: true, Size: 128 << 20}).Make(t.Context()))
		compareTrees(t, source, mounted(t, path), comparison{flags: flags, change: true, sockets: true})
	})
	for _, format := range []string{"gnu", "posix"} {
		t.Run(format+" tar", func(t *testing.T) {
			made := path + ".tar"
			gnuTar(t, "-C", source, "--format="+format, "--numeric-owner", "--sparse", "-cf", made, ".")
			if format == "posix" {
				gnuTar(t, "-C", source, "--format=posix", "--numeric-owner", "--acls", "--xattrs", "--xattrs-include=*", "--sparse", "-cf", made, ".")
			}
			must(t, (&FromDir{Source: made, Path: path, Force: true, Size: 128 << 20}).Make(t.Context()))
			compareTrees(t, source, mounted(t, path), comparison{noAttrs: format == "gnu", seconds: format == "gnu"})
		})
	}
}

// setFlags makes a file immutable, where its file system knows that, until the test ends.
func setFlags(t *testing.T, name string) bool {
	f, err := os.Open(name)
	must(t, err)
	if unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, ext4.FlagImmutable|ext4.FlagNoDump) != nil {
		return false
	}
	t.Cleanup(func() {
		must(t, unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, 0), f.Close())
	})
	return true
}

// comparison says what a way into an image keeps.
type comparison struct{ flags, change, sockets, noAttrs, seconds bool }

func compareTrees(t *testing.T, source, image string, c comparison) {
	t.Helper()
	a, err := scan(t.Context(), source)
	must(t, err)
	defer a.Close()
	b, err := scan(t.Context(), image)
	must(t, err)
	defer b.Close()
	delete(b.tree.root.Children, "lost+found")
	if !c.sockets {
		delete(a.tree.root.Children, "sock")
	}
	same := map[*ext4.Node]*ext4.Node{}
	c.compare(t, "", a.tree.root, b.tree.root, same)
}

func (c comparison) compare(t *testing.T, path string, a, b *ext4.Node, same map[*ext4.Node]*ext4.Node) {
	if old, ok := same[a]; ok && old != b {
		t.Errorf("%q is no other name of what it was one of", path)
	}
	same[a] = b
	got, want := c.line(b), c.line(a)
	if got != want {
		t.Errorf("%q is\n%s, and was\n%s", path, got, want)
	}
	if kind(a) == unix.S_IFREG && kind(b) == unix.S_IFREG {
		compareBytes(t, path, a, b)
	}
	if x, y := slices.Sorted(maps.Keys(a.Children)), slices.Sorted(maps.Keys(b.Children)); !slices.Equal(x, y) {
		t.Errorf("%q has %d names and had %d", path, len(y), len(x))
		return
	}
	for name := range a.Children {
		c.compare(t, path+"/"+name, a.Children[name], b.Children[name], same)
	}
}

// line is all of a node that shall be the same. Reading changes when a file was read, so
// that is compared only for what nobody reads.
func (c comparison) line(n *ext4.Node) string {
	s := fmt.Sprintf("%o %d:%d %d:%d %q %d", n.Mode, n.UID, n.GID, n.Major, n.Minor, n.Target, n.Size)
	mtime := n.Times.Modify
	if c.seconds {
		mtime.Nsec = 0
	}
	s += fmt.Sprint(" ", mtime)
	if k := kind(n); !c.seconds && (k == unix.S_IFCHR || k == unix.S_IFIFO) {
		s += fmt.Sprint(" ", n.Times.Access)
	}
	if c.change {
		s += fmt.Sprint(" ", n.Times.Change)
	}
	if c.flags {
		s += fmt.Sprintf(" %#x", n.Flags&(ext4.FlagImmutable|ext4.FlagNoDump|ext4.FlagAppend))
	}
	if !c.noAttrs {
		s += fmt.Sprintf(" %q", n.Attrs)
	}
	return s
}

func compareBytes(t *testing.T, path string, a, b *ext4.Node) {
	t.Helper()
	x, err := a.Open()
	must(t, err)
	defer x.Close()
	y, err := b.Open()
	must(t, err)
	defer y.Close()
	r, err := x.Ranges()
	must(t, err)
	q, err := y.Ranges()
	must(t, err)
	if !slices.Equal(r, q) {
		t.Errorf("%q has bytes at %v and had them at %v", path, q, r)
	}
	for _, part := range r {
		p, q := make([]byte, part.Len), make([]byte, part.Len)
		_, err1 := x.ReadAt(p, part.Off)
		_, err2 := y.ReadAt(q, part.Off)
		must(t, err1, err2)
		if !bytes.Equal(p, q) {
			t.Errorf("%q has other bytes at %d", path, part.Off)
		}
	}
}
