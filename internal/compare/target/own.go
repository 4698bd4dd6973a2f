package target

import (
	"context"
	"os"
	"strconv"
	"strings"
	"time"

	"terem/internal/compare/result"
	"terem/internal/compare/spawn"
	"terem/internal/container"
)

// own is terem's container launcher.
type own struct {
	none
	w    *Workspace
	note string // what this host does to it; empty: nothing
}

func (t *own) About() About {
	return About{Name: "container", Title: "terem container", Kind: result.Container,
		Note: "eight namespaces, cgroup limits, seccomp, dropped capabilities" + t.note}
}

// Find finds it always: it is in this program.
func (*own) Find(context.Context) (string, error) { return "", nil }

// Prepare finds out whether a container has the root file system itself. Where it has a
// copy, each start has to make it, and the reader should know.
func (t *own) Prepare(ctx context.Context) error {
	const limit = 30 * time.Second
	p, err := t.w.run(ctx, limit, spawn.Command{Argv: []string{t.w.Terem, "container", "run", "--root", t.w.Root, "--", "/bin/probe", "start"}})
	if err == nil && strings.Contains(p.Err.String(), container.CopiedRoot) {
		t.note = "; its root is copied into memory at each start, since this kernel cannot shift the owners of files where it is"
	}
	return err
}

func (t *own) Command(r Run) (spawn.Command, error) {
	argv := []string{t.w.Terem, "container", "run", "--quiet", "--root", t.w.Root}
	if os.Getuid() == 0 { // an ordinary user may have no cgroup to put limits on
		argv = append(argv, "--memory", strconv.Itoa(Memory), "--pids", strconv.Itoa(PIDs), "--cpus", strconv.Itoa(t.w.CPUs))
	}
	if r.Data != "" {
		argv = append(argv, "--share", r.Data+":"+inData)
	}
	return spawn.Command{Argv: append(append(argv, "--"), r.argv(inData)...)}, nil
}
