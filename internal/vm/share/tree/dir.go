package tree

import (
	"bytes"
	"encoding/binary"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// OpenDir opens a directory.
func (t *Tree) OpenDir(_ <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	n, err := t.nodes.use(in.NodeId)
	if err != nil {
		return status(err)
	}
	defer t.nodes.release(n)
	fd, err := t.reopen(n.fd, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NONBLOCK)
	if err != nil {
		return status(err)
	}
	out.Fh, err = t.open.add(fd)
	return status(err)
}

// ReleaseDir closes a directory.
func (t *Tree) ReleaseDir(in *fuse.ReleaseIn) { t.open.close(in.Fh) }

// FsyncDir makes a directory's names stable on the host.
func (t *Tree) FsyncDir(_ <-chan struct{}, in *fuse.FsyncIn) fuse.Status {
	return t.withHandle(in.Fh, func(fd int) error { return syncData(fd, in.FsyncFlags) })
}

// ReadDir lists names.
func (t *Tree) ReadDir(_ <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	return status(t.list(in, func(e *fuse.DirEntry) bool { return out.AddDirEntry(*e) }))
}

// ReadDirPlus lists names and what is behind them. A name that cannot be looked up, or is gone by then, is listed without.
func (t *Tree) ReadDirPlus(_ <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	n, err := t.nodes.use(in.NodeId)
	if err != nil {
		return status(err)
	}
	defer t.nodes.release(n)
	return status(t.list(in, func(e *fuse.DirEntry) bool {
		entry := out.AddDirLookupEntry(*e)
		if entry == nil {
			return false
		}
		if e.Name != "." && e.Name != ".." && t.enter(n, e.Name, entry) == nil {
			out.FixMode(entry.Mode)
		}
		return true
	}))
}

// chunk is how much of a directory is read at a time.
const chunk = 16 << 10

// list calls add with the entries from an offset on, until that has no more room. The offset is what the host's file system gave with
// the entry before.
func (t *Tree) list(in *fuse.ReadIn, add func(*fuse.DirEntry) bool) error {
	h, err := t.open.use(in.Fh)
	if err != nil {
		return err
	}
	defer t.open.release(h)
	h.mu.Lock()
	defer h.mu.Unlock()
	if at := int64(in.Offset); at != h.at {
		if _, err := unix.Seek(h.fd, at, unix.SEEK_SET); err != nil {
			return err
		}
		h.at = at
	}
	buf := t.chunks.Get().(*[chunk]byte)
	defer t.chunks.Put(buf)
	for some := false; ; some = true {
		n, err := retry(func() (int, error) { return unix.Getdents(h.fd, buf[:]) })
		if err != nil || n == 0 {
			if some {
				return nil // the guest asks again, and hears it then
			}
			return err
		}
		for rest := buf[:n]; len(rest) > 0; {
			var e fuse.DirEntry
			e, rest = nextEntry(rest)
			if len(e.Name) <= maxName && !add(&e) {
				_, err := unix.Seek(h.fd, h.at, unix.SEEK_SET)
				return err
			}
			h.at = int64(e.Off)
		}
	}
}

// struct linux_dirent64 (getdents64(2)).
const (
	direntOff    = 8
	direntLength = 16
	direntType   = 18
	direntName   = 19
)

// nextEntry takes the first entry of what the host's kernel has written.
func nextEntry(b []byte) (e fuse.DirEntry, rest []byte) {
	le := binary.LittleEndian
	n := int(le.Uint16(b[direntLength:]))
	name := b[direntName:n]
	if end := bytes.IndexByte(name, 0); end >= 0 {
		name = name[:end]
	}
	e = fuse.DirEntry{Ino: le.Uint64(b), Off: le.Uint64(b[direntOff:]), Mode: uint32(b[direntType]) << 12, Name: string(name)}
	return e, b[n:]
}
