package running

import (
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Watch is a hold on something that runs, to know when its name is free again.
type Watch struct{ lock *os.File }

// NewWatch looks at what runs in a directory that Find has found.
func NewWatch(dir string) (*Watch, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_RDWR|syscall.O_NOFOLLOW, 0)
	return &Watch{f}, err
}

// Await waits until its process has let go of the name, or until the time is over.
func (w *Watch) Await(limit time.Duration) {
	free := make(chan struct{})
	go func() {
		l := unix.Flock_t{Type: unix.F_RDLCK}
		for unix.FcntlFlock(w.lock.Fd(), unix.F_OFD_SETLKW, &l) == unix.EINTR {
		}
		w.lock.Close() // and with it the lock
		close(free)
	}()
	select {
	case <-free:
	case <-time.After(limit):
	}
}

// Close ends it without waiting.
func (w *Watch) Close() error { return w.lock.Close() }
