package container

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// withRAMFS calls f with a root file system that no kernel can shift: a ramfs, which only
// f's thread sees.
func withRAMFS(t *testing.T, f func(root string)) {
	t.Helper()
	needRoot(t)
	empty, root := t.TempDir(), newRoot(t)
	if err := os.Chmod(filepath.Dir(empty), 0o755); err != nil {
		t.Fatal(err)
	}
	inOwnMounts(t, func() {
		if err := errors.Join(unix.Mount("none", empty, "ramfs", 0, "mode=755"), os.CopyFS(empty, os.DirFS(root))); err != nil {
			t.Error(err)
			return
		}
		f(empty)
	})
}

// strange makes files in a root that a careless copy would get wrong.
func strange(root string) error {
	at := func(name string) string { return filepath.Join(root, name) }
	old := time.Unix(1_000_000_000, 0)
	return errors.Join(
		os.WriteFile(at("secret"), []byte("root's\n"), 0o600),
		os.WriteFile(at("daemon"), nil, 0o600), os.Chown(at("daemon"), 1, 2), os.Chmod(at("daemon"), 0o755|os.ModeSetuid|os.ModeSetgid), os.Chtimes(at("daemon"), old, old),
		os.WriteFile(at("stranger"), []byte("x"), 0o600), os.Chown(at("stranger"), 100_005, 100_005),
		os.Link(at("secret"), at("tmp/other")),
		os.Symlink("/etc/shadow", at("shadow")), os.Lchown(at("shadow"), 3, 4),
		os.Mkdir(at("sticky"), 0), os.Chmod(at("sticky"), 0o777|os.ModeSticky), os.Chtimes(at("sticky"), old, old),
		unix.Mkfifo(at("fifo"), 0), os.Chmod(at("fifo"), 0o622), unix.Mknod(at("null"), unix.S_IFCHR, 1<<8|3), os.Chmod(at("null"), 0o666))
}

// TestCopiedRoot: where owners cannot be shifted, root inside is nobody outside all the
// same, and finds its files as its own.
func TestCopiedRoot(t *testing.T) {
	withRAMFS(t, func(root string) {
		if err := strange(root); err != nil {
			t.Error(err)
			return
		}
		c := Config{Root: root}
		out := must(t, c, "stat", "/", "/secret", "/daemon", "/stranger", "/tmp/other", "/shadow", "/sticky", "/fifo", "/null")
		const overflow = 65534
		for i, want := range []string{"/ 40755 0:0", "/secret 100600 0:0 2 7", "/daemon 106755 1:2 1 0 1000000000",
			fmt.Sprintf("/stranger 100600 %d:%d 1 1", overflow, overflow), "/tmp/other 100600 0:0 2 7", "/shadow 120777 3:4 1 11",
			"/sticky 41777 0:0 2 40 1000000000", "/fifo 10622 0:0", "/null 20666 0:0"} {
			if got := strings.Split(out, "\n")[i]; !strings.HasPrefix(got, want) {
				t.Errorf("%q, want %q", got, want)
			}
		}
		if got := must(t, c, "show", "/tmp/other"); got != "root's\n" {
			t.Errorf("the file has %q", got)
		}
		for _, path := range []string{"/null", "/stranger"} {
			if out, o := run(t, c, "open", path); o.Status != 1 {
				t.Errorf("open %s: %+v, %s", path, o, out)
			}
		}
		r := begin(t, c, "write", "/tmp/file")
		if got := strings.Join(r.Notes(), "\n"); strings.Count(got, root) != 1 || !strings.Contains(got, "copy in memory") {
			t.Errorf("notes %q, want one of the copy", got)
		}
		if got := strings.Join(r.Describe(), "\n"); !strings.Contains(got, "copy in memory") {
			t.Errorf("described as %q", got)
		}
		if out, o := r.end(); o.Status != 0 {
			t.Errorf("write: %+v, %s", o, out)
		}
		if _, err := os.Stat(filepath.Join(root, "tmp/file")); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the original was written to: %v", err)
		}
		r = begin(t, Config{Root: root, ReadOnly: true}, "write", "/file")
		if len(r.Notes()) != 0 {
			t.Errorf("notes %q of a root that nobody writes to", r.Notes())
		}
		if out, o := r.end(); o.Status != 1 || !strings.Contains(out, "read-only") {
			t.Errorf("write to a read-only root: %+v, %s", o, out)
		}
		must(t, Config{Root: root, Users: UsersHost}, "write", "/tmp/file") // no copy
		if _, err := os.Stat(filepath.Join(root, "tmp/file")); err != nil {
			t.Error(err)
		}
	})
}

// TestUnshiftedBind: what is bound is the host's own, not a copy, and root inside is
// nobody there.
func TestUnshiftedBind(t *testing.T) {
	withRAMFS(t, func(dir string) {
		if err := errors.Join(strange(dir), os.Chmod(filepath.Join(dir, "tmp"), 0o777|os.ModeSticky)); err != nil {
			t.Error(err)
			return
		}
		c := Config{Root: newRoot(t), Binds: []Bind{{Source: dir, Target: "/data"}}}
		r := begin(t, c, "write", "/data/tmp/file")
		if got := strings.Join(r.Notes(), "\n"); strings.Count(got, "bind "+dir) != 1 || strings.Contains(got, "copy") {
			t.Errorf("notes %q, want one of the bind", got)
		}
		if out, o := r.end(); o.Status != 0 {
			t.Errorf("write where everybody may: %+v, %s", o, out)
		}
		var st unix.Stat_t
		if err := unix.Stat(filepath.Join(dir, "tmp/file"), &st); err != nil || st.Uid < 1000 {
			t.Errorf("owner on the host: %d, %v; want one of the container's", st.Uid, err)
		}
		for _, path := range []string{"/data/new", "/data/secret"} {
			if out, o := run(t, c, "write", path); o.Status != 1 {
				t.Errorf("root of the container writes the host's %s: %s", path, out)
			}
		}
		if out, o := run(t, c, "show", "/data/secret"); o.Status != 1 {
			t.Errorf("root of the container reads the host's secret: %s", out)
		}
	})
}

// TestCopyIsBounded: a tree that is too large is an error that says so, a copy ends when
// it is called off, and neither leaves a descriptor.
func TestCopyIsBounded(t *testing.T) {
	needRoot(t)
	root := newRoot(t)
	before := survey(t)
	tree, err := cloneTree(root, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.close()
	small, err := newMount("tmpfs", 0, "size", "64k")
	if err != nil {
		t.Fatal(err)
	}
	if err := copyInto(t.Context(), small, tree, owners{}); !errors.Is(err, unix.ENOSPC) || !strings.Contains(err.Error(), "probe") {
		t.Errorf("a copy into 64 KiB: %v, want one that names the file", err)
	}
	small.close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := copyShifted(ctx, tree, owners{}); !errors.Is(err, context.Canceled) {
		t.Errorf("called off: %v", err)
	}
	tree.close()
	if after := survey(t); after != before {
		t.Errorf("left behind:\n%+v\nbefore:\n%+v", after, before)
	}
}

// TestCopyOfDeepTree: a tree has no say in how much memory its paths take, nor in what a terminal shows of them.
func TestCopyOfDeepTree(t *testing.T) {
	needRoot(t)
	from := t.TempDir()
	at, err := unix.Open(from, unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	name := "\x1b\n" + strings.Repeat("n", 250)
	for range 20 {
		next := -1
		if err == nil {
			err = unix.Mkdirat(at, name, 0o755)
		}
		if err == nil {
			next, err = unix.Openat(at, name, unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		}
		unix.Close(at)
		at = next
	}
	unix.Close(at)
	if err != nil {
		t.Fatal(err)
	}
	tree, err := cloneTree(from, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.close()
	m, err := copyShifted(t.Context(), tree, owners{})
	if err == nil {
		m.close()
	}
	if !errors.Is(err, unix.ENAMETOOLONG) || strings.ContainsAny(err.Error(), "\x1b\n") || len(err.Error()) > 300 {
		t.Errorf("%v", err)
	}
}

// TestCopyFollowsNoLink: not even where one takes a directory's or a file's place in the
// middle of a copy.
func TestCopyFollowsNoLink(t *testing.T) {
	needRoot(t)
	from, to := t.TempDir(), t.TempDir()
	if err := errors.Join(os.Symlink("/etc", filepath.Join(from, "dir")), os.Mkdir(filepath.Join(to, "dir"), 0o755),
		os.Symlink("/etc/passwd", filepath.Join(from, "file")), unix.Mkfifo(filepath.Join(from, "pipe"), 0o600)); err != nil {
		t.Fatal(err)
	}
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.Open(to)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	c := &copier{ctx: t.Context(), buffer: make([]byte, 4096)}
	if err := c.dir(int(in.Fd()), int(out.Fd()), "dir", "dir", &unix.Stat_t{}); !errors.Is(err, unix.ENOTDIR) && !errors.Is(err, unix.ELOOP) {
		t.Errorf("a link in place of a directory: %v", err)
	}
	for name, want := range map[string]string{"file": unix.ELOOP.Error(), "pipe": "replaced"} {
		err := c.file(int(in.Fd()), int(out.Fd()), name, name, &unix.Stat_t{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s in place of a file: %v, want %q", name, err, want)
		}
	}
}

func TestShiftACL(t *testing.T) {
	const user, group, other = 0x02, 0x08, 0x20
	list := func(entries ...[3]uint32) []byte {
		b := binary.LittleEndian.AppendUint32(nil, 2)
		for _, e := range entries {
			b = binary.LittleEndian.AppendUint16(b, uint16(e[0]))
			b = binary.LittleEndian.AppendUint16(b, uint16(e[1]))
			b = binary.LittleEndian.AppendUint32(b, e[2])
		}
		return b
	}
	const none = 1<<32 - 1
	got := owners{1000, 2000}.shiftACL(list([3]uint32{user, 6, 5}, [3]uint32{group, 4, 7}, [3]uint32{user, 6, 1 << 20}, [3]uint32{other, 1, none}))
	want := list([3]uint32{user, 6, 1005}, [3]uint32{group, 4, 2007}, [3]uint32{user, 6, noUser}, [3]uint32{other, 1, none})
	if !slices.Equal(got, want) {
		t.Errorf("% x, want\n% x", got, want)
	}
	for n := range len(want) { // cut off anywhere
		owners{1, 1}.shiftACL(want[:n])
	}
}

// copyOf is a copy of a root, and a descriptor for a file in it.
func copyOf(t *testing.T, root, name string, o owners) int {
	t.Helper()
	tree, err := cloneTree(root, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.close()
	m, err := copyShifted(t.Context(), tree, o)
	if err != nil {
		t.Fatal(err)
	}
	defer m.close()
	fd, err := unix.Openat(int(m), name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

// TestCopiedACL: the list's user is the container's.
func TestCopiedACL(t *testing.T) {
	needRoot(t)
	root := newRoot(t)
	acl := []byte{2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255, 255, 2, 0, 4, 0, 7, 0, 0, 0,
		4, 0, 0, 0, 255, 255, 255, 255, 16, 0, 4, 0, 255, 255, 255, 255, 32, 0, 0, 0, 255, 255, 255, 255}
	const name = "system.posix_acl_access"
	file := filepath.Join(root, "tmp/listed")
	if err := errors.Join(os.WriteFile(file, nil, 0o600), unix.Setxattr(file, name, acl, 0)); err != nil {
		t.Skipf("no access control lists here: %v", err)
	}
	o := owners{1000, 1000}
	got := make([]byte, 100)
	n, err := unix.Fgetxattr(copyOf(t, root, "tmp/listed", o), name, got)
	if want := o.shiftACL(acl); err != nil || !slices.Equal(got[:n], want) {
		t.Errorf("% x, %v, want\n% x", got[:max(n, 0)], err, want)
	}
}

// TestCopiedHoles: a file that takes less room than it is long does so in the copy.
func TestCopiedHoles(t *testing.T) {
	needRoot(t)
	root := newRoot(t)
	f, err := os.Create(filepath.Join(root, "holes"))
	if err != nil {
		t.Fatal(err)
	}
	const at, size = 1 << 40, 1 << 41 // more than any machine has memory for
	_, err = f.WriteAt([]byte("middle"), at)
	if err := errors.Join(err, f.Truncate(size), f.Close()); err != nil {
		t.Skipf("this file system has no such files: %v", err)
	}
	fd := copyOf(t, root, "holes", owners{})
	var st unix.Stat_t
	got := make([]byte, 6)
	_, err = unix.Pread(fd, got, at)
	if err := errors.Join(err, unix.Fstat(fd, &st)); err != nil || st.Size != size || st.Blocks > 1<<11 || string(got) != "middle" {
		t.Errorf("%d bytes in %d blocks, %q, %v", st.Size, st.Blocks, got, err)
	}
}
