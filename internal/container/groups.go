package container

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"terem/internal/fault"

	"github.com/opencontainers/cgroups"
	"golang.org/x/sys/unix"
)

// groups are the control groups of one container: one in each hierarchy of cgroup v1, or
// one for all controllers of v2. They are called terem/ID.
type groups struct {
	manager manager    // nil: there are none
	parents []string   // the directories called terem
	mu      sync.Mutex // for the next two, which go at the end
	tasks   []*os.File // v1: the first stage writes itself into these
	dir     *os.File   // v2: the first stage is born in this one
	name    string     // of each of them
	frozen  string     // v1: the one that can be frozen; "": it is not made yet
	gone    bool       // they are removed
}

// manager is what the library makes of both versions.
type manager interface {
	Apply(pid int) error
	Set(*cgroups.Resources) error
	OOMKillCount() (uint64, error)
	GetPaths() map[string]string
	Destroy() error
}

// nobody, to the library's Apply, means to make groups and move no process into them.
const nobody = -1

// unified says whether this host has cgroup v2, and nothing but it.
func unified() bool { return cgroups.IsCgroup2UnifiedMode() }

// makeGroups makes the groups of a container and sets its limits. Where groups cannot be
// made and no limit was asked for, there are none.
func makeGroups(l Limits, root string) (*groups, error) {
	var disk blockDevice
	var err error
	if l.ReadBPS != 0 || l.WriteBPS != 0 {
		if disk, err = diskOf(root); err != nil {
			return nil, err
		}
	}
	plan := planV1
	if unified() {
		plan = planV2
	}
	g, err := plan(newGroupName(), l, l.resources(disk))
	if err == nil {
		return g, nil
	}
	var own *fault.Error
	switch {
	case errors.As(err, &own):
		return nil, err
	case len(l.needs()) == 0 && unavailable(err):
		return &groups{}, nil
	}
	return nil, &fault.Error{Class: fault.Host, Thing: "control groups", Err: err, Mend: "run terem as root, or without limits"}
}

// unavailable tells a host that lets nobody, or not this user, make groups.
func unavailable(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, unix.EROFS) || errors.Is(err, fs.ErrNotExist) || cgroups.IsNotFound(err)
}

// make makes what was planned.
func (g *groups) make(r *cgroups.Resources) error {
	g.sweep()
	err := g.manager.Apply(nobody)
	// Another terem takes the directory "terem" away when it is empty.
	for tries := 10; errors.Is(err, fs.ErrNotExist) && tries > 0; tries-- {
		err = g.manager.Apply(nobody)
	}
	if err == nil {
		err = g.manager.Set(r)
	}
	return err
}

// outOfMemory says whether the memory limit killed a process.
func (g *groups) outOfMemory() bool {
	if g.manager == nil {
		return false
	}
	n, err := g.manager.OOMKillCount()
	return err == nil && n > 0
}

// dirs are the directories of the groups.
func (g *groups) dirs() []string {
	if g.manager == nil {
		return nil
	}
	return slices.Sorted(maps.Values(g.manager.GetPaths()))
}

// doors are files by which a process joins the groups. They are the caller's to close.
func (g *groups) doors() (fds []int, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	add := func(fd int, err error) error {
		if err != nil {
			closeAll(fds)
			return err
		}
		fds = append(fds, fd)
		return nil
	}
	for _, f := range g.tasks {
		if err := add(unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)); err != nil {
			return nil, err
		}
	}
	if g.dir != nil {
		if err := add(unix.Openat(int(g.dir.Fd()), "cgroup.procs", unix.O_WRONLY|unix.O_CLOEXEC, 0)); err != nil {
			return nil, err
		}
	}
	return fds, nil
}

// destroy removes the groups, which must be empty by now.
func (g *groups) destroy() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.gone = true
	closeFiles(g.tasks)
	g.tasks = nil
	if g.dir != nil {
		g.dir.Close()
		g.dir = nil
	}
	if g.manager == nil {
		return nil
	}
	err := g.manager.Destroy()
	if g.frozen != "" {
		err = errors.Join(err, unix.Rmdir(g.frozen))
	}
	for _, dir := range g.parents {
		_ = unix.Rmdir(dir) // unless another container's groups are in it
	}
	return err
}

func closeFiles(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}

// noController is the error for a limit that this host cannot keep.
func noController(field, controller string) error {
	return &fault.Error{Class: fault.Host, Thing: field, Cause: "there is no control group controller for it here: " + controller,
		Mend: "leave the limit out"}
}

func exists(dir, file string) bool {
	_, err := os.Stat(filepath.Join(dir, file))
	return err == nil
}
