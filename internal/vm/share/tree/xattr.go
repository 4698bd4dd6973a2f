package tree

import (
	"bytes"
	"errors"
	"strings"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// Extended attributes are those of users. What else there is, capabilities, labels and access lists, means something to the host's
// kernel, and a guest is not to decide about that.
const userPrefix = "user."

// maxXattr is XATTR_SIZE_MAX and XATTR_LIST_MAX.
const maxXattr = 64 << 10

// checkXattr looks at a name that the guest gives.
func checkXattr(name string) error {
	switch {
	case !strings.HasPrefix(name, userPrefix):
		return unix.EOPNOTSUPP
	case len(name) > maxName || strings.IndexByte(name, 0) >= 0:
		return unix.ERANGE
	}
	return nil
}

// withPath calls what needs the name of a regular file or a directory: others have no attributes like that.
func (t *Tree) withPath(id uint64, call func(path string) error) error {
	n, err := t.nodes.use(id)
	if err != nil {
		return err
	}
	defer t.nodes.release(n)
	var st unix.Stat_t
	if err := unix.Fstat(n.fd, &st); err != nil {
		return err
	}
	if kind := st.Mode & unix.S_IFMT; kind != unix.S_IFREG && kind != unix.S_IFDIR {
		return unix.EPERM
	}
	return call(procPath(n.fd))
}

// GetXAttr reads an attribute; without room it says how much that takes.
func (t *Tree) GetXAttr(_ <-chan struct{}, h *fuse.InHeader, name string, to []byte) (uint32, fuse.Status) {
	if checkXattr(name) != nil {
		return 0, fuse.ENODATA
	}
	size := 0
	err := t.withPath(h.NodeId, func(path string) (err error) {
		size, err = unix.Getxattr(path, name, to)
		return err
	})
	if errors.Is(err, unix.EPERM) {
		err = unix.ENODATA
	}
	return uint32(max(size, 0)), status(err)
}

// ListXAttr lists the names of attributes.
func (t *Tree) ListXAttr(_ <-chan struct{}, h *fuse.InHeader, to []byte) (uint32, fuse.Status) {
	var names []byte
	err := t.withPath(h.NodeId, func(path string) error {
		all := make([]byte, maxXattr)
		n, err := unix.Listxattr(path, all)
		for name := range bytes.SplitAfterSeq(all[:max(n, 0)], []byte{0}) {
			if bytes.HasPrefix(name, []byte(userPrefix)) {
				names = append(names, name...)
			}
		}
		return err
	})
	switch {
	case errors.Is(err, unix.EPERM):
		return 0, fuse.OK
	case err != nil:
		return 0, status(err)
	case len(to) == 0:
	case len(names) > len(to):
		return 0, fuse.ERANGE
	}
	copy(to, names)
	return uint32(len(names)), fuse.OK
}

// SetXAttr writes an attribute.
func (t *Tree) SetXAttr(_ <-chan struct{}, in *fuse.SetXAttrIn, name string, data []byte) fuse.Status {
	if err := t.mayXattr(name); err != nil {
		return status(err)
	}
	if in.Size > maxXattr || int(in.Size) > len(data) {
		return fuse.Status(unix.E2BIG)
	}
	return status(t.withPath(in.NodeId, func(path string) error {
		return unix.Setxattr(path, name, data[:in.Size], int(in.Flags))
	}))
}

// RemoveXAttr removes an attribute.
func (t *Tree) RemoveXAttr(_ <-chan struct{}, h *fuse.InHeader, name string) fuse.Status {
	if err := t.mayXattr(name); err != nil {
		return status(err)
	}
	return status(t.withPath(h.NodeId, func(path string) error { return unix.Removexattr(path, name) }))
}

func (t *Tree) mayXattr(name string) error {
	if t.o.ReadOnly {
		return unix.EROFS
	}
	return checkXattr(name)
}
