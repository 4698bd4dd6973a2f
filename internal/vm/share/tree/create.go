package tree

import (
	"errors"
	"strconv"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// in gives the directory in which a name is to be made or removed.
func (t *Tree) in(id uint64, name string) (*node, error) {
	if t.o.ReadOnly {
		return nil, unix.EROFS
	}
	if err := checkName(name); err != nil {
		return nil, err
	}
	return t.nodes.use(id)
}

// make makes a name by call, and gives the guest what is there then.
func (t *Tree) make(h *fuse.InHeader, name string, out *fuse.EntryOut, call func(dir int) error) fuse.Status {
	dir, err := t.in(h.NodeId, name)
	if err != nil {
		return status(err)
	}
	defer t.nodes.release(dir)
	if err := call(dir.fd); err != nil {
		return status(err)
	}
	var st unix.Stat_t
	fd, err := find(dir.fd, name, &st)
	if err != nil {
		return status(err)
	}
	if err := t.adopt(fd, dir.fd, h, &st); err != nil {
		unix.Close(fd)
		return status(err)
	}
	return status(t.give(fd, &st, dir, name, out))
}

// adopt makes a new file the asking user's, and looks at it again.
func (t *Tree) adopt(fd, dir int, h *fuse.InHeader, st *unix.Stat_t) error {
	var parent unix.Stat_t
	if err := unix.Fstat(dir, &parent); err != nil {
		return err
	}
	if err := t.who.adopt(fd, h.Uid, h.Gid, parent.Mode); err != nil {
		return err
	}
	return unix.Fstat(fd, st)
}

// Mkdir makes a directory.
func (t *Tree) Mkdir(_ <-chan struct{}, in *fuse.MkdirIn, name string, out *fuse.EntryOut) fuse.Status {
	return t.make(&in.InHeader, name, out, func(dir int) error { return unix.Mkdirat(dir, name, permissions(in.Mode, true)) })
}

// Mknod makes an empty file, a FIFO or a socket. Devices are not made: they would be the host's.
func (t *Tree) Mknod(_ <-chan struct{}, in *fuse.MknodIn, name string, out *fuse.EntryOut) fuse.Status {
	switch in.Mode & unix.S_IFMT {
	case unix.S_IFREG, unix.S_IFIFO, unix.S_IFSOCK:
	default:
		return fuse.EPERM
	}
	mode := in.Mode&unix.S_IFMT | permissions(in.Mode, false)
	return t.make(&in.InHeader, name, out, func(dir int) error { return unix.Mknodat(dir, name, mode, 0) })
}

// Symlink makes a symbolic link. Its text may be anything: it is followed by the guest.
func (t *Tree) Symlink(_ <-chan struct{}, h *fuse.InHeader, text, name string, out *fuse.EntryOut) fuse.Status {
	return t.make(h, name, out, func(dir int) error { return unix.Symlinkat(text, dir, name) })
}

// Link gives a file one more name. The name in /proc is followed, and leads to the very file: a symbolic link itself is not.
func (t *Tree) Link(_ <-chan struct{}, in *fuse.LinkIn, name string, out *fuse.EntryOut) fuse.Status {
	dir, err := t.in(in.NodeId, name)
	if err != nil {
		return status(err)
	}
	defer t.nodes.release(dir)
	n, err := t.nodes.use(in.Oldnodeid)
	if err != nil {
		return status(err)
	}
	defer t.nodes.release(n)
	if err := unix.Linkat(t.proc, strconv.Itoa(n.fd), dir.fd, name, unix.AT_SYMLINK_FOLLOW); err != nil {
		return status(err)
	}
	return status(t.enter(dir, name, out))
}

// Create makes a file and opens it. The name may be there by then: that file is opened, unless the guest wants a new one.
func (t *Tree) Create(_ <-chan struct{}, in *fuse.CreateIn, name string, out *fuse.CreateOut) fuse.Status {
	dir, err := t.in(in.NodeId, name)
	if err != nil {
		return status(err)
	}
	defer t.nodes.release(dir)
	flags := openFlags(in.Flags)
	fd, err := openBeneath(dir.fd, name, flags|unix.O_CREAT|unix.O_EXCL, permissions(in.Mode, false))
	if errors.Is(err, unix.EEXIST) && in.Flags&unix.O_EXCL == 0 {
		return status(t.createOld(dir, name, flags|int(in.Flags&unix.O_TRUNC), out))
	}
	if err != nil {
		return status(err)
	}
	return status(t.createNew(fd, dir, name, in, out))
}

// createNew gives the guest a file that was just made.
func (t *Tree) createNew(fd int, dir *node, name string, in *fuse.CreateIn, out *fuse.CreateOut) error {
	var st unix.Stat_t
	path, err := -1, t.adopt(fd, dir.fd, &in.InHeader, &st)
	if err == nil {
		path, err = t.reopen(fd, unix.O_PATH)
	}
	if err == nil {
		err = t.give(path, &st, dir, name, &out.EntryOut)
	}
	if err != nil {
		unix.Close(fd)
		return err
	}
	return t.handOut(fd, out)
}

// createOld opens a file that was there.
func (t *Tree) createOld(dir *node, name string, flags int, out *fuse.CreateOut) error {
	if err := t.enter(dir, name, &out.EntryOut); err != nil {
		return err
	}
	n, err := t.nodes.use(out.NodeId)
	if err == nil {
		defer t.nodes.release(n)
		err = mustBe(n.fd, unix.S_IFREG)
	}
	fd := -1
	if err == nil {
		fd, err = t.reopen(n.fd, flags)
	}
	if err != nil {
		t.nodes.forget(out.NodeId, 1)
		return err
	}
	return t.handOut(fd, out)
}

// handOut gives the guest a handle besides a node, or neither.
func (t *Tree) handOut(fd int, out *fuse.CreateOut) error {
	fh, err := t.open.add(fd)
	if err != nil {
		t.nodes.forget(out.NodeId, 1)
		return err
	}
	out.Fh = fh
	if t.o.NoCache {
		out.OpenFlags = fuse.FOPEN_DIRECT_IO
	}
	return nil
}
