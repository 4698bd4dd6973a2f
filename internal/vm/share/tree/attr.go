package tree

import (
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// fill says what the host says of a file.
func (t *Tree) fill(a *fuse.Attr, st *unix.Stat_t) {
	uid, gid := t.who.shown(st.Uid, st.Gid)
	*a = fuse.Attr{
		Ino: t.number(st), Size: uint64(st.Size), Blocks: uint64(st.Blocks),
		Atime: uint64(st.Atim.Sec), Atimensec: uint32(st.Atim.Nsec),
		Mtime: uint64(st.Mtim.Sec), Mtimensec: uint32(st.Mtim.Nsec),
		Ctime: uint64(st.Ctim.Sec), Ctimensec: uint32(st.Ctim.Nsec),
		Mode: st.Mode, Nlink: uint32(st.Nlink), Owner: fuse.Owner{Uid: uid, Gid: gid},
		Rdev: uint32(st.Rdev), Blksize: uint32(st.Blksize),
	}
}

// number is a file's inode number: of another file system that is mounted below, with its device in the upper bits.
func (t *Tree) number(st *unix.Stat_t) uint64 {
	if st.Dev == t.nodes.root.key.dev {
		return st.Ino
	}
	return st.Ino ^ st.Dev<<40
}

// GetAttr says what the host says of a node.
func (t *Tree) GetAttr(_ <-chan struct{}, in *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	n, err := t.nodes.use(in.NodeId)
	if err != nil {
		return status(err)
	}
	defer t.nodes.release(n)
	return status(t.attributes(n, out))
}

func (t *Tree) attributes(n *node, out *fuse.AttrOut) error {
	var st unix.Stat_t
	if err := unix.Fstat(n.fd, &st); err != nil {
		return err
	}
	out.AttrValid = t.valid
	t.fill(&out.Attr, &st)
	return nil
}

// SetAttr changes mode, owners, size and times, in that order: a change of owners takes bits off the mode, as it does on the
// host.
func (t *Tree) SetAttr(_ <-chan struct{}, in *fuse.SetAttrIn, out *fuse.AttrOut) fuse.Status {
	if t.o.ReadOnly {
		return fuse.EROFS
	}
	n, err := t.nodes.use(in.NodeId)
	if err != nil {
		return status(err)
	}
	defer t.nodes.release(n)
	for _, set := range []func(*node, *fuse.SetAttrIn) error{t.setOwner, t.setMode, t.setSize, t.setTimes} {
		if err := set(n, in); err != nil {
			return status(err)
		}
	}
	return status(t.attributes(n, out))
}

func (t *Tree) setMode(n *node, in *fuse.SetAttrIn) error {
	mode, ok := in.GetMode()
	if !ok {
		return nil
	}
	var st unix.Stat_t
	if err := unix.Fstat(n.fd, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT == unix.S_IFLNK { // its mode means nothing
		return unix.EOPNOTSUPP
	}
	return unix.Fchmodat(unix.AT_FDCWD, procPath(n.fd), permissions(mode, st.Mode&unix.S_IFMT == unix.S_IFDIR), 0)
}

// permissions are what a file gets of those that a guest asks for: none that would have whoever executes it on the host act with its owner's or its
// group's rights. A directory's set-group-ID bit says whose the files in it are, and stays.
func permissions(mode uint32, dir bool) uint32 {
	mode &= 07777 &^ unix.S_ISUID
	if !dir {
		mode &^= unix.S_ISGID
	}
	return mode
}

func (t *Tree) setOwner(n *node, in *fuse.SetAttrIn) error {
	uid, first := in.GetUID()
	gid, second := in.GetGID()
	if !first && !second {
		return nil
	}
	u, g, err := t.who.given(uid, gid)
	if err != nil {
		return err
	}
	return unix.Fchownat(n.fd, "", u, g, unix.AT_EMPTY_PATH)
}

// setSize cuts or extends a file: one that the guest has open, or else one that is opened for that.
func (t *Tree) setSize(n *node, in *fuse.SetAttrIn) error {
	size, ok := in.GetSize()
	if !ok {
		return nil
	}
	if size > maxSize {
		return unix.EFBIG
	}
	if in.Valid&fuse.FATTR_KILL_SUIDGID != 0 {
		if err := t.plain(n); err != nil {
			return err
		}
	}
	if fh, ok := in.GetFh(); ok {
		h, err := t.open.use(fh)
		if err != nil {
			return err
		}
		defer t.open.release(h)
		return unix.Ftruncate(h.fd, int64(size))
	}
	if err := mustBe(n.fd, unix.S_IFREG); err != nil {
		return err
	}
	fd, err := t.reopen(n.fd, unix.O_WRONLY|unix.O_NONBLOCK)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Ftruncate(fd, int64(size))
}

// maxSize is the most that a file's size may be: MAX_LFS_FILESIZE.
const maxSize = 1<<63 - 1

// mustBe looks what kind of file a descriptor has.
func mustBe(fd int, kind uint32) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	switch is := st.Mode & unix.S_IFMT; {
	case is == kind:
		return nil
	case kind == unix.S_IFDIR:
		return unix.ENOTDIR
	case is == unix.S_IFDIR:
		return unix.EISDIR
	case is == unix.S_IFLNK:
		return unix.ELOOP
	}
	return unix.ENXIO // a FIFO, a socket or a device is the guest kernel's business
}

func (t *Tree) setTimes(n *node, in *fuse.SetAttrIn) error {
	if in.Valid&(fuse.FATTR_ATIME|fuse.FATTR_MTIME) == 0 {
		return nil
	}
	ts := []unix.Timespec{
		timeFor(in.Valid, fuse.FATTR_ATIME, fuse.FATTR_ATIME_NOW, in.Atime, in.Atimensec),
		timeFor(in.Valid, fuse.FATTR_MTIME, fuse.FATTR_MTIME_NOW, in.Mtime, in.Mtimensec),
	}
	err := unix.UtimesNanoAt(n.fd, "", ts, unix.AT_EMPTY_PATH)
	if err == unix.EINVAL || err == unix.ENOENT { // Linux before 5.8
		err = unix.UtimesNanoAt(unix.AT_FDCWD, procPath(n.fd), ts, 0)
	}
	return err
}

// timeFor is a file time that is to be set, or not.
func timeFor(valid, set, current uint32, sec uint64, nsec uint32) unix.Timespec {
	switch {
	case valid&set == 0:
		return unix.Timespec{Nsec: unix.UTIME_OMIT}
	case valid&current != 0:
		return unix.Timespec{Nsec: unix.UTIME_NOW}
	}
	return unix.Timespec{Sec: int64(sec), Nsec: int64(nsec % 1e9)}
}

// plain takes the bits off a file that would let others run it with its owner's rights. The guest asks for it with what somebody
// writes who may not keep them (FUSE_HANDLE_KILLPRIV_V2).
func (t *Tree) plain(n *node) error {
	var st unix.Stat_t
	if err := unix.Fstat(n.fd, &st); err != nil {
		return err
	}
	mode := st.Mode & 07777
	kept := mode &^ unix.S_ISUID
	if mode&unix.S_IXGRP != 0 {
		kept &^= unix.S_ISGID
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG || kept == mode {
		return nil
	}
	return unix.Fchmodat(unix.AT_FDCWD, procPath(n.fd), kept, 0)
}
