package place

import (
	"context"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// ground is a machine on which command lines run.
type ground struct {
	front []string // of each: empty, or `terem exec NAME --`
	shell []string // in front of `sh` for a process there
	path  string   // of busybox's programs
	terem string
	root  []string // the flags of `terem container run` that name a root file system
	disk  bool     // there is a small disk, with a directory for each of the two
	home  string   // the directory that has what data gives
	dir   string   // for the files of both
	pin   []string // in front of a program that is to run on one processor
}

// line is a command line for this ground.
func (g ground) line(n Need, argv ...string) []string {
	line := append([]string{}, g.front...)
	if n.OneCPU {
		line = append(line, g.pin...)
	}
	return append(line, argv...)
}

// data is a directory that a process there can write to.
func (g ground) data(who string) string { return filepath.Join(g.home, who) }

// ground is this host, or a machine that nobody needs afterwards: in a role it serves until somebody in it is harmed.
func (w *Workspace) ground(ctx context.Context, n Need, r role) (ground, *Pair, error) {
	if !n.Disposable {
		dir, err := os.MkdirTemp(w.dir, "cell-")
		return w.host(dir), &Pair{Where: "this host", w: w, files: dir}, err
	}
	m, err := w.take(ctx, r)
	if err != nil {
		return ground{}, nil, err
	}
	return m.ground(), &Pair{Where: "a disposable virtual machine", w: w, machines: []*machine{m}}, nil
}

func (w *Workspace) host(dir string) ground {
	busybox := filepath.Join(w.rootDir(), "bin", "busybox")
	return ground{shell: []string{busybox}, path: filepath.Join(w.rootDir(), "bin"), terem: w.terem, home: dir, dir: filepath.Join(dir, "files"), pin: w.pin()}
}

// pin has a program run on the first of the processors that this process may use.
func (w *Workspace) pin() []string {
	return []string{filepath.Join(w.rootDir(), "bin", "busybox"), "taskset", "-c", w.firstCPU()}
}

func (w *Workspace) firstCPU() string {
	var set unix.CPUSet
	cpu := 0
	if unix.SchedGetaffinity(0, &set) == nil {
		for !set.IsSet(cpu) && cpu < len(set)*64 {
			cpu++
		}
	}
	return strconv.Itoa(cpu)
}
