package tree

import (
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// openFlags are the flags of a guest's open(2) that mean something on the host. O_TRUNC comes as a change of size, O_DIRECT says what
// the guest's own cache is to do.
func openFlags(flags uint32) int {
	const kept = unix.O_ACCMODE | unix.O_APPEND | unix.O_DSYNC | unix.O_SYNC
	return int(flags&kept) | unix.O_NONBLOCK | unix.O_NOCTTY
}

// Open opens a regular file.
func (t *Tree) Open(_ <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	if t.o.ReadOnly && in.Flags&unix.O_ACCMODE != unix.O_RDONLY {
		return fuse.EROFS
	}
	n, err := t.nodes.use(in.NodeId)
	if err != nil {
		return status(err)
	}
	defer t.nodes.release(n)
	if err := mustBe(n.fd, unix.S_IFREG); err != nil {
		return status(err)
	}
	fd, err := t.reopen(n.fd, openFlags(in.Flags))
	if err != nil {
		return status(err)
	}
	return status(t.opened(fd, n, out))
}

// opened makes a handle, and says what the guest may keep in its page cache. Without this flag it drops that now, and later whenever it sees
// that the file has changed.
func (t *Tree) opened(fd int, n *node, out *fuse.OpenOut) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		unix.Close(fd)
		return err
	}
	fh, err := t.open.add(fd)
	if err != nil {
		return err
	}
	out.Fh = fh
	switch {
	case t.o.NoCache:
		out.OpenFlags = fuse.FOPEN_DIRECT_IO
	case t.nodes.rested(n, st.Mtim.Nano(), now().UnixNano()):
		out.OpenFlags = fuse.FOPEN_KEEP_CACHE
	}
	return nil
}

// Release closes a file.
func (t *Tree) Release(_ <-chan struct{}, in *fuse.ReleaseIn) { t.open.close(in.Fh) }

// withHandle calls what needs an open file.
func (t *Tree) withHandle(fh uint64, call func(fd int) error) fuse.Status {
	h, err := t.open.use(fh)
	if err != nil {
		return status(err)
	}
	defer t.open.release(h)
	return status(call(h.fd))
}

// withWritable is withHandle for what changes a file.
func (t *Tree) withWritable(fh uint64, call func(fd int) error) fuse.Status {
	if t.o.ReadOnly {
		return fuse.EROFS
	}
	return t.withHandle(fh, call)
}

// Read reads at the place where the answer goes.
func (t *Tree) Read(_ <-chan struct{}, in *fuse.ReadIn, _ []byte) (fuse.ReadResult, fuse.Status) {
	h, err := t.open.use(in.Fh)
	if err != nil {
		return nil, status(err)
	}
	return &reading{t: t, h: h, at: int64(in.Offset), size: int(in.Size)}, fuse.OK
}

// reading is a read that go-fuse carries out when it has laid the answer out. It holds the handle until then.
type reading struct {
	t    *Tree
	h    *handle
	at   int64
	size int
}

// Size is how many bytes it is at most.
func (r *reading) Size() int { return r.size }

// Readv reads into buffers.
func (r *reading) Readv(to [][]byte) (int, fuse.Status) {
	n, err := retry(func() (int, error) { return unix.Preadv(r.h.fd, to, r.at) })
	return max(n, 0), status(err)
}

// Bytes reads into one buffer.
func (r *reading) Bytes(to []byte) ([]byte, fuse.Status) {
	n, s := r.Readv([][]byte{to[:min(len(to), r.size)]})
	return to[:n], s
}

// Done gives the handle back.
func (r *reading) Done() { r.t.open.release(r.h) }

// killSuidGid is FUSE_WRITE_KILL_SUIDGID in WriteIn.WriteFlags.
const killSuidGid = 1 << 2

// Write writes.
func (t *Tree) Write(_ <-chan struct{}, in *fuse.WriteIn, data []byte) (written uint32, s fuse.Status) {
	if in.WriteFlags&killSuidGid != 0 {
		if err := t.plainByID(in.NodeId); err != nil {
			return 0, status(err)
		}
	}
	s = t.withWritable(in.Fh, func(fd int) error {
		n, err := retry(func() (int, error) { return unix.Pwrite(fd, data, int64(in.Offset)) })
		written = uint32(max(n, 0))
		return err
	})
	return written, s
}

// Writev would take data in pieces; it comes in one.
func (t *Tree) Writev(<-chan struct{}, *fuse.WriteIn, [][]byte) (uint32, fuse.Status) {
	return 0, fuse.ENOSYS
}

func (t *Tree) plainByID(id uint64) error {
	n, err := t.nodes.use(id)
	if err != nil {
		return err
	}
	defer t.nodes.release(n)
	if t.o.ReadOnly {
		return unix.EROFS
	}
	return t.plain(n)
}

// Fsync makes a file stable on the host.
func (t *Tree) Fsync(_ <-chan struct{}, in *fuse.FsyncIn) fuse.Status {
	return t.withHandle(in.Fh, func(fd int) error { return syncData(fd, in.FsyncFlags) })
}

// syncData syncs the data alone if the lowest bit says so (FUSE_FSYNC_FDATASYNC).
func syncData(fd int, flags uint32) error {
	if flags&1 != 0 {
		return unix.Fdatasync(fd)
	}
	return unix.Fsync(fd)
}

// Fallocate takes what fallocate(2) takes for the guest's file systems too.
func (t *Tree) Fallocate(_ <-chan struct{}, in *fuse.FallocateIn) fuse.Status {
	const may = unix.FALLOC_FL_KEEP_SIZE | unix.FALLOC_FL_PUNCH_HOLE | unix.FALLOC_FL_ZERO_RANGE
	if in.Mode&^may != 0 {
		return fuse.Status(unix.EOPNOTSUPP)
	}
	return t.withWritable(in.Fh, func(fd int) error {
		return unix.Fallocate(fd, in.Mode, int64(in.Offset), int64(in.Length))
	})
}

// Lseek finds data and holes.
func (t *Tree) Lseek(_ <-chan struct{}, in *fuse.LseekIn, out *fuse.LseekOut) fuse.Status {
	if in.Whence != unix.SEEK_DATA && in.Whence != unix.SEEK_HOLE {
		return fuse.EINVAL
	}
	return t.withHandle(in.Fh, func(fd int) error {
		at, err := unix.Seek(fd, int64(in.Offset), int(in.Whence))
		out.Offset = uint64(at)
		return err
	})
}

// CopyFileRange copies on the host, without the bytes' way through the guest.
func (t *Tree) CopyFileRange(_ <-chan struct{}, in *fuse.CopyFileRangeIn) (written uint32, s fuse.Status) {
	from, err := t.open.use(in.FhIn)
	if err != nil {
		return 0, status(err)
	}
	defer t.open.release(from)
	s = t.withWritable(in.FhOut, func(fd int) error {
		off, to := int64(in.OffIn), int64(in.OffOut)
		n, err := unix.CopyFileRange(from.fd, &off, fd, &to, int(min(in.Len, maxCopy)), 0)
		written = uint32(max(n, 0))
		return err
	})
	return written, s
}

// maxCopy is the most that one request copies, so that none takes long.
const maxCopy = 16 << 20
