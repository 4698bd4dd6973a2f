package target

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"terem/internal/compare/spawn"
	"terem/internal/measure/lastwords"
)

// daemon is the dockerd that the docker targets share: the user's, if one answers, or one
// of our own in a mount and a network namespace of its own, with all its files in the
// workspace.
type daemon struct {
	w       *Workspace
	private bool
	found   error // of find, once it was asked
	asked   bool
	users   int
	process *spawn.Process // the private one
	failure error          // of the first acquire: it is not tried twice
	touched bool           // it was asked to make an image
}

func newDaemon(w *Workspace) *daemon { return &daemon{w: w} }

// command is a docker command line for the daemon.
func (d *daemon) command(words ...string) spawn.Command {
	argv := []string{"docker"}
	if d.private {
		argv = append(argv, "--host", "unix://"+d.file("socket"))
	}
	return spawn.Command{Argv: append(argv, words...)}
}

func (d *daemon) file(name string) string { return filepath.Join(d.w.Dir, "docker", name) }

func (d *daemon) image() string { return d.w.ID + ":root" }

// find says whether there is a daemon or the means to start one.
func (d *daemon) find(ctx context.Context) error {
	if d.asked {
		return d.found
	}
	d.asked = true
	if d.answers(ctx) {
		return nil
	}
	_, err := exec.LookPath("dockerd")
	switch {
	case err != nil:
		d.found = fmt.Errorf("the daemon does not answer, and dockerd is %w", ErrAbsent)
	case os.Getuid() != 0:
		d.found = errors.New("the daemon does not answer, and only root can start one")
	}
	d.private = d.found == nil
	return d.found
}

func (d *daemon) answers(ctx context.Context) bool {
	p, err := d.w.Host.Run(ctx, d.command("version", "--format", "{{.Server.Version}}"), findLimit)
	return err == nil && p.Failure() == nil
}

// acquire is called once for each target; the first call does the work.
func (d *daemon) acquire(ctx context.Context) error {
	d.users++
	if d.users > 1 {
		return d.failure
	}
	if d.private {
		d.failure = d.start(ctx)
	}
	if d.failure == nil {
		d.failure = d.importRoot(ctx)
	}
	return d.failure
}

// script starts dockerd where its bridges and mounts are nobody else's.
const script = `ip link set lo up && exec dockerd "$@"`

func (d *daemon) start(ctx context.Context) error {
	const limit = 30 * time.Second
	if _, err := d.w.mkdir("docker"); err != nil {
		return err
	}
	if err := os.WriteFile(d.file("daemon.json"), []byte("{}\n"), 0o600); err != nil { // the host's is not for this one
		return err
	}
	log, err := os.Create(d.file("log")) // a pipe would fill
	if err != nil {
		return err
	}
	defer log.Close()
	tmp, err := d.w.mkdir("docker", "tmp") // containerd leaves files there when it is ended
	if err != nil {
		return err
	}
	p, err := d.w.Host.Start(spawn.Command{Out: log, Err: log, Env: []string{"TMPDIR=" + tmp}, Argv: []string{"unshare", "--mount", "--net", "--propagation", "private", "sh", "-c", script, "dockerd",
		"--data-root", d.file("data"), "--exec-root", d.file("exec"), "--pidfile", d.file("pid"), "--host", "unix://" + d.file("socket"),
		"--config-file", d.file("daemon.json")}})
	if err != nil {
		return fmt.Errorf("start dockerd: %w", err)
	}
	d.process = p
	for begun := time.Now(); time.Since(begun) < limit && ctx.Err() == nil; time.Sleep(50 * time.Millisecond) {
		if p.Poll(); p.Ended != 0 {
			said, _ := os.ReadFile(d.file("log")) // or nothing
			return fmt.Errorf("dockerd ended with status %d: %s", p.Status(), lastwords.Of(string(said), ""))
		}
		if _, err := os.Stat(d.file("socket")); err == nil && d.answers(ctx) {
			return ctx.Err()
		}
	}
	return errors.New("dockerd does not answer")
}

// importRoot makes the image.
func (d *daemon) importRoot(ctx context.Context) error {
	const limit = 2 * time.Minute
	dir, err := d.w.mkdir("docker")
	if err != nil {
		return err
	}
	name := filepath.Join(dir, "root.tar")
	if err := writeTar(name, d.w.Root); err != nil {
		return fmt.Errorf("pack the root file system: %w", err)
	}
	d.touched = true
	_, err = d.w.run(ctx, limit, d.command("import", name, d.image()))
	return err
}

func writeTar(name, root string) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	w := tar.NewWriter(f)
	if err := w.AddFS(os.DirFS(root)); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return f.Close()
}

// release undoes acquire at its last call.
func (d *daemon) release(ctx context.Context) error {
	const limit = 20 * time.Second
	if d.users--; d.users > 0 {
		return nil
	}
	if d.private {
		if d.process == nil {
			return nil
		}
		if err := d.process.Signal(unix.SIGTERM, limit); err != nil {
			d.w.Log(fmt.Sprintf("dockerd did not end: %v", err))
		}
		d.process.Kill()
		return nil
	}
	if !d.touched {
		return nil
	}
	return d.sweep(ctx)
}

// sweep takes away what of ours the user's daemon has still. A command that is cut off may
// be carried out all the same, and after it was undone: so this is the last look.
func (d *daemon) sweep(ctx context.Context) error {
	const limit = 20 * time.Second
	list := func(words ...string) ([]string, error) {
		p, err := d.w.run(ctx, limit, d.command(words...))
		if err != nil {
			return nil, err
		}
		return strings.Fields(p.Out.String()), nil
	}
	containers, err := list("ps", "--all", "--quiet", "--filter", "label=terem="+d.w.ID)
	if err == nil && len(containers) > 0 {
		_, err = d.w.run(ctx, limit, d.command(append([]string{"rm", "--force", "--volumes"}, containers...)...))
	}
	images, err2 := list("images", "--quiet", d.image())
	if err2 == nil && len(images) > 0 {
		_, err2 = d.w.run(ctx, limit, d.command("image", "rm", "--force", d.image())) // by our name: it may have another by now
	}
	return errors.Join(err, err2)
}
