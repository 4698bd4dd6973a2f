package image

import (
	"errors"
	"strings"

	"golang.org/x/sys/unix"

	"terem/internal/vm/disk/ext4"
)

// tree is what goes into an image: in memory, so that whatever a tar's names and links say,
// nothing of the host is touched. Contents are elsewhere.
type tree struct {
	root  *ext4.Node
	sizes map[*ext4.Node]int64 // what contents take on a disk, in bytes
	cost  int64                // bytes that all this takes in memory
}

// What a tree may have. A tar of a few MB can name a thousand times as many files.
const (
	maxDepth  = 2048    // directories within directories
	maxCost   = 4 << 30 // bytes of memory
	nodeCost  = 512     // of a file, roughly, in bytes
	chunkCost = 48      // of one of its ranges
	maxLinks  = 40      // symbolic links on one way, as in Linux
)

var (
	errDeep   = errors.New("more than 2048 directories deep")
	errCost   = errors.New("more files than there is memory for (4 GiB)")
	errNoName = errors.New(`a name that ends in ".."`)
	errIsRoot = errors.New("the root is no directory")
)

func newTree() *tree { return &tree{root: directory(), sizes: map[*ext4.Node]int64{}} }

// directory is one that nobody has described: root's, as tar makes it.
func directory() *ext4.Node {
	return &ext4.Node{Mode: unix.S_IFDIR | 0o755, Children: map[string]*ext4.Node{}}
}

func kind(n *ext4.Node) uint32 { return n.Mode & unix.S_IFMT }

// split takes a path apart. The way to the last name may have "..", which stops at the root.
func split(path string) (way []string, last string, err error) {
	for part := range strings.SplitSeq(path, "/") {
		if part != "" && part != "." {
			way = append(way, part)
		}
	}
	if len(way) == 0 {
		return nil, "", nil
	}
	last = way[len(way)-1]
	if last == ".." {
		return nil, "", errNoName
	}
	return way[:len(way)-1], last, nil
}

// enter goes a way from the root. Symbolic links are followed within the tree, as if its
// root were that of the system. It makes directories that are missing, if it may.
func (t *tree) enter(way []string, mkdir bool) (*ext4.Node, error) {
	stack, links := []*ext4.Node{t.root}, 0
	for len(way) > 0 {
		name, here := way[0], stack[len(stack)-1]
		way = way[1:]
		switch name {
		case "", ".":
			continue
		case "..":
			stack = stack[:max(1, len(stack)-1)]
			continue
		}
		next := here.Children[name]
		if next == nil {
			if !mkdir {
				return nil, unix.ENOENT
			}
			next = directory()
			if err := t.pay(name, next); err != nil {
				return nil, err
			}
			here.Children[name] = next
		}
		switch kind(next) {
		case unix.S_IFDIR:
			if stack = append(stack, next); len(stack) > maxDepth {
				return nil, errDeep
			}
		case unix.S_IFLNK:
			if links++; links > maxLinks {
				return nil, unix.ELOOP
			}
			if len(next.Target) >= unix.PathMax { // ext4 has no room for it either
				return nil, unix.ENAMETOOLONG
			}
			if strings.HasPrefix(next.Target, "/") {
				stack = stack[:1]
			}
			way = append(strings.Split(next.Target, "/"), way...)
		default:
			return nil, unix.ENOTDIR
		}
	}
	return stack[len(stack)-1], nil
}

// pay counts a new node.
func (t *tree) pay(name string, n *ext4.Node) error {
	t.cost += nodeCost + int64(len(name)+len(n.Target))
	for key, value := range n.Attrs {
		t.cost += int64(len(key) + len(value))
	}
	if t.cost > maxCost {
		return errCost
	}
	return nil
}

// put gives a node a name. What had it before is replaced, but a directory stays and only
// gets what is said of the new one; and one that has something in it stays.
func (t *tree) put(path string, n *ext4.Node) error {
	way, last, err := split(path)
	if err != nil {
		return err
	}
	isDir := kind(n) == unix.S_IFDIR
	if last == "" {
		if !isDir {
			return errIsRoot
		}
		n.Children = t.root.Children
		*t.root = *n
		return nil
	}
	dir, err := t.enter(way, true)
	if err != nil {
		return err
	}
	if err := t.pay(last, n); err != nil {
		return err
	}
	old := dir.Children[last]
	switch {
	case old == nil || kind(old) != unix.S_IFDIR:
		if isDir {
			n.Children = map[string]*ext4.Node{}
		}
	case isDir:
		n.Children = old.Children
		*old = *n
		return nil
	case len(old.Children) > 0:
		return unix.ENOTEMPTY
	}
	dir.Children[last] = n
	return nil
}

// link gives a file another name.
func (t *tree) link(path, target string) error {
	way, last, err := split(target)
	if err != nil {
		return err
	}
	dir, err := t.enter(way, false)
	if err != nil {
		return err
	}
	n := dir.Children[last]
	switch {
	case n == nil:
		return unix.ENOENT
	case kind(n) == unix.S_IFDIR:
		return unix.EISDIR
	}
	return t.put(path, n)
}

// weigh counts the files of a tree and what they take on a disk, in bytes: a block each,
// and their contents.
func (t *tree) weigh() (total, files uint64) {
	seen := map[*ext4.Node]bool{}
	var add func(n *ext4.Node)
	add = func(n *ext4.Node) {
		if kind(n) != unix.S_IFDIR {
			if seen[n] {
				return
			}
			seen[n] = true
		}
		files++
		total += fileBlock + uint64(t.sizes[n])
		for _, c := range n.Children {
			add(c)
		}
	}
	add(t.root)
	return total, files
}

// fileBlock is what a file takes beside its contents, in bytes, and the unit of those.
const fileBlock = 4096
