package target

import (
	"context"
	"strconv"
	"time"

	"terem/internal/compare/result"
	"terem/internal/compare/spawn"
)

// DockerPackage is Debian's package of the engine with a daemon.
const DockerPackage = "docker.io"

// docker is the engine with a daemon, on one of its networks.
type docker struct {
	w       *Workspace
	d       *daemon
	network string // empty: a bridge
}

func (t *docker) About() About {
	a := About{Name: "docker", Title: "docker", Kind: result.Platform, Package: DockerPackage, Note: "a bridge network; image and writable layer"}
	if t.network != "" {
		a.Name, a.Title, a.Note = "docker-"+t.network, "docker, net "+t.network, "--network "+t.network
	}
	return a
}

func (t *docker) Find(ctx context.Context) (string, error) {
	v, err := t.w.version(ctx, "docker", "--version")
	if err != nil {
		return v, err
	}
	return v, t.d.find(ctx)
}

// Prepare starts a daemon if none answers, and makes an image of the root file system.
func (t *docker) Prepare(ctx context.Context) error { return t.d.acquire(ctx) }

// Close takes away the image, and ends the daemon if it is ours.
func (t *docker) Close(ctx context.Context) error { return t.d.release(ctx) }

func (t *docker) options(r Run) []string {
	o := []string{"--name", r.ID, "--label", "terem=" + t.w.ID,
		"--memory", strconv.Itoa(Memory), "--pids-limit", strconv.Itoa(PIDs), "--cpus", strconv.Itoa(t.w.CPUs)}
	if t.d.private { // the user's may have systemd keep its cgroups
		o = append(o, "--cgroup-parent", "/"+t.w.ID)
	}
	if t.network != "" {
		o = append(o, "--network", t.network)
	}
	if r.Data != "" {
		o = append(o, "--volume", r.Data+":"+inData)
	}
	return append(append(o, t.d.image()), r.argv(inData)...)
}

func (t *docker) Command(r Run) (spawn.Command, error) {
	return t.d.command(append([]string{"run", "--rm"}, t.options(r)...)...), nil
}

// Steps are docker's own commands.
func (t *docker) Steps(r Run) ([]Step, error) {
	return []Step{
		{"create", t.d.command(append([]string{"create"}, t.options(r)...)...)},
		{"start", t.d.command("start", r.ID)},
		{"wait", t.d.command("wait", r.ID)},
		{"remove", t.d.command("rm", "--force", r.ID)},
	}, nil
}

// Remove may find that nothing is there: docker says so with a failure of its own.
func (t *docker) Remove(ctx context.Context, id string) error {
	const limit = 30 * time.Second
	p, err := t.w.Host.Run(ctx, t.d.command("ps", "--all", "--quiet", "--filter", "name=^"+id+"$"), limit)
	if err != nil {
		return err
	}
	if p.Out.String() == "" {
		return p.Failure()
	}
	_, err = t.w.run(ctx, limit, t.d.command("rm", "--force", "--volumes", id))
	return err
}
