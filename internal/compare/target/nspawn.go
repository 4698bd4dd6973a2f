package target

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"terem/internal/compare/result"
	"terem/internal/compare/spawn"
)

// nspawn is systemd-nspawn.
type nspawn struct {
	w    *Workspace
	made []string // cgroups that it may leave behind
}

func (*nspawn) About() About {
	return About{Name: "nspawn", Title: "systemd-nspawn", Kind: result.Container, Package: "systemd-container",
		Note: "without systemd's registration and without cgroup limits; the root file system read-only, so that several can share it"}
}

func (t *nspawn) Find(ctx context.Context) (string, error) {
	v, err := t.w.version(ctx, "systemd-nspawn", "--version")
	if err == nil && os.Getuid() != 0 {
		err = errRoot
	}
	return v, err
}

func (t *nspawn) Command(r Run) (spawn.Command, error) {
	argv := []string{"systemd-nspawn", "-q", "-D", t.w.Root, "-M", r.ID, "--read-only", "--register=no", "--keep-unit", "--console=pipe",
		"--private-network", "--resolv-conf=off", "--timezone=off"}
	if r.Data != "" {
		argv = append(argv, "--bind="+r.Data+":"+inData)
	}
	return spawn.Command{Argv: append(argv, r.argv(inData)...)}, nil
}

// Prepare notes which of the groups that nspawn makes below its own are not there yet.
func (t *nspawn) Prepare(context.Context) error {
	for _, top := range []string{"/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified", "/sys/fs/cgroup"} {
		for _, name := range []string{"payload", "supervisor"} {
			dir := filepath.Join(top, name)
			if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
				t.made = append(t.made, dir)
			}
		}
	}
	return nil
}

// Remove has nothing to take away: a killed process group leaves nothing.
func (*nspawn) Remove(context.Context, string) error { return nil }

// Close takes away those groups; one that is in use by now is somebody else's.
func (t *nspawn) Close(context.Context) error {
	for _, dir := range t.made {
		_ = unix.Rmdir(dir)
	}
	return nil
}
