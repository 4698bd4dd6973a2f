package tree

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// TestFiles is a file's life: made, written, read, cut, renamed, unlinked while open.
func TestFiles(t *testing.T) {
	d := share(t, Options{})
	e, f := d.create(rootID, "a", unix.O_RDWR|unix.O_CREAT, 0o640)
	d.want(0, e)
	d.want(0, d.write(f.NodeId, f.Fh, 0, "hello world"))
	if got := d.read(f.NodeId, f.Fh, 6, 100); got != "world" {
		t.Errorf("read %q", got)
	}
	if b, err := os.ReadFile(d.host("a")); string(b) != "hello world" || err != nil {
		t.Errorf("the host has %q, %v", b, err)
	}
	d.want(0, d.status(opSetAttr, f.NodeId, fuse.SetAttrIn{SetAttrInCommon: fuse.SetAttrInCommon{Valid: fuse.FATTR_SIZE | fuse.FATTR_FH, Fh: f.Fh, Size: 5}}))
	d.want(0, d.status(opSetAttr, f.NodeId, fuse.SetAttrIn{SetAttrInCommon: fuse.SetAttrInCommon{Valid: fuse.FATTR_SIZE, Size: 4}}))
	a := d.attr(f.NodeId)
	if a.Size != 4 || a.Mode != unix.S_IFREG|0o640 || a.Nlink != 1 {
		t.Errorf("attributes %+v", a)
	}
	d.want(0, d.status(opRename2, rootID, fuse.RenameIn{Newdir: rootID}, z("a"), z("b")))
	d.want(0, d.status(opUnlink, rootID, fuse.InHeader{}, z("b")))
	if a := d.attr(f.NodeId); a.Size != 4 || a.Nlink != 0 {
		t.Errorf("attributes of an unlinked file %+v", a)
	}
	d.want(0, d.write(f.NodeId, f.Fh, 4, "!"))
	if got := d.read(f.NodeId, f.Fh, 0, 100); got != "hell!" {
		t.Errorf("an unlinked file has %q", got)
	}
	d.want(0, d.status(opFsync, f.NodeId, fuse.FsyncIn{Fh: f.Fh, FsyncFlags: 1}))
	d.want(0, d.status(opRelease, f.NodeId, fuse.ReleaseIn{Fh: f.Fh}))
	d.want(unix.EBADF, d.write(f.NodeId, f.Fh, 0, "x"))
	d.forget(f.NodeId, 1)
	d.want(unix.ESTALE, d.status(opGetAttr, f.NodeId, fuse.GetAttrIn{}))
}

// TestNames: what is not one component is refused, and leaves the share neither up nor down (libkrun#329).
func TestNames(t *testing.T) {
	d := share(t, Options{})
	d.must(os.WriteFile(d.outer+"/secret", []byte("x"), 0o600))
	d.must(os.Mkdir(d.host("sub"), 0o755))
	d.put("sub/file", "x")
	sub := d.find(rootID, "sub")
	file := d.find(sub, "file")
	long := strings.Repeat("n", 256)
	for name, want := range map[string]unix.Errno{
		"..": unix.EINVAL, ".": unix.EINVAL, "": unix.EINVAL, "../secret": unix.EINVAL, "sub/file": unix.EINVAL, "/etc": unix.EINVAL, long: unix.ENAMETOOLONG,
	} {
		e, _ := d.lookup(rootID, name)
		d.want(want, e)
		e, _ = d.create(rootID, name, unix.O_RDWR, 0o600)
		d.want(want, e)
		d.want(want, d.status(opMkdir, rootID, fuse.MkdirIn{Mode: 0o700}, z(name)))
		d.want(want, d.status(opMknod, rootID, fuse.MknodIn{Mode: unix.S_IFREG}, z(name)))
		d.want(want, d.status(opUnlink, sub, fuse.InHeader{}, z(name)))
		d.want(want, d.status(opRmdir, sub, fuse.InHeader{}, z(name)))
		d.want(want, d.status(opRename2, sub, fuse.RenameIn{Newdir: sub}, z("file"), z(name)))
		d.want(want, d.status(opRename2, sub, fuse.RenameIn{Newdir: sub}, z(name), z("x")))
		d.want(want, d.status(opLink, sub, fuse.LinkIn{Oldnodeid: file}, z(name)))
		d.want(want, d.status(opSymlink, sub, fuse.InHeader{}, z(name), z("text")))
	}
	if e, _ := d.lookup(rootID, strings.Repeat("n", 255)); e != 0 {
		d.want(0, e)
	}
	e, _ := d.do(opRename, rootID, fuse.InHeader{}, []byte("no NUL at all"))
	d.want(unix.EIO, e)
	if b, err := os.ReadFile(d.outer + "/secret"); string(b) != "x" || err != nil {
		t.Errorf("outside: %q, %v", b, err)
	}
}

// TestLinks: the host follows no symbolic link, whatever it says.
func TestLinks(t *testing.T) {
	d := share(t, Options{})
	d.must(os.WriteFile(d.outer+"/secret", []byte("secret"), 0o600))
	d.must(os.Symlink("../secret", d.host("up")))
	d.must(os.Symlink("..", d.host("dir")))
	d.must(os.Symlink("/proc/self/fd", d.host("magic")))
	for _, name := range []string{"up", "dir", "magic"} {
		n := d.find(rootID, name)
		if mode := d.attr(n).Mode; mode&unix.S_IFMT != unix.S_IFLNK {
			t.Errorf("%s has mode %o", name, mode)
		}
		e, _ := d.open(n, unix.O_RDONLY)
		d.want(unix.ELOOP, e)
		e, _ = d.lookup(n, "secret")
		d.want(unix.ENOTDIR, e)
		d.want(unix.ENOTDIR, d.status(opOpenDir, n, fuse.OpenIn{}))
		d.want(unix.ELOOP, d.status(opSetAttr, n, fuse.SetAttrIn{SetAttrInCommon: fuse.SetAttrInCommon{Valid: fuse.FATTR_SIZE}}))
		d.want(unix.EPERM, d.status(opSetXAttr, n, fuseSetXAttr{Size: 1}, z("user.a"), []byte("x")))
		e, _ = d.create(n, "x", unix.O_RDWR, 0o600)
		d.want(unix.ENOTDIR, e)
		e, _ = d.create(rootID, name, unix.O_RDWR, 0o600)
		d.want(unix.ELOOP, e)
	}
	e, b := d.do(opReadlink, d.find(rootID, "up"), fuse.InHeader{})
	if d.want(0, e); string(b) != "../secret" {
		t.Errorf("the link says %q", b)
	}
	d.want(0, d.status(opSymlink, rootID, fuse.InHeader{}, z("new"), z("/etc/passwd")))
	if to, err := os.Readlink(d.host("new")); to != "/etc/passwd" || err != nil {
		t.Errorf("the new link says %q, %v", to, err)
	}
	d.want(0, d.status(opLink, rootID, fuse.LinkIn{Oldnodeid: d.find(rootID, "up")}, z("again")))
	if to, err := os.Readlink(d.host("again")); to != "../secret" || err != nil {
		t.Errorf("a hard link of a link says %q, %v", to, err)
	}
	d.want(unix.EINVAL, d.status(opReadlink, rootID, fuse.InHeader{}))
	d.want(0, d.status(opSetAttr, d.find(rootID, "up"), fuse.SetAttrIn{SetAttrInCommon: fuse.SetAttrInCommon{Valid: fuse.FATTR_MTIME, Mtime: 1}}))
	if st, err := os.Stat(d.outer + "/secret"); err != nil || st.ModTime().Unix() == 1 {
		t.Error("the time of what a link leads to was set")
	}
	if b, err := os.ReadFile(d.outer + "/secret"); string(b) != "secret" || err != nil {
		t.Errorf("outside: %q, %v", b, err)
	}
}

// fuseSetXAttr is struct fuse_setxattr_in as it was before flags were added to it, which were not negotiated.
type fuseSetXAttr struct {
	fuse.InHeader
	Size, Flags uint32
}

// TestSpecial: FIFOs, sockets and devices are names to the host, and never opened.
func TestSpecial(t *testing.T) {
	d := share(t, Options{})
	d.must(unix.Mkfifo(d.host("fifo"), 0o644))
	n := d.find(rootID, "fifo")
	for _, flags := range []uint32{unix.O_RDONLY, unix.O_WRONLY, unix.O_RDWR} {
		e, _ := d.open(n, flags)
		d.want(unix.ENXIO, e)
		e, _ = d.create(rootID, "fifo", flags|unix.O_CREAT, 0o600)
		d.want(unix.ENXIO, e)
	}
	d.want(unix.ENXIO, d.status(opSetAttr, n, fuse.SetAttrIn{SetAttrInCommon: fuse.SetAttrInCommon{Valid: fuse.FATTR_SIZE}}))
	for _, kind := range []uint32{unix.S_IFCHR, unix.S_IFBLK, 0} {
		d.want(unix.EPERM, d.status(opMknod, rootID, fuse.MknodIn{Mode: kind | 0o600, Rdev: 0x103}, z("null")))
	}
	for name, kind := range map[string]uint32{"pipe": unix.S_IFIFO, "socket": unix.S_IFSOCK, "plain": unix.S_IFREG} {
		d.want(0, d.status(opMknod, rootID, fuse.MknodIn{Mode: kind | 0o600}, z(name)))
		if mode := d.attr(d.find(rootID, name)).Mode; mode != kind|0o600 {
			t.Errorf("%s has mode %o", name, mode)
		}
	}
}

func TestReadOnly(t *testing.T) {
	d := share(t, Options{})
	d.put("a", "text")
	d.again(Options{ReadOnly: true})
	n := d.find(rootID, "a")
	e, fh := d.open(n, unix.O_RDONLY)
	d.want(0, e)
	if got := d.read(n, fh, 0, 10); got != "text" {
		t.Errorf("read %q", got)
	}
	for _, flags := range []uint32{unix.O_WRONLY, unix.O_RDWR} {
		e, _ := d.open(n, flags)
		d.want(unix.EROFS, e)
	}
	e, _ = d.create(rootID, "b", unix.O_RDWR, 0o600)
	d.want(unix.EROFS, e)
	for _, got := range []unix.Errno{
		d.write(n, fh, 0, "x"),
		d.status(opMkdir, rootID, fuse.MkdirIn{}, z("d")),
		d.status(opMknod, rootID, fuse.MknodIn{Mode: unix.S_IFREG}, z("f")),
		d.status(opUnlink, rootID, fuse.InHeader{}, z("a")),
		d.status(opRmdir, rootID, fuse.InHeader{}, z("a")),
		d.status(opRename2, rootID, fuse.RenameIn{Newdir: rootID}, z("a"), z("b")),
		d.status(opLink, rootID, fuse.LinkIn{Oldnodeid: n}, z("b")),
		d.status(opSymlink, rootID, fuse.InHeader{}, z("s"), z("t")),
		d.status(opSetAttr, n, fuse.SetAttrIn{SetAttrInCommon: fuse.SetAttrInCommon{Valid: fuse.FATTR_MODE}}),
		d.status(opSetXAttr, n, fuseSetXAttr{Size: 1}, z("user.a"), []byte("x")),
		d.status(opRemoveXAttr, n, fuse.InHeader{}, z("user.a")),
		d.status(opFallocate, n, fuse.FallocateIn{Fh: fh, Length: 10}),
		d.status(opCopyRange, n, fuse.CopyFileRangeIn{FhIn: fh, FhOut: fh, Len: 10}),
	} {
		d.want(unix.EROFS, got)
	}
	if b, err := os.ReadFile(d.host("a")); string(b) != "text" || err != nil {
		t.Errorf("the host has %q, %v", b, err)
	}
}

// TestHostMoves: files that change on the host while the guest has them stay what they are; what has gone is stale, and nothing else.
func TestHostMoves(t *testing.T) {
	d := share(t, Options{})
	d.must(os.MkdirAll(d.host("x/y"), 0o755))
	d.put("x/y/f", "inside")
	y := d.find(rootID, "x", "y")
	f := d.find(y, "f")
	d.must(os.Rename(d.host("x"), d.outer+"/away"))
	d.must(os.Symlink("/etc", d.host("x")))
	e, _ := d.lookup(d.find(rootID, "x"), "passwd")
	d.want(unix.ENOTDIR, e)
	e, fh := d.open(f, unix.O_RDONLY)
	if d.want(0, e); d.read(f, fh, 0, 10) != "inside" {
		t.Error("another file")
	}
	d.put("g", "text")
	g := d.find(rootID, "g")
	d.must(os.Remove(d.host("g")))
	d.must(os.Mkdir(d.host("g"), 0o755))
	if mode := d.attr(g).Mode; mode&unix.S_IFMT != unix.S_IFREG {
		t.Errorf("the old file has become %o", mode)
	}
	if again := d.find(rootID, "g"); again == g {
		t.Error("a directory has the node of the file that it replaces")
	}
}

// TestFewDescriptors: with a few descriptors, all nodes stay usable: they are opened again where they were.
func TestFewDescriptors(t *testing.T) {
	d := share(t, Options{Most: 2 * leastEach})
	const each = 12
	nodes := map[string]uint64{}
	for i := range each {
		sub := string(rune('a' + i))
		d.must(os.Mkdir(d.host(sub), 0o755))
		for j := range each {
			name := sub + "/" + string(rune('a'+j))
			d.put(name, name)
			nodes[name] = d.find(rootID, sub, name[2:])
		}
	}
	if d.tree.nodes.open > d.tree.nodes.most {
		t.Errorf("%d descriptors, more than %d", d.tree.nodes.open, d.tree.nodes.most)
	}
	for name, n := range nodes {
		e, fh := d.open(n, unix.O_RDONLY)
		if d.want(0, e); e == 0 && d.read(n, fh, 0, 10) != name {
			t.Errorf("%s: another file", name)
		}
		d.want(0, d.status(opRelease, n, fuse.ReleaseIn{Fh: fh}))
	}
	// A directory that the guest renames takes its files along; one that is replaced on the host does not lend its name.
	d.want(0, d.status(opRename2, rootID, fuse.RenameIn{Newdir: d.find(rootID, "b")}, z("a"), z("moved")))
	d.must(os.Remove(d.host("c/a")))
	d.put("c/a", "another")
	for name, n := range nodes {
		want := unix.Errno(0)
		if name == "c/a" {
			want = unix.ESTALE
		}
		if e := d.status(opGetAttr, n, fuse.GetAttrIn{}); e != want && name != "c/a" {
			t.Errorf("%s: %v", name, e)
		}
	}
	for _, n := range nodes {
		d.forget(n, 1)
	}
}

// TestUnlinkedStay: a file without a name keeps its descriptor; when there is no room for more, the guest is told.
func TestUnlinkedStay(t *testing.T) {
	d := share(t, Options{Most: 2 * leastEach})
	var kept []uint64
	for {
		e, out := d.create(rootID, "f", unix.O_RDWR|unix.O_EXCL, 0o600)
		if e == unix.ENFILE {
			break
		}
		d.want(0, e)
		d.want(0, d.status(opRelease, out.NodeId, fuse.ReleaseIn{Fh: out.Fh}))
		d.want(0, d.status(opUnlink, rootID, fuse.InHeader{}, z("f")))
		if kept = append(kept, out.NodeId); len(kept) > 100 {
			t.Fatal("no limit")
		}
	}
	for _, n := range kept {
		d.attr(n)
		d.forget(n, 1)
	}
	if got := d.tree.nodes.open; got != 1 {
		t.Errorf("%d descriptors are left", got)
	}
	d.want(0, d.status(opUnlink, rootID, fuse.InHeader{}, z("f")))
	e, _ := d.create(rootID, "f", unix.O_RDWR, 0o600)
	d.want(0, e)
}

func TestRename(t *testing.T) {
	d := share(t, Options{})
	d.put("a", "a")
	d.put("b", "b")
	d.want(unix.EEXIST, d.status(opRename2, rootID, fuse.RenameIn{Newdir: rootID, Flags: unix.RENAME_NOREPLACE}, z("a"), z("b")))
	d.want(0, d.status(opRename2, rootID, fuse.RenameIn{Newdir: rootID, Flags: unix.RENAME_EXCHANGE}, z("a"), z("b")))
	if b, _ := os.ReadFile(d.host("a")); string(b) != "b" {
		t.Errorf("after the exchange a has %q", b)
	}
	d.want(unix.EINVAL, d.status(opRename2, rootID, fuse.RenameIn{Newdir: rootID, Flags: unix.RENAME_WHITEOUT}, z("a"), z("c")))
	d.want(unix.ENOENT, d.status(opRename2, rootID, fuse.RenameIn{Newdir: rootID}, z("none"), z("c")))
	d.want(0, d.status(opRename, rootID, fuse.LinkIn{Oldnodeid: rootID}, z("a"), z("c")))
	d.want(unix.ESTALE, d.status(opRename2, rootID, fuse.RenameIn{Newdir: 999}, z("c"), z("d")))
}

func TestExtendedAttributes(t *testing.T) {
	d := share(t, Options{})
	d.put("a", "")
	if err := unix.Setxattr(d.host("a"), "user.probe", nil, 0); errors.Is(err, unix.EOPNOTSUPP) {
		t.Skip("the temporary directory has no extended attributes")
	}
	d.must(unix.Removexattr(d.host("a"), "user.probe"))
	n := d.find(rootID, "a")
	get := func(name string, size uint32) (unix.Errno, []byte) {
		return d.do(opGetXAttr, n, fuse.GetXAttrIn{Size: size}, z(name))
	}
	d.want(0, d.status(opSetXAttr, n, fuseSetXAttr{Size: 5}, z("user.a"), []byte("value")))
	e, b := get("user.a", 100)
	if d.want(0, e); string(b) != "value" {
		t.Errorf("value %q", b)
	}
	e, b = get("user.a", 0)
	if d.want(0, e); as[fuse.GetXAttrOut](d, b).Size != 5 {
		t.Error("another size")
	}
	e, _ = get("user.a", 2)
	d.want(unix.ERANGE, e)
	e, b = d.do(opListXAttr, n, fuse.GetXAttrIn{Size: 100})
	if d.want(0, e); string(b) != "user.a\x00" {
		t.Errorf("list %q", b)
	}
	d.want(0, d.status(opRemoveXAttr, n, fuse.InHeader{}, z("user.a")))
	e, _ = get("user.a", 100)
	d.want(unix.ENODATA, e)
	for _, name := range []string{"security.capability", "trusted.x", "system.posix_acl_access"} {
		d.want(unix.EOPNOTSUPP, d.status(opSetXAttr, n, fuseSetXAttr{Size: 5}, z(name), []byte("value")))
		e, _ := get(name, 100)
		d.want(unix.ENODATA, e)
	}
	d.want(unix.E2BIG, d.status(opSetXAttr, n, fuseSetXAttr{Size: 50}, z("user.a"), []byte("value")))
}

// TestOthers: space, holes, copies on the host.
func TestOthers(t *testing.T) {
	d := share(t, Options{})
	_, f := d.create(rootID, "a", unix.O_RDWR, 0o644)
	d.want(0, d.write(f.NodeId, f.Fh, 0, "0123456789"))
	_, g := d.create(rootID, "b", unix.O_RDWR, 0o644)
	d.want(0, d.status(opCopyRange, f.NodeId, fuse.CopyFileRangeIn{FhIn: f.Fh, OffIn: 2, NodeIdOut: g.NodeId, FhOut: g.Fh, Len: 5}))
	if got := d.read(g.NodeId, g.Fh, 0, 100); got != "23456" {
		t.Errorf("copied %q", got)
	}
	if e := d.status(opFallocate, g.NodeId, fuse.FallocateIn{Fh: g.Fh, Length: 8192}); e != 0 && e != unix.EOPNOTSUPP {
		d.want(0, e)
	}
	d.want(unix.EOPNOTSUPP, d.status(opFallocate, g.NodeId, fuse.FallocateIn{Fh: g.Fh, Length: 8192, Mode: unix.FALLOC_FL_COLLAPSE_RANGE}))
	e, b := d.do(opLseek, f.NodeId, fuse.LseekIn{Fh: f.Fh, Whence: unix.SEEK_HOLE})
	if d.want(0, e); as[fuse.LseekOut](d, b).Offset != 10 {
		t.Error("another hole")
	}
	d.want(unix.EINVAL, d.status(opLseek, f.NodeId, fuse.LseekIn{Fh: f.Fh, Whence: unix.SEEK_SET}))
	e, b = d.do(opStatfs, rootID, fuse.InHeader{})
	if d.want(0, e); as[fuse.StatfsOut](d, b).NameLen < 255 {
		t.Error("short names")
	}
	d.want(unix.ENOSYS, d.status(99, rootID, fuse.InHeader{}))   // arcbox#717
	d.want(unix.ENOSYS, d.status(4096, rootID, fuse.InHeader{})) // CUSE_INIT
}

// TestCache: the guest may keep what it has read of a file that was at rest; never with cache=none, and names that are not there count for a
// second.
func TestCache(t *testing.T) {
	d := share(t, Options{})
	d.put("a", "text")
	flags := func() uint32 {
		e, b := d.do(opOpen, d.find(rootID, "a"), fuse.OpenIn{})
		d.want(0, e)
		return as[fuse.OpenOut](d, b).OpenFlags
	}
	for range 2 {
		if flags() != 0 {
			t.Error("a file that has just changed is kept")
		}
	}
	old := time.Now().Add(-time.Hour)
	d.must(os.Chtimes(d.host("a"), old, old))
	if flags() != 0 {
		t.Error("what was read before the file was at rest is kept")
	}
	if flags() != fuse.FOPEN_KEEP_CACHE {
		t.Error("a file at rest is not kept")
	}
	if e, out := d.lookup(rootID, "none"); e != 0 || out.NodeId != 0 || out.EntryValid != believed {
		t.Errorf("no such name: %v, %+v", e, out)
	}
	d.again(Options{NoCache: true})
	if flags() != fuse.FOPEN_DIRECT_IO {
		t.Error("cache=none goes through the cache")
	}
	if e, _ := d.lookup(rootID, "none"); e != unix.ENOENT {
		t.Errorf("no such name: %v", e)
	}
	if e, out := d.lookup(rootID, "a"); e != 0 || out.EntryValid != 0 || out.AttrValid != 0 {
		t.Errorf("cache=none: %+v", out)
	}
}

// TestSession: a new session knows nothing of the old one.
func TestSession(t *testing.T) {
	d := share(t, Options{})
	d.put("a", "text")
	n := d.find(rootID, "a")
	e, fh := d.open(n, unix.O_RDONLY)
	d.want(0, e)
	d.s.Forget()
	d.want(unix.ESTALE, d.status(opGetAttr, n, fuse.GetAttrIn{}))
	d.want(unix.EBADF, d.status(opRead, n, fuse.ReadIn{Fh: fh, Size: 4}))
	if got := d.tree.nodes.open; got != 1 {
		t.Errorf("%d descriptors are left", got)
	}
	d.find(rootID, "a")
}

// TestSetUser: what somebody else writes takes the bits off that would run a file with its owner's rights.
func TestSetUser(t *testing.T) {
	d := share(t, Options{})
	d.put("a", "text")
	d.must(unix.Chmod(d.host("a"), 0o6755))
	n := d.find(rootID, "a")
	e, fh := d.open(n, unix.O_RDWR)
	d.want(0, e)
	d.want(0, d.status(opWrite, n, fuse.WriteIn{Fh: fh, Size: 1, WriteFlags: killSuidGid}, []byte("x")))
	if mode := d.attr(n).Mode; mode != unix.S_IFREG|0o755 {
		t.Errorf("mode %o", mode)
	}
}

// TestNobodyElsesRights: nothing that a guest makes or changes has whoever runs it on the host act as somebody else.
func TestNobodyElsesRights(t *testing.T) {
	d := share(t, Options{})
	d.put("old", "text")
	e, made := d.create(rootID, "made", unix.O_RDWR, 0o6755)
	d.want(0, e)
	d.want(0, d.status(opMknod, rootID, fuse.MknodIn{Mode: unix.S_IFREG | 0o6755}, z("node")))
	for _, node := range []uint64{made.NodeId, d.find(rootID, "old"), d.find(rootID, "node")} {
		d.want(0, d.status(opSetAttr, node, fuse.SetAttrIn{SetAttrInCommon: fuse.SetAttrInCommon{Valid: fuse.FATTR_MODE, Mode: 0o6755}}))
	}
	d.want(0, d.status(opMkdir, rootID, fuse.MkdirIn{Mode: 0o6755}, z("dir")))
	for name, want := range map[string]uint32{"made": 0o755, "node": 0o755, "old": 0o755, "dir": 0o755} {
		var st unix.Stat_t
		d.must(unix.Stat(d.host(name), &st))
		if got := st.Mode & 07777 &^ unix.S_ISGID; got != want || st.Mode&unix.S_ISGID != 0 && name != "dir" {
			t.Errorf("%s: mode %o", name, st.Mode)
		}
	}
	d.want(0, d.status(opSetAttr, d.find(rootID, "dir"), fuse.SetAttrIn{SetAttrInCommon: fuse.SetAttrInCommon{Valid: fuse.FATTR_MODE, Mode: 0o2755}}))
	var st unix.Stat_t
	d.must(unix.Stat(d.host("dir"), &st))
	if st.Mode&unix.S_ISGID == 0 {
		t.Error("a directory does not keep set-group-ID, which says whose the files in it are")
	}
}
