package doctor

import (
	"context"
	"strings"
	"sync"
)

// peer is a program that terem is compared with.
type peer struct {
	program string
	pkg     string // of Debian
	args    []string
	// daemon asks whether the daemon that the program talks to is there.
	daemon []string
	start  string // the command that starts the daemon
}

func peers() []peer {
	version := []string{"--version"}
	return []peer{
		{program: "docker", pkg: "docker.io", args: version,
			daemon: []string{"version", "--format", "{{.Server.Version}}"}, start: "systemctl start docker"},
		{program: "podman", pkg: "podman", args: version},
		{program: "crun", pkg: "crun", args: version},
		{program: "runc", pkg: "runc", args: version},
		{program: "runsc", pkg: "runsc", args: version},
		{program: "bwrap", pkg: "bubblewrap", args: version},
		{program: "systemd-nspawn", pkg: "systemd-container", args: version},
		{program: "lxc-start", pkg: "lxc", args: version},
		{program: "unshare", pkg: "util-linux", args: version},
		{program: "java", pkg: "default-jre-headless", args: []string{"-version"}},
		{program: "qemu-system-x86_64", pkg: "qemu-system-x86", args: version},
	}
}

// examineEngines asks all of them at once, and keeps their order.
func examineEngines(ctx context.Context, o Options) []Engine {
	list := peers()
	all := make([]Engine, len(list))
	var asked sync.WaitGroup
	for i, p := range list {
		asked.Go(func() { all[i] = p.examine(ctx, o) })
	}
	asked.Wait()
	return all
}

func (p peer) examine(ctx context.Context, o Options) Engine {
	e := Engine{Check: Check{Name: p.program, State: OK}, Package: p.pkg}
	path, err := o.LookPath(p.program)
	if err != nil {
		e.State, e.Detail, e.Mend = Missing, "not installed", o.install(p.pkg)
		return e
	}
	e.Path = path
	e.Version, err = firstLine(ctx, o, path, p.args...)
	if err != nil {
		e.State, e.Detail = Warn, "installed, and does not run"
		e.Why = strings.Join(append([]string{path}, p.args...), " ") + ": " + err.Error()
		e.Mend = o.install("--reinstall", p.pkg)
		return e
	}
	e.Detail = e.Version
	if p.daemon != nil {
		p.examineDaemon(ctx, o, &e)
	}
	return e
}

func (p peer) examineDaemon(ctx context.Context, o Options, e *Engine) {
	line, err := firstLine(ctx, o, e.Path, p.daemon...)
	if err == nil && line != "" {
		e.Detail += "; daemon " + line
		return
	}
	e.State, e.Why = Warn, "its daemon does not answer"
	e.Mend = o.sudo(p.start)
	if !o.exists("run/systemd/system") {
		e.Mend = o.sudo("dockerd &") // no systemd to ask
	}
}
