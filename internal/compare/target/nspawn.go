package target

import (
	"context"
	"os"

	"terem/internal/compare/result"
	"terem/internal/compare/spawn"
)

// nspawn is systemd-nspawn.
type nspawn struct {
	none
	w *Workspace
}

func (*nspawn) About() About {
	return About{Name: "nspawn", Title: "systemd-nspawn", Kind: result.Container, Package: "systemd-container",
		Note: "without systemd's registration and without cgroup limits"}
}

func (t *nspawn) Find(ctx context.Context) (string, error) {
	v, err := t.w.version(ctx, "systemd-nspawn", "--version")
	if err == nil && os.Getuid() != 0 {
		err = errRoot
	}
	return v, err
}

func (t *nspawn) Command(r Run) (spawn.Command, error) {
	argv := []string{"systemd-nspawn", "-q", "-D", t.w.Root, "-M", r.ID, "--register=no", "--keep-unit", "--console=pipe",
		"--private-network", "--resolv-conf=off", "--timezone=off"}
	if r.Data != "" {
		argv = append(argv, "--bind="+r.Data+":"+inData)
	}
	return spawn.Command{Argv: append(argv, r.argv(inData)...)}, nil
}
