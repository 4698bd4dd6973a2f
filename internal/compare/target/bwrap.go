package target

import (
	"context"

	"terem/internal/compare/result"
	"terem/internal/compare/spawn"
)

// bwrap is bubblewrap, the launcher below Flatpak.
type bwrap struct {
	none
	w *Workspace
}

func (*bwrap) About() About {
	return About{Name: "bwrap", Title: "bubblewrap", Kind: result.Container, Package: "bubblewrap",
		Note: "namespaces alone: no cgroup, no seccomp filter"}
}

func (t *bwrap) Find(ctx context.Context) (string, error) {
	return t.w.version(ctx, "bwrap", "--version")
}

func (t *bwrap) Command(r Run) (spawn.Command, error) {
	argv := []string{"bwrap", "--bind", t.w.Root, "/", "--proc", "/proc", "--dev", "/dev", "--unshare-all", "--die-with-parent"}
	if r.Data != "" {
		argv = append(argv, "--bind", r.Data, inData)
	}
	return spawn.Command{Argv: append(append(argv, "--"), r.argv(inData)...)}, nil
}
