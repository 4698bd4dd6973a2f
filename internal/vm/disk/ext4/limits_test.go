package ext4

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestHash compares with debugfs, which wants the seed as a UUID.
func TestHash(t *testing.T) {
	seed := []byte("\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10")
	h := newHasher(seed, false)
	for _, name := range []string{"a", "abc", "abcd", "some_name", strings.Repeat("long", 8), strings.Repeat("longer", 20) + "x"} {
		major, minor := h.name(name)
		out := e2(t, "debugfs", "-R", "dx_hash -h half_md4 -s 01020304-0506-0708-090a-0b0c0d0e0f10 "+name)
		wantParts(t, name, out, fmt.Sprintf("0x%08x (minor 0x%08x)", major, minor))
	}
}

// TestSizes fills file systems of odd sizes to the last block.
func TestSizes(t *testing.T) {
	for _, size := range []int64{1 << 20, 3<<20 + 512, 129<<20 + 4096} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			f := empty(t, size)
			v, err := open(f)
			if err != nil {
				t.Fatal(err)
			}
			var free int64
			for i := range v.groups {
				if err := v.load(&v.groups[i]); err != nil {
					t.Fatalf("group %d: %v", i, err)
				}
				free += countFree(v.groups[i].blockBits)
			}
			free -= 1 + lostBlocks + 1 + free*12/4096/300 // root, lost+found, extents
			fillAndCheck(t, f, dir(map[string]*Node{"big": file(make([]byte, (free-1)*blockSize))}))
			f = empty(t, size)
			err = Fill(t.Context(), f, dir(map[string]*Node{"big": file(make([]byte, (free+8)*blockSize))}))
			var e *Error
			if !errors.Is(err, ErrFull) || !errors.As(err, &e) {
				t.Errorf("too much: %v", err)
			}
		})
	}
}

// TestFullGroup: where inode tables fill the first group, mke2fs puts root and lost+found behind it.
func TestFullGroup(t *testing.T) {
	f := empty(t, 2909<<20, "-N", "744211")
	if !strings.Contains(e2(t, "dumpe2fs", f.Name()), "\n  0 free blocks") { // the end of lost+found is elsewhere
		t.Skip("this mke2fs lays groups out in another way")
	}
	fillAndCheck(t, f, dir(map[string]*Node{"a": file([]byte("text"))}))
}

// TestErrors: what ext4 cannot say is an error with the file's name.
func TestErrors(t *testing.T) {
	link := func(n int) *Node { return &Node{Mode: unix.S_IFLNK, Target: strings.Repeat("x", n)} }
	at := func(sec int64) *Node { return &Node{Mode: unix.S_IFDIR, Times: Times{Modify: Time{Sec: sec}}} }
	attr := func(name string, n int) *Node {
		return &Node{Mode: unix.S_IFDIR, Attrs: map[string][]byte{name: make([]byte, n)}}
	}
	many := map[string]*Node{}
	same := file(nil)
	for i := range maxLinks + 1 {
		many[fmt.Sprint(i)] = same
	}
	for want, n := range map[string]*Node{
		"/a/b: a name of 256":         dir(map[string]*Node{strings.Repeat("n", 256): file(nil)}),
		"a symbolic link of 4096":     link(4096),
		"a symbolic link of 0":        link(0),
		"a time of 15032385536":       at(maxTime + 1),
		"a time of -2147483649":       at(minTime - 1),
		`attribute "user."`:           attr("user.", 1),
		`attribute "system.nfs4_acl"`: attr("system.nfs4_acl", 1),
		"attributes of 5":             attr("user.x", 5000),
		"an access control list":      attr("system.posix_acl_access", 7),
		"device 4096:0":               {Mode: unix.S_IFCHR, Major: 4096},
		"device 1:1048576":            {Mode: unix.S_IFBLK, Major: 1, Minor: 1 << 20},
		"flags such as immutable":     {Mode: unix.S_IFIFO, Flags: FlagImmutable},
		"ignore case":                 {Mode: unix.S_IFDIR, Flags: flagCaseFold},
		"17592186040321 bytes":        {Mode: unix.S_IFREG, Size: maxSize + 1},
		"no kind of file":             {Mode: 0o644},
		"more than 65000 names":       dir(many),
		"became shorter":              {Mode: unix.S_IFREG, Size: 100, Open: file([]byte("x"), Range{0, 100}).Open},
		"cannot open it":              {Mode: unix.S_IFREG, Size: 1, Open: func() (Contents, error) { return nil, errors.New("cannot open it") }},
	} {
		err := Fill(t.Context(), empty(t, 64<<20, "-N", "1000"), dir(map[string]*Node{"a": dir(map[string]*Node{"b": n})}))
		var e *Error
		if !errors.As(err, &e) || !strings.HasPrefix(e.Path, "/a/b") || !strings.Contains(err.Error(), strings.TrimPrefix(want, "/a/b: ")) {
			t.Errorf("%s: %v", want, err)
		}
	}
	err := Fill(t.Context(), empty(t, 8<<20), dir(map[string]*Node{lost: file(nil)}))
	if err == nil || !strings.Contains(err.Error(), "/lost+found: ext4 needs a directory") {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Fill(ctx, empty(t, 8<<20), dir(nil)); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	f := empty(t, 8<<20)
	if err := Fill(t.Context(), f, dir(map[string]*Node{"a": file(nil)})); err != nil {
		t.Fatal(err)
	}
	if err := Fill(t.Context(), f, dir(nil)); err == nil {
		t.Error("a file system with a file in it was filled again")
	}
}

// counting counts what is written.
type counting struct {
	File
	writes int
}

func (c *counting) WriteAt(p []byte, off int64) (int, error) {
	c.writes++
	return c.File.WriteAt(p, off)
}

// TestLinear: twice the files take twice the writes, in one directory too.
func TestLinear(t *testing.T) {
	var writes [2]int
	for i, n := range []int{2000, 4000} {
		d := map[string]*Node{}
		for k := range n {
			d[fmt.Sprintf("%08d", k)] = file([]byte("x"))
		}
		c := &counting{File: empty(t, 64<<20, "-N", "5000")}
		if err := Fill(t.Context(), c, dir(d)); err != nil {
			t.Fatal(err)
		}
		writes[i] = c.writes
	}
	if writes[1] > 2*writes[0] || writes[1] > 4600 {
		t.Errorf("%d files take %d writes, %d take %d", 2000, writes[0], 4000, writes[1])
	}
}
