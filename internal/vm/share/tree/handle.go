package tree

import (
	"sync"

	"golang.org/x/sys/unix"
)

// handle is a file or a directory that the guest has open.
type handle struct {
	fd    int
	users int // requests that have it in hand, and one while the guest has it

	mu sync.Mutex // a directory's: its position, see dir.go
	at int64
}

// handles has them by the numbers that the guest knows.
type handles struct {
	mu   sync.Mutex
	byFH map[uint64]*handle
	next uint64
	most int
}

func (t *handles) init(most int) {
	t.byFH, t.next, t.most = map[uint64]*handle{}, 1, most
}

// add makes a handle of a descriptor, which is closed if there are too many.
func (t *handles) add(fd int) (uint64, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.byFH) >= t.most {
		unix.Close(fd)
		return 0, unix.ENFILE
	}
	fh := t.next
	t.next++
	t.byFH[fh] = &handle{fd: fd, users: 1}
	return fh, nil
}

// use gives a handle that stays open until release.
func (t *handles) use(fh uint64) (*handle, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	h := t.byFH[fh]
	if h == nil {
		return nil, unix.EBADF
	}
	h.users++
	return h, nil
}

func (t *handles) release(h *handle) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if h.users--; h.users == 0 {
		unix.Close(h.fd)
	}
}

// close takes a handle away from the guest.
func (t *handles) close(fh uint64) {
	t.mu.Lock()
	h := t.byFH[fh]
	delete(t.byFH, fh)
	t.mu.Unlock()
	if h != nil {
		t.release(h)
	}
}

func (t *handles) closeAll() {
	t.mu.Lock()
	all := t.byFH
	t.byFH = map[uint64]*handle{}
	t.mu.Unlock()
	for _, h := range all {
		t.release(h)
	}
}
