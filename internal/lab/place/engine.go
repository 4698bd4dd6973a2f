package place

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"terem/internal/fault"
)

// engine is a program of this host's that makes containers.
type engine struct {
	program  string
	path     string   // where it was found
	missing  string   // why it cannot be used; empty: it can
	flags    []string // of a runtime, before its command
	portable bool     // it can be taken along into a machine of terem's
	left     error    // why it was not
}

// Engines looks for those of these names in $PATH, and gives them as places like All's. Nothing is asked of the others. It ends early
// with ctx.
func Engines(ctx context.Context, names []string) (list []Isolation) {
	for _, name := range EngineNames() {
		if slices.Contains(names, name) && ctx.Err() == nil {
			list = append(list, lookFor(ctx, name))
		}
	}
	return list
}

func lookFor(ctx context.Context, name string) Isolation {
	switch name {
	case "crun":
		return ociRuntime(name, "an OCI runtime, with what engines ask it for", true)
	case "runc":
		return ociRuntime(name, "the OCI runtime below docker, with what engines ask it for", true)
	case "runsc":
		return ociRuntime(name, "gVisor: a kernel in user space answers the program's system calls", false, "--network=none")
	case "podman":
		return newPodman()
	}
	return newDocker(ctx)
}

// EngineNames are the names of all of them.
func EngineNames() []string { return []string{"crun", "runc", "runsc", "podman", "docker"} }

// findEngine looks for a program.
func findEngine(program string) engine {
	e := engine{program: program}
	path, err := exec.LookPath(program)
	if err != nil {
		e.missing = program + ": not installed"
		if !errors.Is(err, exec.ErrNotFound) {
			e.missing = program + ": " + err.Error()
		}
	}
	e.path = path
	return e
}

// Carry has the machines take engines along.
func (w *Workspace) Carry(all []Isolation) {
	for _, i := range all {
		if i.engine != nil && i.engine.portable && i.engine.missing == "" {
			w.carried = append(w.carried, i.engine)
		}
	}
}

// Absent says why an engine cannot be used at all; empty: it can, or is terem itself.
func (i Isolation) Absent() string {
	if i.engine == nil {
		return ""
	}
	return i.engine.missing
}

func ociRuntime(program, note string, portable bool, flags ...string) Isolation {
	e := findEngine(program)
	e.flags, e.portable = flags, portable
	return Isolation{Name: program, Title: program, Note: note, needsRoot: true, engine: &e, open: e.open}
}

// open makes two containers of a runtime's.
func (e *engine) open(ctx context.Context, w *Workspace, n Need) (*Pair, error) {
	g, p, err := w.ground(ctx, n, forOnce)
	if err != nil {
		return nil, err
	}
	path, root := e.path, w.rootDir()
	if n.Disposable && e.left != nil {
		p.Close()
		return nil, e.left
	}
	if n.Disposable {
		path, root = e.inside(), innerRoot
	} else {
		p.undo = append(p.undo, func() { w.removeGroups() })
	}
	for who, place := range map[string]*Place{"victim": &p.Victim, "attacker": &p.Attacker} {
		box := ociBox{id: w.boxID(), root: root}
		*place = Place{Path: "/bin", Dir: "/tmp/files", Data: "/tmp", apart: !n.Disposable}
		if g.disk {
			box.data, place.Data = g.data(who), bound
		}
		place.says = []string{path, "run", "--bundle", "DIR", box.id}
		place.wrap = func(script string) []string { return box.run(g, n, path, e.flags, script) }
	}
	return p, nil
}

// boxID names a container.
func (w *Workspace) boxID() string {
	w.boxes++
	return w.ID + "-box-" + strconv.Itoa(w.boxes)
}

// removeGroups takes away the control groups of containers that were killed: those of this workspace's names, below the root of each
// hierarchy. One that still has a process in it, which is about to end, is tried again; those in which that does not end are left.
func (w *Workspace) removeGroups() (left []string) {
	const patience, pause = 2 * time.Second, 20 * time.Millisecond
	for until := time.Now().Add(patience); ; time.Sleep(pause) {
		left = nil
		for _, pattern := range []string{"/sys/fs/cgroup/*/", "/sys/fs/cgroup/"} {
			found, _ := filepath.Glob(pattern + w.ID + "-*") // the pattern is a right one
			for _, dir := range found {
				if !removeGroup(dir) {
					left = append(left, dir)
				}
			}
		}
		if len(left) == 0 || time.Now().After(until) {
			return left
		}
	}
}

// groupsLeft says which control groups there still are. After a pair of containers nobody asks: the next ones try again.
func (w *Workspace) groupsLeft() error {
	if w.boxes == 0 {
		return nil
	}
	left := w.removeGroups()
	if len(left) == 0 {
		return nil
	}
	return leftBehind("control groups: "+strings.Join(left, ", "), "something in them still runs", "rmdir(1) removes them when that has ended")
}

// leftBehind is what the lab has made and could not take away.
func leftBehind(what, why, mend string) error {
	return &fault.Error{Class: fault.Host, Thing: "left behind: " + what, Cause: why, Mend: mend}
}

// removeGroup removes a control group and those below it.
func removeGroup(dir string) bool {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if e.IsDir() {
			removeGroup(filepath.Join(dir, e.Name()))
		}
	}
	err := unix.Rmdir(dir)
	return err == nil || errors.Is(err, unix.ENOENT)
}
