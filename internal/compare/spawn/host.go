package spawn

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// Host is the thread from which programs are started. Its methods may be called from any
// goroutine; one call is served at a time.
type Host struct {
	env  []string // of each program, in addition to this process's
	work chan func()
	gone chan struct{}
}

// NewHost starts the thread; env is added to the environment of each program. With private set it gets a mount
// namespace of its own, from which what is mounted at the given paths is taken away; this needs CAP_SYS_ADMIN.
func NewHost(env []string, private bool, unmount ...string) (*Host, error) {
	h := &Host{env: env, work: make(chan func()), gone: make(chan struct{})}
	ready := make(chan error)
	go h.serve(ready, private, unmount)
	if err := <-ready; err != nil {
		return nil, err
	}
	return h, nil
}

// serve never unlocks the thread: it ends with the goroutine, and its namespace with it.
func (h *Host) serve(ready chan<- error, private bool, unmount []string) {
	runtime.LockOSThread()
	defer close(h.gone)
	var err error
	if private {
		err = isolate(unmount)
	}
	ready <- err
	if err != nil {
		return
	}
	for f := range h.work {
		f()
	}
}

func isolate(unmount []string) error {
	if err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("unshare the mount namespace: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	for _, path := range unmount {
		if err := unix.Unmount(path, unix.MNT_DETACH); err != nil {
			return fmt.Errorf("unmount %s: %w", path, err)
		}
	}
	return nil
}

// Close ends the thread. Programs that live still are killed by the kernel: they asked
// for that when they were started.
func (h *Host) Close() {
	close(h.work)
	<-h.gone
}

// do runs f on the thread, and returns when it has.
func (h *Host) do(f func()) {
	done := make(chan struct{})
	h.work <- func() { defer close(done); f() }
	<-done
}

// Thread is the thread's ID: /proc/self/task has what the kernel knows of it.
func (h *Host) Thread() (id int) {
	h.do(func() { id = unix.Gettid() })
	return id
}
