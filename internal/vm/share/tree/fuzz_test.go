package tree

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// FuzzServer takes its input as a guest's requests: each two bytes of length, and then so many of request. Whatever it was, nothing outside
// of the directory has changed, and the server answers the next session.
func FuzzServer(f *testing.F) {
	seed := func(requests ...[]byte) {
		var b []byte
		for _, r := range requests {
			b = append(binary.LittleEndian.AppendUint16(b, uint16(len(r))), r...)
		}
		f.Add(b)
	}
	begin := request(opInit, 1, 0, fuse.InitIn{Major: 7, Minor: 39, Flags: 0x7fffffff, Flags2: 0xffff})
	seed(begin, request(opLookup, 2, 1, fuse.InHeader{}, z("file")), request(opOpen, 3, 2, fuse.OpenIn{Flags: unix.O_RDWR}),
		request(opRead, 4, 2, fuse.ReadIn{Fh: 1, Size: 100}), request(opWrite, 5, 2, fuse.WriteIn{Fh: 1, Size: 3}, []byte("abc")))
	seed(begin, request(opCreate, 2, 1, fuse.CreateIn{Flags: unix.O_RDWR, Mode: 0o644}, z("new")), request(opSetAttr, 3, 2, fuse.SetAttrIn{}),
		request(opUnlink, 4, 1, fuse.InHeader{}, z("new")), request(opGetAttr, 5, 2, fuse.GetAttrIn{}), request(opForget, 6, 2, fuse.ForgetIn{Nlookup: 1}))
	seed(begin, request(opOpenDir, 2, 1, fuse.OpenIn{}), request(opReadDirPlus, 3, 1, fuse.ReadIn{Fh: 1, Size: 4096}), request(opReadDir, 4, 1, fuse.ReadIn{Fh: 1, Size: 100}))
	seed(begin, request(opRename2, 2, 1, fuse.RenameIn{Newdir: 1}, z("file"), z("other")), request(opLink, 3, 1, fuse.LinkIn{Oldnodeid: 2}, z("l")),
		request(opSymlink, 4, 1, fuse.InHeader{}, z("s"), z("../outside")), request(opReadlink, 5, 2, fuse.InHeader{}))
	seed(begin, request(opSetXAttr, 2, 1, fuseSetXAttr{Size: 1}, z("user.a"), []byte("x")), request(opGetXAttr, 3, 1, fuse.GetXAttrIn{Size: 10}, z("user.a")),
		request(opListXAttr, 4, 1, fuse.GetXAttrIn{Size: 10}), request(opMknod, 5, 1, fuse.MknodIn{Mode: unix.S_IFIFO}, z("p")), request(opLookup, 6, 1, fuse.InHeader{}, z("..")))
	f.Fuzz(func(t *testing.T, ops []byte) {
		d := share(t, Options{Most: 2 * leastEach})
		outside := filepath.Join(d.outer, "outside")
		d.must(os.WriteFile(outside, []byte("untouched"), 0o600))
		d.put("file", "text")
		d.must(os.Symlink("../outside", d.host("up")))
		d.must(os.Mkdir(d.host("dir"), 0o755))
		for n := 0; len(ops) >= 2 && n < 64; n++ {
			size := min(int(binary.LittleEndian.Uint16(ops)), len(ops)-2)
			d.s.Serve(ops[2:2+size], d.out[:min(len(d.out), 16+size*16)])
			ops = ops[2+size:]
		}
		names, err := os.ReadDir(d.outer)
		d.must(err)
		if b, err := os.ReadFile(outside); string(b) != "untouched" || err != nil || len(names) != 2 {
			t.Errorf("outside: %q, %v, %d names", b, err, len(names))
		}
		d.again(Options{})
		d.want(0, d.status(opGetAttr, rootID, fuse.GetAttrIn{}))
	})
}
