package tree

import (
	"container/list"
	"errors"
	"sync"

	"golang.org/x/sys/unix"
)

// rootID is FUSE_ROOT_ID.
const rootID = 1

// maxNodes is how many files a guest may know at a time.
const maxNodes = 1 << 20

// key says which file it is.
type key struct{ dev, ino uint64 }

func keyOf(st *unix.Stat_t) key { return key{st.Dev, st.Ino} }

// node is a file that the guest knows. The table's lock is for all fields but id and key, and for fd while users is 0.
type node struct {
	id      uint64
	key     key
	fd      int    // O_PATH; -1: closed, to be opened again where it was
	users   int    // requests that have it in hand
	lookups uint64 // that the guest has not forgotten
	kept    bool   // it may have no name any more, so fd stays open
	idle    *list.Element

	parent   *node // where it was seen last, and its name there
	name     string
	children int // nodes whose parent it is

	settled int64 // the time of change at which its contents had been at rest, nanoseconds; see rested
}

// table has the nodes.
type table struct {
	mu    sync.Mutex
	root  *node
	byID  map[uint64]*node
	byKey map[key]*node
	next  uint64
	open  int       // descriptors
	most  int       // of them
	idle  list.List // nodes whose descriptor nobody uses, the longest unused first
}

func (t *table) init(dir int, k key, most int) {
	t.root = &node{id: rootID, key: k, fd: dir, kept: true, users: 1}
	t.most, t.open, t.next = most, 1, rootID+1
	t.byID, t.byKey = map[uint64]*node{rootID: t.root}, map[key]*node{k: t.root}
}

// step is a node that must be opened, and where.
type step struct {
	n, parent *node
	name      string
}

// use gives a node whose descriptor stays open until release.
func (t *table) use(id uint64) (*node, error) {
	t.mu.Lock()
	n := t.byID[id]
	if n == nil {
		t.mu.Unlock()
		return nil, unix.ESTALE
	}
	return n, t.hold(n)
}

// useKey is use for a file that the guest may know: nil if it does not.
func (t *table) useKey(k key) (*node, error) {
	t.mu.Lock()
	n := t.byKey[k]
	if n == nil {
		t.mu.Unlock()
		return nil, nil
	}
	return n, t.hold(n)
}

// hold takes a node in hand, with the lock held, which it gives back. Where the descriptor was closed, and that of its
// directory, and so on, they are opened again from above.
func (t *table) hold(n *node) (err error) {
	var steps []step
	t.take(n)
	for c := n; c.fd < 0; c = c.parent {
		steps = append(steps, step{c, c.parent, c.name})
		t.take(c.parent)
	}
	t.mu.Unlock()
	for i := len(steps) - 1; i >= 0; i-- {
		s := steps[i]
		if err == nil {
			err = t.again(s)
		}
		t.release(s.parent)
	}
	if err != nil {
		t.release(n)
	}
	return err
}

// take counts a user, with the lock held.
func (t *table) take(n *node) {
	n.users++
	if n.idle != nil {
		t.idle.Remove(n.idle)
		n.idle = nil
	}
}

// again opens a node where it was. The directory is in hand.
func (t *table) again(s step) error {
	var st unix.Stat_t
	fd, err := find(s.parent.fd, s.name, &st)
	if err == nil && keyOf(&st) != s.n.key {
		unix.Close(fd)
		err = unix.ENOENT
	}
	if errors.Is(err, unix.ENOENT) {
		return unix.ESTALE
	}
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if s.n.fd >= 0 { // another request was faster
		unix.Close(fd)
		return nil
	}
	s.n.fd = fd
	t.open++
	return nil
}

// release gives a node back.
func (t *table) release(n *node) {
	t.mu.Lock()
	n.users--
	t.settle(n)
	t.evict()
	t.mu.Unlock()
}

// settle drops a node that nobody needs, and then perhaps its directory; one that nobody uses becomes idle. The lock is held.
func (t *table) settle(n *node) {
	for n.users == 0 && n.lookups == 0 && n.children == 0 {
		if n.fd >= 0 {
			t.shut(n)
		}
		delete(t.byID, n.id)
		delete(t.byKey, n.key)
		n = n.parent
		n.children--
	}
	if n.users == 0 && n.fd >= 0 && !n.kept && n.idle == nil {
		n.idle = t.idle.PushBack(n)
	}
}

// shut closes the descriptor of a node that nobody uses. The lock is held.
func (t *table) shut(n *node) {
	if n.idle != nil {
		t.idle.Remove(n.idle)
		n.idle = nil
	}
	unix.Close(n.fd)
	n.fd = -1
	t.open--
}

// evict closes descriptors that are too many, and says whether that sufficed. The lock is held.
func (t *table) evict() bool {
	for t.open > t.most && t.idle.Len() > 0 {
		t.shut(t.idle.Front().Value.(*node))
	}
	return t.open <= t.most
}

// add gives the node of a file that was found in a directory, which is in hand, and counts one more lookup. The descriptor is the
// table's from then on.
func (t *table) add(fd int, k key, parent *node, name string) (*node, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.byKey[k]
	switch {
	case n == nil:
		if len(t.byID) >= maxNodes || t.open >= t.most && t.idle.Len() == 0 {
			unix.Close(fd)
			return nil, unix.ENFILE
		}
		n = &node{id: t.next, key: k, fd: fd, parent: parent, name: name}
		t.next++
		t.open++
		parent.children++
		t.byID[n.id], t.byKey[k] = n, n
	case n.fd < 0:
		n.fd = fd
		t.open++
		t.move(n, parent, name)
	default:
		unix.Close(fd)
		t.move(n, parent, name)
	}
	n.lookups++
	t.settle(n)
	t.evict()
	return n, nil
}

// move notes where a node was seen, unless that is below itself: of a tree that changes, the table may know old places. The lock is
// held.
func (t *table) move(n, parent *node, name string) {
	if n == t.root || n.parent == parent && n.name == name {
		return
	}
	for p := parent; p != nil; p = p.parent {
		if p == n {
			return
		}
	}
	old := n.parent
	parent.children++
	n.parent, n.name = parent, name
	old.children--
	t.settle(old)
}

// moved is move for a node in hand that the guest has renamed.
func (t *table) moved(n, parent *node, name string) {
	t.mu.Lock()
	t.move(n, parent, name)
	t.mu.Unlock()
}

// keep has the descriptor of a node in hand stay open: its name is gone, or may be.
func (t *table) keep(n *node) {
	t.mu.Lock()
	n.kept = true
	t.mu.Unlock()
}

// forget takes lookups back.
func (t *table) forget(id, lookups uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.byID[id]
	if n == nil || n == t.root {
		return
	}
	n.lookups -= min(lookups, n.lookups)
	t.settle(n)
}

// forgetAll drops all nodes but the root. None is in hand.
func (t *table) forgetAll() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, n := range t.byID {
		if n != t.root && n.fd >= 0 {
			t.shut(n)
		}
	}
	t.root.children = 0
	t.byID, t.byKey = map[uint64]*node{rootID: t.root}, map[key]*node{t.root.key: t.root}
}

// rest is for how long a file must not have changed for its time of change to say that it is the same: the clock of file
// times stands still for some milliseconds, and what is written in such a moment has the same time.
const rest = int64(2e9)

// rested says whether the guest may keep what it has read of a file that was changed at a time: it was at rest with that time
// before, when the guest last began to read it.
func (t *table) rested(n *node, changed, clock int64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n.settled == changed {
		return true
	}
	if clock-changed > rest {
		n.settled = changed
	}
	return false
}
