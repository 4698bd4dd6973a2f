package place

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// dockerLimit is how long docker's client is waited for where nothing has to be loaded.
const dockerLimit = 10 * time.Second

// docker is the engine with a daemon, and that is the user's: its containers are the daemon's children, in its control groups.
type docker struct {
	engine
	image string // empty: not made yet
}

func newDocker() Isolation {
	d := &docker{engine: findEngine("docker")}
	if d.missing == "" {
		ctx, cancel := context.WithTimeout(context.Background(), dockerLimit)
		defer cancel()
		out, err := exec.CommandContext(ctx, d.path, "version", "--format", "{{.Server.Version}}").Output()
		if err != nil || strings.TrimSpace(string(out)) == "" {
			d.missing = "docker: its daemon does not answer"
		}
	}
	return Isolation{Name: "docker", Title: "docker", Note: "the engine with a daemon, as it is", engine: &d.engine, open: d.open}
}

// open makes two containers of docker's, from an image that has the lab's programs.
func (d *docker) open(ctx context.Context, w *Workspace, n Need) (*Pair, error) {
	if err := d.load(ctx, w); err != nil {
		return nil, err
	}
	g, p, err := w.ground(ctx, n, forOnce)
	if err != nil {
		return nil, err
	}
	for _, place := range []*Place{&p.Victim, &p.Attacker} {
		id := w.boxID()
		argv := []string{d.path, "run", "--rm", "--interactive", "--name", id, "--read-only", "--tmpfs", "/tmp"}
		if n.OneCPU {
			argv = append(argv, "--cpuset-cpus", w.firstCPU())
		}
		*place = Place{front: g.line(Need{}, append(argv, d.image)...), Path: "/bin", Dir: "/tmp/files", Data: "/tmp"}
		p.undo = append(p.undo, func() { d.remove("rm", "--force", "--volumes", id) })
	}
	return p, nil
}

// load makes the image, once.
func (d *docker) load(ctx context.Context, w *Workspace) error {
	if d.image != "" {
		return nil
	}
	const script = `"$1" tar -C "$2" -c . | "$3" import - "$4"`
	name := w.ID + "-image"
	w.undo = append(w.undo, func() { d.remove("rmi", "--force", name) })
	if err := w.run(ctx, w.Programs()+"/busybox", "sh", "-c", script, "sh", w.Programs()+"/busybox", w.rootDir(), d.path, name); err != nil {
		return fmt.Errorf("make an image for docker: %w", err)
	}
	d.image = name
	return nil
}

// remove takes away what may be gone already: docker says so, and nobody wants to know.
func (d *docker) remove(words ...string) {
	ctx, cancel := context.WithTimeout(context.Background(), dockerLimit)
	defer cancel()
	_ = exec.CommandContext(ctx, d.path, words...).Run()
}
