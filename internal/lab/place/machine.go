package place

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// machine is a virtual machine, restored from the workspace's snapshot: it has booted, and its launcher of containers has run
// once. Nobody ends it by asking: it is killed.
type machine struct {
	w    *Workspace
	name string
	p    *Process
}

// What stands in the image that the machines have as their root file system, and what `prepare` makes.
const (
	innerTerem = "/bin/terem"
	innerRoot  = "/lab" // of containers
	innerDisk  = "/run/disk"
	innerDir   = "/tmp/files"
)

// machineMemory is enough for two containers, and soon full.
const machineMemory = "128M"

// MachineLimit ends a machine whose terem is killed in a way that it cannot see. It is longer than anything that is waited for: a
// victim must not end by it.
const MachineLimit = time.Hour

// Patience is how long a machine is given to start: an interpreted kernel takes its time.
const Patience = 3 * time.Minute

// prepare makes of a fresh machine one in which experiments are run: a small disk, few process numbers, so that a fork bomb is
// over soon, and everything in the page cache that a container needs.
const prepare = `set -e
mkdir -p ` + innerDisk + `
mount -t tmpfs -o size=8m,mode=755 disk ` + innerDisk + `
mkdir ` + innerDisk + `/victim ` + innerDisk + `/attacker
echo 400 > /proc/sys/kernel/pid_max
terem container run --quiet --root ` + innerRoot + ` --read-only --memory 48M --pids 48 --cpus 1 -- sh -c 'taskset; tail -c 1 /bin/busybox; ip link; nc; date' >/dev/null 2>&1 || true
`

// ground is the machine as one.
func (m *machine) ground() ground {
	return ground{front: []string{m.w.terem, "exec", "--interactive", m.name}, path: "/bin", terem: innerTerem,
		root: []string{"--root", innerRoot, "--read-only"}, disk: true, home: innerDisk, dir: innerDir}
}

func (m *machine) kill() {
	if m.p != nil {
		m.p.kill()
	}
}

// newMachine restores one.
func (w *Workspace) newMachine(ctx context.Context, n Need) (*machine, error) {
	if err := w.base(ctx); err != nil {
		return nil, err
	}
	argv := []string{w.terem, "restore", "--quiet", "--console", "none", "--timeout", MachineLimit.String(), "--name"}
	if n.OneCPU {
		argv = append(w.pin(), argv...)
	}
	return w.boot(ctx, func(name string) []string { return append(argv, name, w.snapshotDir()) })
}

// boot starts a machine and waits until programs can be started in it.
func (w *Workspace) boot(ctx context.Context, argv func(name string) []string) (*machine, error) {
	w.machines++
	m := &machine{w: w, name: fmt.Sprintf("%s-%d", w.ID, w.machines)}
	var err error
	if m.p, err = w.Start(argv(m.name)); err != nil {
		return nil, err
	}
	if err := m.ready(ctx); err != nil {
		m.kill()
		return nil, fmt.Errorf("start a virtual machine: %w", err)
	}
	return m, nil
}

// ready waits until the machine can be found by its name.
func (m *machine) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-m.p.gone:
			said, _ := m.p.Until(ctx, never)
			return errors.New(lastOf(said))
		case <-time.After(20 * time.Millisecond):
		}
		if m.w.runs(m.name) {
			return nil
		}
	}
}

// lastOf is the last line that a program said.
func lastOf(said []string) string {
	for i := len(said) - 1; i >= 0; i-- {
		if line := strings.TrimSpace(said[i]); line != "" {
			return strings.TrimPrefix(line, "terem: ")
		}
	}
	return "it ended without a word"
}

// base makes the snapshot, once.
func (w *Workspace) base(ctx context.Context) error {
	if w.based || w.baseErr != nil {
		return w.baseErr
	}
	err := w.makeBase(ctx)
	if ctx.Err() == nil { // an interrupt is not the machine's fault
		w.based, w.baseErr = err == nil, err
	}
	return err
}

func (w *Workspace) makeBase(ctx context.Context) error {
	if err := w.image(ctx); err != nil {
		return fmt.Errorf("make a disk for the virtual machines: %w", err)
	}
	m, err := w.boot(ctx, func(name string) []string {
		return []string{w.terem, "run", "--quiet", "--console", "none", "--timeout", MachineLimit.String(), "--memory", machineMemory, "--name", name,
			"--disk", w.imageFile() + ",ro", "--", "sleep", "1000000"}
	})
	if err != nil {
		return err
	}
	defer m.kill()
	if err := w.run(ctx, w.terem, "exec", m.name, "sh", "-c", prepare); err != nil {
		return fmt.Errorf("prepare a virtual machine: %w", err)
	}
	if err := w.run(ctx, w.terem, "snapshot", m.name, w.snapshotDir()); err != nil {
		return fmt.Errorf("keep a virtual machine: %w", err)
	}
	return nil
}

// image makes the machines' root file system: the guest's, with terem and a root for containers in it.
func (w *Workspace) image(ctx context.Context) error {
	root := filepath.Join(w.dir, "image.d")
	defer os.RemoveAll(root)
	for _, argv := range [][]string{
		{w.terem, "guest", "root", root},
		{w.terem, "guest", "root", root + innerRoot},
		{"cp", w.terem, root + innerTerem},
		{w.terem, "disk", "from-dir", root, w.imageFile()},
	} {
		if err := w.run(ctx, argv...); err != nil {
			return err
		}
	}
	return nil
}

func (w *Workspace) imageFile() string   { return filepath.Join(w.dir, "image") }
func (w *Workspace) snapshotDir() string { return filepath.Join(w.dir, "snapshot") }

// Machine restores a machine that is there until Close, and what Guest runs is run in. It says why there can be none.
func (w *Workspace) Machine(ctx context.Context) error {
	if w.noKVM != "" {
		return errors.New(w.noKVM)
	}
	if w.guest != nil {
		return nil
	}
	m, err := w.newMachine(ctx, Need{})
	if err != nil {
		return err
	}
	w.guest = m
	return nil
}

// Guest is the command line that runs a script in that machine.
func (w *Workspace) Guest(script string) []string {
	g := w.guest.ground()
	return append(g.line(Need{}, g.shell...), "sh", "-c", "export PATH="+g.path+"\n"+script)
}
