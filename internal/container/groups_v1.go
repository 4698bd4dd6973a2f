package container

import (
	"os"
	"path/filepath"
	"slices"

	"github.com/opencontainers/cgroups"
	groupsv1 "github.com/opencontainers/cgroups/fs"
)

// controllersV1 are the hierarchies in which a container gets a group: those with limits.
// A freezer is made when it is needed (freeze.go); devices are kept away by other means (see
// kept).
var controllersV1 = [...]string{"cpu", "memory", "pids", "blkio"}

// planV1 makes groups below terem's own ones, so that what bounds terem bounds the
// container.
func planV1(name string, l Limits, r *cgroups.Resources) (*groups, error) {
	mounts, err := cgroups.GetCgroupMounts(false)
	if err != nil {
		return nil, err
	}
	own, err := cgroups.ParseCgroupFile("/proc/self/cgroup")
	if err != nil {
		return nil, err
	}
	g := &groups{name: name}
	paths := map[string]string{}
	for _, controller := range controllersV1 {
		dir := ownGroup(mounts, own, controller)
		if dir == "" {
			continue
		}
		if controller == "memory" && !exists(dir, "memory.memsw.limit_in_bytes") {
			r.MemorySwap = 0 // this kernel does not count swap
		}
		g.parents = append(g.parents, filepath.Join(dir, "terem"))
		paths[controller] = filepath.Join(dir, "terem", name)
	}
	if dir := ownGroup(mounts, own, "freezer"); dir != "" {
		g.parents = append(g.parents, filepath.Join(dir, "terem")) // see freeze.go
	}
	for controller, flag := range l.needs() {
		if paths[controller] == "" {
			return nil, noController(flag, controller)
		}
	}
	if g.manager, err = groupsv1.NewManager(&cgroups.Cgroup{Resources: r}, paths); err != nil {
		return nil, err
	}
	if err := g.make(r); err != nil {
		g.destroy()
		return nil, err
	}
	for _, dir := range paths {
		f, err := os.OpenFile(filepath.Join(dir, "tasks"), os.O_WRONLY, 0)
		if err != nil {
			g.destroy()
			return nil, err
		}
		g.tasks = append(g.tasks, f)
	}
	return g, nil
}

// ownGroup is the directory of the group of a controller that terem is in, or "".
func ownGroup(mounts []cgroups.Mount, own map[string]string, controller string) string {
	for _, m := range mounts {
		if !slices.Contains(m.Subsystems, controller) {
			continue
		}
		// In a container, a mount shows part of a hierarchy only.
		if rel, err := filepath.Rel(m.Root, own[controller]); err == nil && filepath.IsLocal(rel) {
			return filepath.Join(m.Mountpoint, rel)
		}
	}
	return ""
}
