package ext4

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// e2 runs a program of e2fsprogs, or skips.
func e2(t testing.TB, name string, args ...string) string {
	t.Helper()
	path := "/usr/sbin/" + name
	if _, err := os.Stat(path); err != nil {
		if path, err = exec.LookPath(name); err != nil {
			t.Skip(err)
		}
	}
	out, err := exec.Command(path, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v: %s", name, args, err, out)
	}
	return string(out)
}

// empty makes an empty file system.
func empty(t testing.TB, size int64, more ...string) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "img"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	e2(t, "mke2fs", append(append([]string{"-q", "-F", "-t", "ext4"}, append(Options(), more...)...), f.Name())...)
	return f
}

// text are contents in memory.
type text struct {
	*bytes.Reader
	ranges []Range
}

func (text) Close() error               { return nil }
func (x text) Ranges() ([]Range, error) { return x.ranges, nil }

func file(b []byte, ranges ...Range) *Node {
	if ranges == nil && len(b) > 0 {
		ranges = []Range{{0, int64(len(b))}}
	}
	return &Node{Mode: unix.S_IFREG | 0o644, Size: int64(len(b)), Open: func() (Contents, error) { return text{bytes.NewReader(b), ranges}, nil }}
}

func dir(children map[string]*Node) *Node {
	return &Node{Mode: unix.S_IFDIR | 0o755, Children: children}
}

// fillAndCheck fills a file system, and has e2fsck look at it.
func fillAndCheck(t *testing.T, f *os.File, root *Node) {
	t.Helper()
	if err := Fill(t.Context(), f, root); err != nil {
		t.Fatal(err)
	}
	e2(t, "e2fsck", "-fn", f.Name())
}

func wantParts(t *testing.T, what, got string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(got, w) {
			t.Errorf("%s: no %q in %s", what, w, got)
		}
	}
}

// TestFields has one file for each thing that can be said of one.
func TestFields(t *testing.T) {
	acl := []byte("\x02\x00\x00\x00" + "\x01\x00\x06\x00\xff\xff\xff\xff" + "\x02\x00\x04\x00\x39\x30\x00\x00" + "\x04\x00\x04\x00\xff\xff\xff\xff" +
		"\x10\x00\x04\x00\xff\xff\xff\xff" + "\x20\x00\x00\x00\xff\xff\xff\xff")
	hard := file([]byte("hard"))
	long := strings.Repeat("n\xff", 127) + "n"
	f := empty(t, 64<<20)
	all := file([]byte("text"))
	all.UID, all.GID, all.Mode = 1<<32-2, 70000, unix.S_IFREG|0o4711
	all.Flags = FlagImmutable | FlagNoDump
	all.Times = Times{Time{-1, 1}, Time{4102488000, 123456789}, Time{maxTime, 999999999}, Time{minTime, 0}}
	all.Attrs = map[string][]byte{"user.empty": nil, "user.key": []byte("val\x00ue"), "trusted.t": []byte("1"), "user." + strings.Repeat("k", 255): bytes.Repeat([]byte("v"), 3000),
		"user.\xfe": []byte("high"), "system.posix_acl_access": acl}
	with := dir(nil)
	with.Attrs = map[string][]byte{"system.posix_acl_default": acl}
	node := func(mode uint32) *Node { return &Node{Mode: mode, Major: 300, Minor: 70000} }
	fillAndCheck(t, f, dir(map[string]*Node{
		"all": all, "hard": hard, "d": dir(map[string]*Node{"hard2": hard, long: file(nil)}), "acl": with,
		"char": {Mode: unix.S_IFCHR | 0o600, Major: 1, Minor: 3}, "block": node(unix.S_IFBLK), "fifo": node(unix.S_IFIFO), "sock": node(unix.S_IFSOCK),
		"short": {Mode: unix.S_IFLNK | 0o777, Target: strings.Repeat("s", 59)}, "long": {Mode: unix.S_IFLNK | 0o777, Target: strings.Repeat("l", 4095)},
		"sixty": {Mode: unix.S_IFLNK | 0o777, Target: strings.Repeat("x", 60)},
	}))
	for request, want := range map[string][]string{
		"stat /all": {"Mode:  04711", "User:    -2   Group: 70000", "Flags: 0x80050", "mtime: 0xf486ffc0:1d6f3455", "atime: 0xffffffff:00000004",
			"ctime: 0x7fffffff:ee6b27ff", "crtime: 0x80000000:00000000", "user.empty (0)", "user.key (6)", "trusted.t (1)", "kkk (3000)"},
		"ea_get /all system.posix_acl_access":  {"02 00 00 00 01 00 06 00 00 00 00 00 02 00 04 00 39 30 00 00"},
		"ea_get /acl system.posix_acl_default": {"02 00 00 00 01 00 06 00 00 00 00 00 02 00 04 00 39 30 00 00"},
		"stat /hard":                           {"Links: 2"},
		"cat /d/hard2":                         {"hard"},
		"stat /char":                           {"character special", "01:03"},
		"stat /block":                          {"block special", "300:70000"},
		"stat /fifo":                           {"FIFO"},
		"stat /sock":                           {"socket"},
		"stat /short":                          {`"` + strings.Repeat("s", 59) + `"`},
		"stat /long":                           {"Size: 4095"},
		"stat /sixty":                          {"Size: 60"},
		"stat /lost+found":                     {"Mode:  0700", "Size: 16384"},
		"stat /d":                              {"Links: 2"},
		"stat /":                               {"Links: 5"},
	} {
		wantParts(t, request, e2(t, "debugfs", "-R", request, f.Name()), want...)
	}
	if out := e2(t, "debugfs", "-R", "ls -p /d", f.Name()); !strings.Contains(out, long) {
		t.Errorf("no name of 255 bytes in %q", out)
	}
}

// TestData copies files with holes: what has bytes has blocks, and nothing else has.
func TestData(t *testing.T) {
	f := empty(t, 256<<20)
	r := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 5<<20+77)
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	// Every second block is a hole: 700 extents, more than a block of them has room for.
	striped := bytes.Clone(noise)
	var stripes []Range
	for off := int64(0); off < int64(len(striped)); off += 2 * blockSize {
		n := min(blockSize, int64(len(striped))-off)
		stripes = append(stripes, Range{off, n})
		clear(striped[off+n : min(off+2*blockSize, int64(len(striped)))])
	}
	odd := make([]byte, 3*blockSize)
	odd[100], odd[4000], odd[9000] = 1, 2, 3
	huge := &Node{Mode: unix.S_IFREG | 0o600, Size: maxSize, Open: func() (Contents, error) { return tail{}, nil }}
	zeros := make([]byte, 64<<20)
	fillAndCheck(t, f, dir(map[string]*Node{
		"noise": file(noise), "striped": file(striped, stripes...), "zeros": file(zeros),
		"odd": file(odd, Range{100, 1}, Range{4000, 1}, Range{9000, 1}), "huge": huge, "hole": {Mode: unix.S_IFREG, Size: 1 << 40, Open: file(nil).Open},
	}))
	for name, want := range map[string][]byte{"noise": noise, "striped": striped, "odd": odd, "zeros": zeros} {
		to := filepath.Join(t.TempDir(), name)
		e2(t, "debugfs", "-R", "dump /"+name+" "+to, f.Name())
		if got, err := os.ReadFile(to); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, %v; want %d", name, len(got), err, len(want))
		}
	}
	for name, want := range map[string]string{
		"odd": "Blockcount: 16", "hole": "Blockcount: 0", "zeros": "Blockcount: 131072", "striped": fmt.Sprintf("Blockcount: %d", (641+2)*8), "huge": "Size: 17592186040320",
	} {
		wantParts(t, name, e2(t, "debugfs", "-R", "stat /"+name, f.Name()), want)
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil || st.Blocks*512 > 20<<20 {
		t.Errorf("the image takes %d bytes on the host (%v)", st.Blocks*512, err)
	}
}

// tail has one byte at the end of the largest file that there is.
type tail struct{}

func (tail) Ranges() ([]Range, error) { return []Range{{maxSize - 1, 1}}, nil }
func (tail) Close() error             { return nil }
func (tail) ReadAt(p []byte, _ int64) (int, error) {
	p[len(p)-1] = 1
	return len(p), nil
}

// TestDirectories has directories of one block, and with an index of one and two levels.
func TestDirectories(t *testing.T) {
	f := empty(t, 64<<20, "-N", "20000")
	root := map[string]*Node{}
	for _, count := range []int{0, 1, 100, 300, 2000, 9000} {
		d := map[string]*Node{}
		for i := range count {
			d[fmt.Sprintf("%0200d-\xe4%d", i, i*i)] = file(nil)
		}
		root[fmt.Sprint(count)] = dir(d)
	}
	fillAndCheck(t, f, dir(root))
	wantParts(t, "one level", e2(t, "debugfs", "-R", "htree_dump /2000", f.Name()), "Indirect levels: 0")
	many := &Node{Mode: unix.S_IFDIR, links: maxLinks + 1}
	if b := (&volume{}).encode(many, &inode{}); get16(b[0x1a:]) != 1 {
		t.Errorf("a directory with %d links says %d", many.links, get16(b[0x1a:]))
	}
	wantParts(t, "two levels", e2(t, "debugfs", "-R", "htree_dump /9000", f.Name()), "Indirect levels: 1")
	wantParts(t, "found", e2(t, "debugfs", "-R", fmt.Sprintf(`stat "/2000/%0200d-`+"\xe4"+`%d"`, 1711, 1711*1711), f.Name()), "Type: regular")
}
