package container

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"terem/internal/fault"

	"github.com/opencontainers/cgroups"
	groupsv2 "github.com/opencontainers/cgroups/fs2"
)

// leastPIDsV2 leaves room for the threads of the first stage, which is in the group from
// the start and has them until it becomes the program.
const leastPIDsV2 = 16

// planV2 makes a group. A group that has processes cannot hand controllers on to groups
// below it (cgroup-v2.rst, "No Internal Process Constraint"), so it cannot lie below
// terem's own: it lies at the top or, for an ordinary user, beside terem's own, where a
// service manager has given the user a part of the tree.
func planV2(name string, l Limits, r *cgroups.Resources) (*groups, error) {
	if l.PIDs != 0 && l.PIDs < leastPIDsV2 {
		return nil, &fault.Error{Class: fault.Usage, Thing: fmt.Sprintf("%s %d", fault.Field("PIDs"), l.PIDs),
			Cause: fmt.Sprintf("with cgroup v2 want %d or more", leastPIDsV2)}
	}
	own, err := cgroups.ParseCgroupFile("/proc/self/cgroup")
	if err != nil {
		return nil, err
	}
	parent := parentV2(own[""], os.Geteuid() == 0)
	if above := filepath.Dir(parent); crowded(above) {
		return planCrowded(above, l)
	}
	dir := filepath.Join(parent, name)
	m, err := groupsv2.NewManager(&cgroups.Cgroup{Resources: r}, dir)
	if err != nil {
		return nil, err
	}
	g := &groups{manager: m, parents: []string{parent}}
	if err := g.make(r); err != nil {
		// The library's words for a controller that is not there are those of a file.
		missing := missingV2(dir, l)
		g.destroy()
		if missing != nil && errors.Is(err, fs.ErrNotExist) {
			err = missing
		}
		return nil, err
	}
	if g.dir, err = os.Open(dir); err != nil {
		g.destroy()
		return nil, err
	}
	return g, nil
}

// parentV2 is the directory that gets a container's group, from terem's own group.
func parentV2(own string, root bool) string {
	if root {
		own = "/"
	} else {
		own = filepath.Dir(filepath.Join("/", own))
	}
	return filepath.Join(groupsv2.UnifiedMountpoint, own, "terem")
}

// crowded says whether a group has processes of its own. The top of the tree may have
// them, and is told by having no type. In a container of another engine's, what seems the
// top is the container's group, with terem in it.
func crowded(dir string) bool {
	procs, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	return err == nil && len(procs) != 0 && exists(dir, "cgroup.type")
}

// planCrowded makes no group below a crowded one, where there is no limit to set. To try
// would make a threaded domain of the one above, which would stay (cgroup-v2.rst, "Threads").
func planCrowded(above string, l Limits) (*groups, error) {
	if len(l.needs()) == 0 {
		return &groups{}, nil
	}
	return nil, &fault.Error{Class: fault.Host, Thing: "control groups", Err: fmt.Errorf("%s has processes of its own, so it hands no limits on", above),
		Mend: "move them to a group below it, or leave the limits out"}
}

// missingV2 finds a limit whose controller a group does not have.
func missingV2(dir string, l Limits) error {
	have, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	if err != nil {
		return nil
	}
	for controller, flag := range l.needs() {
		if controller == "blkio" {
			controller = "io" // its name in version 2
		}
		if !slices.Contains(strings.Fields(string(have)), controller) {
			return noController(flag, controller)
		}
	}
	return nil
}
