package ext4

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// lost is where a repair puts what has no name; it shall have room there.
const (
	lost       = "lost+found"
	lostBlocks = 4
)

// Fill writes a tree into the empty file system in f. Errors about a file are *Error.
// Where the file system is too small, they wrap ErrFull. Those of f are not among them.
func Fill(ctx context.Context, f File, root *Node) error {
	v, err := open(f)
	if err != nil {
		return err
	}
	if !root.isDir() {
		return &Error{"/", errors.New("it is no directory")}
	}
	if err := addLost(root); err != nil {
		return err
	}
	root.ino = rootInode
	w := &writer{v: v, ctx: ctx}
	if err := w.walk(root, root, w.number); err != nil {
		return err
	}
	clear(w.path)
	w.path, w.seen = nil, 0
	if err := w.walk(root, root, w.write); err != nil {
		return err
	}
	return v.close()
}

func addLost(root *Node) error {
	if n := root.Children[lost]; n != nil {
		if !n.isDir() {
			return &Error{"/" + lost, errors.New("ext4 needs a directory of this name")}
		}
		return nil
	}
	if root.Children == nil {
		root.Children = map[string]*Node{}
	}
	root.Children[lost] = &Node{Mode: unix.S_IFDIR | 0o700, Times: root.Times}
	return nil
}

// writer walks a tree twice in the same order.
type writer struct {
	v    *volume
	ctx  context.Context
	path []string
	seen uint32 // the highest inode that is written
}

// walk calls do for each name, a directory before what is in it.
func (w *writer) walk(n, parent *Node, do func(n, parent *Node) error) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	if err := do(n, parent); err != nil {
		var said *Error
		var image imageError
		if errors.As(err, &said) || errors.As(err, &image) {
			return err
		}
		return &Error{"/" + strings.Join(w.path, "/"), err}
	}
	for _, name := range slices.Sorted(maps.Keys(n.Children)) {
		w.path = append(w.path, name)
		if err := w.walk(n.Children[name], n, do); err != nil {
			return err
		}
		w.path = w.path[:len(w.path)-1]
	}
	return nil
}

// number checks a node and gives it an inode, and counts its names.
func (w *writer) number(n, parent *Node) (err error) {
	if len(w.path) > 0 {
		if err := checkName(w.path[len(w.path)-1]); err != nil {
			return err
		}
	}
	n.links++
	if n.isDir() {
		n.links++ // "." in it
		if n != parent {
			parent.links++ // ".." in it
		}
	} else if n.links > maxLinks {
		return fmt.Errorf("more than %d names: ext4 cannot count them", maxLinks)
	}
	if n.links > 1 && n.ino != 0 && !n.isDir() {
		return nil // another name
	}
	if n.ino == 0 {
		if n.ino, err = w.v.takeInode(); err != nil {
			return err
		}
	}
	return n.check()
}

// write writes a node and all that belongs to it, unless another name came first.
func (w *writer) write(n, parent *Node) error {
	if n.ino <= w.seen {
		return nil
	}
	w.seen = n.ino
	var i inode
	var x extents
	var err error
	switch n.kind() {
	case unix.S_IFDIR:
		err = w.directory(n, parent, &i, &x)
	case unix.S_IFREG:
		i.size = n.Size
		err = w.v.copyData(w.ctx, n, &x)
	case unix.S_IFLNK:
		i.size = int64(len(n.Target))
		if len(n.Target) < blockBytes {
			copy(i.block[:], n.Target)
			break
		}
		b := make([]byte, blockSize)
		copy(b, n.Target)
		err = w.v.store([][]byte{b}, &x)
	case unix.S_IFCHR, unix.S_IFBLK:
		putDevice(i.block[:], n.Major, n.Minor)
	}
	if err != nil {
		return err
	}
	if k := n.kind(); k == unix.S_IFDIR || k == unix.S_IFREG || len(x.list) > 0 {
		i.flags |= flagExtents
		if err := w.v.tree(&x, w.v.inodeSeed(n.ino), i.block[:]); err != nil {
			return err
		}
	}
	i.blocks = x.blocks()
	if err := w.v.attrs(n, &i); err != nil {
		return err
	}
	return w.v.put(n, w.v.encode(n, &i))
}

func (w *writer) directory(n, parent *Node, i *inode, x *extents) error {
	least := 1
	if len(w.path) == 1 && w.path[0] == lost {
		least = lostBlocks
	}
	indexed, size, err := w.v.writeDir(n, parent, least, x)
	if indexed {
		i.flags |= flagIndex
	}
	i.size = size
	return err
}
