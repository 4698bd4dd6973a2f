package place

import (
	"context"
	"errors"
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

func newDocker(ctx context.Context) Isolation {
	d := &docker{engine: findEngine("docker")}
	if d.missing == "" {
		out, err := d.ask(ctx, "version", "--format", "{{.Server.Version}}")
		if err != nil || out == "" {
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
		p.undo = append(p.undo, func() { w.leaves(d.remove("container "+id, "rm", "--force", "--volumes", id)) })
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
	w.undo = append(w.undo, func() { w.leaves(d.remove("image "+name, "rmi", "--force", name)) })
	if err := w.run(ctx, w.Programs()+"/busybox", "sh", "-c", script, "sh", w.Programs()+"/busybox", w.rootDir(), d.path, name); err != nil {
		return fmt.Errorf("make an image for docker: %w", err)
	}
	d.image = name
	return nil
}

// ask has docker's client say something.
func (d *docker) ask(ctx context.Context, words ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, dockerLimit)
	defer cancel()
	c := exec.CommandContext(ctx, d.path, words...)
	c.WaitDelay = time.Second // what the client has started may keep its output open
	out, err := c.CombinedOutput()
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return strings.TrimSpace(string(out)), err
}

// remove takes away what may be gone already, which docker says in words alone: "No such container". One that is being removed is
// in the way of that for a moment.
func (d *docker) remove(what string, words ...string) error {
	const tries, pause = 10, 200 * time.Millisecond
	why := ""
	for range tries {
		said, err := d.ask(context.Background(), words...)
		if err == nil || strings.Contains(strings.ToLower(said), "no such") {
			return nil
		}
		if errors.Is(err, context.DeadlineExceeded) {
			why = "its daemon does not answer"
			break
		}
		why = lastOf(strings.Split(said, "\n"))
		time.Sleep(pause)
	}
	return leftBehind("docker's "+what, why, "`docker "+strings.Join(words, " ")+"` removes it")
}
