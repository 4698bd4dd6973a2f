package tree

import (
	"errors"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// Lookup finds a name in a directory. That there is none is an answer too, which the guest may believe for a while.
func (t *Tree) Lookup(_ <-chan struct{}, h *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status {
	if err := checkName(name); err != nil {
		return status(err)
	}
	dir, err := t.nodes.use(h.NodeId)
	if err != nil {
		return status(err)
	}
	defer t.nodes.release(dir)
	err = t.enter(dir, name, out)
	if errors.Is(err, unix.ENOENT) && t.valid > 0 {
		out.EntryValid = t.valid
		return fuse.OK
	}
	return status(err)
}

// enter finds a name and gives the guest its node, which counts as a lookup.
func (t *Tree) enter(dir *node, name string, out *fuse.EntryOut) error {
	var st unix.Stat_t
	fd, err := find(dir.fd, name, &st)
	if err != nil {
		return err
	}
	return t.give(fd, &st, dir, name, out)
}

// give gives the guest a file that was found.
func (t *Tree) give(fd int, st *unix.Stat_t, dir *node, name string, out *fuse.EntryOut) error {
	n, err := t.nodes.add(fd, keyOf(st), dir, name)
	if err != nil {
		return err
	}
	out.NodeId = n.id
	out.EntryValid, out.AttrValid = t.valid, t.valid
	t.fill(&out.Attr, st)
	return nil
}

// Forget takes lookups back.
func (t *Tree) Forget(id, lookups uint64) { t.nodes.forget(id, lookups) }

// Readlink gives the text of a symbolic link.
func (t *Tree) Readlink(_ <-chan struct{}, h *fuse.InHeader) ([]byte, fuse.Status) {
	n, err := t.nodes.use(h.NodeId)
	if err != nil {
		return nil, status(err)
	}
	defer t.nodes.release(n)
	text := make([]byte, unix.PathMax)
	size, err := unix.Readlinkat(n.fd, "", text)
	if errors.Is(err, unix.ENOENT) { // says Linux of what is no link
		err = unix.EINVAL
	}
	return text[:max(size, 0)], status(err)
}

// Flush would be for what a close(2) on the host may find out. Without it, a guest saves itself a request for each close.
func (t *Tree) Flush(<-chan struct{}, *fuse.FlushIn) fuse.Status { return fuse.ENOSYS }

// StatFs describes the host's file system.
func (t *Tree) StatFs(_ <-chan struct{}, h *fuse.InHeader, out *fuse.StatfsOut) fuse.Status {
	n, err := t.nodes.use(h.NodeId)
	if err != nil {
		return status(err)
	}
	defer t.nodes.release(n)
	var st unix.Statfs_t
	if err := unix.Fstatfs(n.fd, &st); err != nil {
		return status(err)
	}
	*out = fuse.StatfsOut{
		Blocks: st.Blocks, Bfree: st.Bfree, Bavail: st.Bavail, Files: st.Files, Ffree: st.Ffree,
		Bsize: uint32(st.Bsize), NameLen: uint32(st.Namelen), Frsize: uint32(st.Frsize),
	}
	return fuse.OK
}
