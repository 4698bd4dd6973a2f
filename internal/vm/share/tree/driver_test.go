package tree

import (
	"bytes"
	"encoding/binary"
	"io"
	"log"
	"os"
	"path/filepath"
	"testing"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) {
	log.SetOutput(io.Discard)
	unix.Umask(0)
	os.Exit(m.Run())
}

// Opcodes of include/uapi/linux/fuse.h.
const (
	opLookup      = 1
	opForget      = 2
	opGetAttr     = 3
	opSetAttr     = 4
	opReadlink    = 5
	opSymlink     = 6
	opMknod       = 8
	opMkdir       = 9
	opUnlink      = 10
	opRmdir       = 11
	opRename      = 12
	opLink        = 13
	opOpen        = 14
	opRead        = 15
	opWrite       = 16
	opStatfs      = 17
	opRelease     = 18
	opFsync       = 20
	opSetXAttr    = 21
	opGetXAttr    = 22
	opListXAttr   = 23
	opRemoveXAttr = 24
	opOpenDir     = 27
	opReadDir     = 28
	opReleaseDir  = 29
	opCreate      = 35
	opFallocate   = 43
	opReadDirPlus = 44
	opRename2     = 45
	opLseek       = 46
	opCopyRange   = 47
)

// driver is the guest's kernel.
type driver struct {
	t      testing.TB
	s      *Server
	tree   *Tree
	dir    string // the shared one
	outer  string // which it is in
	unique uint64
	out    [64 << 10]byte
}

// share shares a new directory.
func share(t testing.TB, o Options) *driver {
	t.Helper()
	d := &driver{t: t, outer: t.TempDir()}
	d.dir = filepath.Join(d.outer, "shared")
	d.must(os.Mkdir(d.dir, 0o755))
	d.again(o)
	return d
}

// again begins a session, with these options.
func (d *driver) again(o Options) {
	d.t.Helper()
	fd, err := unix.Open(d.dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	d.must(err)
	d.tree, err = New(fd, o)
	d.must(err)
	tree := d.tree
	d.t.Cleanup(func() { tree.Close() })
	d.s = NewServer(d.tree, ServerOptions{MaxData: 32 << 10})
	d.want(0, d.status(opInit, 0, fuse.InitIn{Major: 7, Minor: 39, MaxReadAhead: 1 << 17, Flags: 0x7fffffff, Flags2: 0xffff}))
}

func (d *driver) must(err error) {
	if err != nil {
		d.t.Helper()
		d.t.Fatal(err)
	}
}

// want compares a status.
func (d *driver) want(want, got unix.Errno) {
	if got != want {
		d.t.Helper()
		d.t.Errorf("status %d (%v), want %d (%v)", got, got, want, want)
	}
}

// request is the bytes of a request: a structure of package fuse, whose header is filled in, and what is behind it.
func request(op uint32, unique, node uint64, body any, rest ...[]byte) []byte {
	b, err := binary.Append(nil, binary.LittleEndian, body)
	if err != nil {
		panic(err)
	}
	b = append(b, bytes.Join(rest, nil)...)
	le := binary.LittleEndian
	le.PutUint32(b, uint32(len(b)))
	le.PutUint32(b[4:], op)
	le.PutUint64(b[8:], unique)
	le.PutUint64(b[16:], node)
	return b
}

// do makes a request and gives status and results.
func (d *driver) do(op uint32, node uint64, body any, rest ...[]byte) (unix.Errno, []byte) {
	d.t.Helper()
	d.unique++
	n := d.s.Serve(request(op, d.unique, node, body, rest...), d.out[:])
	if n < answerSize {
		d.t.Fatalf("op %d: %d bytes of answer", op, n)
	}
	le := binary.LittleEndian
	if got := le.Uint64(d.out[8:]); got != d.unique || int(le.Uint32(d.out[:])) != n {
		d.t.Fatalf("op %d: an answer to %d of %d bytes, want one to %d of %d", op, got, le.Uint32(d.out[:]), d.unique, n)
	}
	return unix.Errno(-int32(le.Uint32(d.out[4:]))), bytes.Clone(d.out[answerSize:n])
}

func (d *driver) status(op uint32, node uint64, body any, rest ...[]byte) unix.Errno {
	d.t.Helper()
	e, _ := d.do(op, node, body, rest...)
	return e
}

// as reads a structure.
func as[T any](d *driver, b []byte) (v T) {
	d.t.Helper()
	if len(b) < binary.Size(v) {
		d.t.Fatalf("%d bytes of results for a %T", len(b), v)
	}
	if _, err := binary.Decode(b, binary.LittleEndian, &v); err != nil {
		d.t.Fatal(err)
	}
	return v
}

func z(name string) []byte { return append([]byte(name), 0) }

func (d *driver) lookup(node uint64, name string) (unix.Errno, fuse.EntryOut) {
	d.t.Helper()
	e, b := d.do(opLookup, node, fuse.InHeader{}, z(name))
	if e != 0 {
		return e, fuse.EntryOut{}
	}
	return 0, as[fuse.EntryOut](d, b)
}

// find looks up what must be there.
func (d *driver) find(node uint64, names ...string) uint64 {
	d.t.Helper()
	for _, name := range names {
		e, out := d.lookup(node, name)
		if e != 0 || out.NodeId == 0 {
			d.t.Fatalf("lookup %s: %v, node %d", name, e, out.NodeId)
		}
		node = out.NodeId
	}
	return node
}

func (d *driver) open(node uint64, flags uint32) (unix.Errno, uint64) {
	d.t.Helper()
	e, b := d.do(opOpen, node, fuse.OpenIn{Flags: flags})
	if e != 0 {
		return e, 0
	}
	return 0, as[fuse.OpenOut](d, b).Fh
}

func (d *driver) create(node uint64, name string, flags, mode uint32) (unix.Errno, fuse.CreateOut) {
	d.t.Helper()
	e, b := d.do(opCreate, node, fuse.CreateIn{Flags: flags, Mode: mode}, z(name))
	if e != 0 {
		return e, fuse.CreateOut{}
	}
	return 0, as[fuse.CreateOut](d, b)
}

func (d *driver) write(node, fh, off uint64, data string) unix.Errno {
	d.t.Helper()
	return d.status(opWrite, node, fuse.WriteIn{Fh: fh, Offset: off, Size: uint32(len(data))}, []byte(data))
}

func (d *driver) read(node, fh, off uint64, n uint32) string {
	d.t.Helper()
	e, b := d.do(opRead, node, fuse.ReadIn{Fh: fh, Offset: off, Size: n})
	d.want(0, e)
	return string(b)
}

func (d *driver) attr(node uint64) fuse.AttrOut {
	d.t.Helper()
	e, b := d.do(opGetAttr, node, fuse.GetAttrIn{})
	if e != 0 {
		d.t.Fatalf("attributes of %d: %v", node, e)
	}
	return as[fuse.AttrOut](d, b)
}

func (d *driver) forget(node, n uint64) {
	d.t.Helper()
	if got := d.s.Serve(request(opForget, 1, node, fuse.ForgetIn{Nlookup: n}), nil); got != 0 {
		d.t.Errorf("a FORGET is answered by %d bytes", got)
	}
}

// put writes a file of the host's.
func (d *driver) put(name, content string) {
	d.t.Helper()
	d.must(os.WriteFile(filepath.Join(d.dir, name), []byte(content), 0o644))
}

func (d *driver) host(name string) string { return filepath.Join(d.dir, name) }

// list gives all names of a directory, read with room for so many bytes.
func (d *driver) list(op uint32, node uint64, room uint32) (names []string) {
	d.t.Helper()
	e, b := d.do(opOpenDir, node, fuse.OpenIn{})
	d.want(0, e)
	fh := as[fuse.OpenOut](d, b).Fh
	for at := uint64(0); ; {
		e, b := d.do(op, node, fuse.ReadIn{Fh: fh, Offset: at, Size: room})
		d.want(0, e)
		if e != 0 || len(b) == 0 {
			break
		}
		for len(b) > 0 {
			if op == opReadDirPlus {
				b = b[binary.Size(fuse.EntryOut{}):]
			}
			at = binary.LittleEndian.Uint64(b[8:])
			n := int(binary.LittleEndian.Uint32(b[16:]))
			names = append(names, string(b[24:24+n]))
			b = b[(24+n+7)&^7:]
		}
	}
	d.want(0, d.status(opReleaseDir, node, fuse.ReleaseIn{Fh: fh}))
	return names
}
