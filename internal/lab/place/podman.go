package place

import (
	"context"
	"os"
	"path/filepath"
)

// podmanDir is where podman finds its directory, in a mount namespace of its own: it wants names of 50 characters and less.
const podmanDir = "/mnt"

// podmanScript gives podman a home of its own, and not the user's: its store and its settings are taken away afterwards. Its arguments:
// where busybox's programs are, a directory, $PATH, the command line.
const podmanScript = apart + `
mkdir -p "$2" && mount --bind "$2" ` + podmanDir + ` || exit
dir=` + podmanDir + `
export HOME=$dir/home XDG_CONFIG_HOME=$dir/home XDG_RUNTIME_DIR=$dir/home TMPDIR=$dir/home CONTAINERS_CONF=$dir/containers.conf
mkdir -p $HOME && printf '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n[engine]\nlock_type = "file"\n' > $CONTAINERS_CONF || exit
PATH=$3
shift 3
exec "$@"
`

func newPodman() Isolation {
	e := findEngine("podman")
	return Isolation{Name: "podman", Title: "podman", Note: "the engine without a daemon, as it is, without a network", needsRoot: true, engine: &e, open: e.openPodman}
}

// openPodman makes two containers of podman's. Their processes are its children: they end with it.
func (e *engine) openPodman(ctx context.Context, w *Workspace, n Need) (*Pair, error) {
	g, p, err := w.ground(ctx, n, forOnce)
	if err != nil {
		return nil, err
	}
	p.undo = append(p.undo, func() { w.removeGroups() })
	for _, place := range []*Place{&p.Victim, &p.Attacker} {
		id := w.boxID()
		dir := filepath.Join(filepath.Dir(g.dir), id)
		podman := []string{e.path, "--root", podmanDir + "/store", "--runroot", podmanDir + "/run", "--tmpdir", podmanDir + "/tmp", "--events-backend", "none", "--cgroup-manager", "cgroupfs",
			"run", "--rm", "--interactive", "--name", id, "--network", "none", "--cgroups", "no-conmon", "--cgroup-parent", "/" + id, "--read-only", "--rootfs", w.rootDir()}
		argv := append([]string{g.shell[0], "sh", "-c", podmanScript, "sh", g.path, dir, os.Getenv("PATH")}, podman...)
		*place = Place{front: g.line(n, argv...), Path: "/bin", Dir: "/tmp/files", Data: "/tmp", apart: true, says: podman}
	}
	return p, nil
}
