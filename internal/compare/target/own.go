package target

import (
	"context"
	"os"
	"strconv"

	"terem/internal/compare/result"
	"terem/internal/compare/spawn"
)

// own is terem's container launcher.
type own struct {
	none
	w *Workspace
}

func (*own) About() About {
	return About{Name: "container", Title: "terem container", Kind: result.Container,
		Note: "eight namespaces, cgroup limits, seccomp, dropped capabilities"}
}

// Find finds it always: it is in this program.
func (*own) Find(context.Context) (string, error) { return "", nil }

func (t *own) Command(r Run) (spawn.Command, error) {
	argv := []string{t.w.Terem, "container", "run", "--quiet", "--root", t.w.Root}
	if os.Getuid() == 0 { // an ordinary user may have no cgroup to put limits on
		argv = append(argv, "--memory", strconv.Itoa(Memory), "--pids", strconv.Itoa(PIDs), "--cpus", strconv.Itoa(t.w.CPUs))
	}
	if r.Data != "" {
		argv = append(argv, "--bind", r.Data+":"+inData)
	}
	return spawn.Command{Argv: append(append(argv, "--"), r.argv(inData)...)}, nil
}
