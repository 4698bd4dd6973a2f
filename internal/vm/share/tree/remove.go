package tree

import (
	"errors"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// known gives the node behind a name if the guest knows it, in hand; nil if not. So its descriptor is open before the name
// is gone: the guest may go on with it.
func (t *Tree) known(dir *node, name string) (*node, error) {
	var st unix.Stat_t
	if err := unix.Fstatat(dir.fd, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return nil, err
	}
	n, err := t.nodes.useKey(keyOf(&st))
	if errors.Is(err, unix.ESTALE) { // it is not where the table has it
		return nil, nil
	}
	return n, err
}

// remove removes a name.
func (t *Tree) remove(h *fuse.InHeader, name string, flags int) fuse.Status {
	dir, err := t.in(h.NodeId, name)
	if err != nil {
		return status(err)
	}
	defer t.nodes.release(dir)
	n, err := t.known(dir, name)
	if err != nil {
		return status(err)
	}
	if n != nil {
		defer t.nodes.release(n)
	}
	if err := unix.Unlinkat(dir.fd, name, flags); err != nil {
		return status(err)
	}
	if n != nil {
		t.nodes.keep(n)
	}
	return fuse.OK
}

// Unlink removes a file's name.
func (t *Tree) Unlink(_ <-chan struct{}, h *fuse.InHeader, name string) fuse.Status {
	return t.remove(h, name, 0)
}

// Rmdir removes an empty directory.
func (t *Tree) Rmdir(_ <-chan struct{}, h *fuse.InHeader, name string) fuse.Status {
	return t.remove(h, name, unix.AT_REMOVEDIR)
}

// renameFlags are those of renameat2(2) that a guest may use. A whiteout is a device.
const renameFlags = unix.RENAME_NOREPLACE | unix.RENAME_EXCHANGE

// Rename renames, and notes where the files are then.
func (t *Tree) Rename(_ <-chan struct{}, in *fuse.RenameIn, from, to string) fuse.Status {
	if in.Flags&^renameFlags != 0 {
		return fuse.EINVAL
	}
	source, err := t.in(in.NodeId, from)
	if err != nil {
		return status(err)
	}
	defer t.nodes.release(source)
	target, err := t.in(in.Newdir, to)
	if err != nil {
		return status(err)
	}
	defer t.nodes.release(target)
	moved, err := t.known(source, from)
	if err != nil {
		return status(err)
	}
	if moved != nil {
		defer t.nodes.release(moved)
	}
	other, err := t.known(target, to)
	if err != nil && !errors.Is(err, unix.ENOENT) {
		return status(err)
	}
	if other != nil {
		defer t.nodes.release(other)
	}
	if err := unix.Renameat2(source.fd, from, target.fd, to, uint(in.Flags)); err != nil {
		return status(err)
	}
	if other != nil && in.Flags&unix.RENAME_EXCHANGE != 0 {
		t.nodes.moved(other, source, from)
	} else if other != nil && other != moved {
		t.nodes.keep(other)
	}
	if moved != nil {
		t.nodes.moved(moved, target, to)
	}
	return fuse.OK
}
