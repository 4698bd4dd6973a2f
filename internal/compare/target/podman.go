package target

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"terem/internal/compare/result"
	"terem/internal/compare/spawn"
)

// podman is the engine without a daemon, with a store of its own in the workspace.
type podman struct {
	w *Workspace
}

func (*podman) About() About {
	return About{Name: "podman", Title: "podman", Kind: result.Platform, Package: "podman",
		Note: "no network, no image: --rootfs"}
}

// Find gives podman a home of its own first: it writes there even when asked for its
// version.
func (t *podman) Find(ctx context.Context) (string, error) {
	if _, err := exec.LookPath("podman"); err != nil {
		return "", ErrAbsent
	}
	dir, err := t.w.mkdir("podman", "home")
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(filepath.Dir(dir), "containers.conf"), []byte(podmanConf), 0o600); err != nil {
		return "", err
	}
	p, err := t.w.run(ctx, findLimit, t.command("--version"))
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(p.Out.String()), nil
}

// podmanConf asks for limits on open files and processes that a host without
// CAP_SYS_RESOURCE can give, and for locks in the directory of temporary files: else they
// are in /dev/shm, where they stay, and are those of the user's podman. It stands for the
// user's.
const podmanConf = `[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
lock_type = "file"
`

// Prepare has nothing to make: the root file system is a directory.
func (t *podman) Prepare(context.Context) error { return nil }

// Close leaves the store to the workspace.
func (t *podman) Close(context.Context) error { return nil }

func (t *podman) command(words ...string) spawn.Command {
	dir := filepath.Join(t.w.Dir, "podman")
	argv := []string{"podman", "--root", filepath.Join(dir, "store"), "--runroot", filepath.Join(dir, "run"), "--tmpdir", filepath.Join(dir, "tmp"),
		"--events-backend", "none", "--cgroup-manager", "cgroupfs"}
	home := filepath.Join(dir, "home")
	return spawn.Command{Argv: append(argv, words...), Env: []string{"CONTAINERS_CONF=" + filepath.Join(dir, "containers.conf"),
		"HOME=" + home, "XDG_CONFIG_HOME=" + home, "XDG_RUNTIME_DIR=" + home, "TMPDIR=" + home}}
}

// options are those of `podman run` and `podman create`.
func (t *podman) options(r Run) []string {
	o := []string{"--name", r.ID, "--network", "none"}
	if os.Getuid() == 0 { // an ordinary user may have no cgroup to put limits on
		o = append(o, "--cgroups", "no-conmon", "--cgroup-parent", "/"+t.w.ID,
			"--memory", strconv.Itoa(Memory), "--pids-limit", strconv.Itoa(PIDs), "--cpus", strconv.Itoa(t.w.CPUs))
	}
	if r.Data != "" {
		o = append(o, "--volume", r.Data+":"+inData)
	}
	return append(append(o, "--rootfs", t.w.Root), r.argv(inData)...)
}

func (t *podman) Command(r Run) (spawn.Command, error) {
	return t.command(append([]string{"run", "--rm"}, t.options(r)...)...), nil
}

// Steps are podman's own commands.
func (t *podman) Steps(r Run) ([]Step, error) {
	return []Step{
		{"create", t.command(append([]string{"create"}, t.options(r)...)...)},
		{"start", t.command("start", r.ID)},
		{"wait", t.command("wait", r.ID)},
		{"remove", t.command("rm", "--force", r.ID)},
	}, nil
}

func (t *podman) Remove(ctx context.Context, id string) error {
	const limit = 20 * time.Second
	_, err := t.w.run(ctx, limit, t.command("rm", "--force", "--ignore", "--time", "0", id))
	return err
}
