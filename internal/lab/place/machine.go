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
	role role
	p    *Process
	born time.Time
}

// What stands in the image that the machines have as their root file system, and what `prepare` makes.
const (
	diskTerem  = "/bin/terem"
	diskRoot   = "/lab"
	innerLab   = "/run/lab"
	innerTerem = innerLab + "/terem"
	innerRoot  = innerLab + "/root" // of containers, and with the programs of processes
	innerDisk  = "/run/disk"
	innerDir   = "/tmp/files"
)

// machineMemory is enough for two containers with their limits, and soon full: a page that is touched for the first time costs as much
// as a hundred system calls, and more where the processor is interpreted.
const machineMemory = "80M"

// MachineLimit ends a machine whose terem is killed in a way that it cannot see. A victim must not end by it, and one machine serves many
// of them: so none is given away that is older than MachineAge, and what is left is longer than anything that is waited for.
const (
	MachineAge   = time.Hour
	MachineLimit = 2 * time.Hour
)

// Patience is how long a machine is given to start: an interpreted kernel takes its time.
const Patience = 3 * time.Minute

// prepare makes of a fresh machine one in which experiments are run: a small disk, few process numbers, so that a fork bomb is
// over soon, and the programs in memory from which nothing can be taken back. From a disk they would be read again and again by a
// machine whose memory is nearly full, for minutes.
const prepare = `set -e
mkdir -p ` + innerDisk + " " + innerLab + `
mount -t tmpfs -o size=2m,mode=755 disk ` + innerDisk + `
mkdir ` + innerDisk + `/victim ` + innerDisk + `/attacker
mount -t tmpfs -o mode=755 lab ` + innerLab + `
cp -a ` + diskRoot + " " + innerRoot + `
cp ` + diskTerem + " " + innerTerem + `
echo 400 > /proc/sys/kernel/pid_max
` + innerTerem + ` container run --quiet --root ` + innerRoot + ` --read-only --memory 24M --pids 48 --cpus 1 -- sh -c 'taskset; tail -c 1 /bin/busybox; ip link; nc; date' >/dev/null 2>&1 || true
echo 3 > /proc/sys/vm/drop_caches
`

// ground is the machine as one.
func (m *machine) ground() ground {
	busybox := innerRoot + "/bin/busybox"
	return ground{front: []string{m.w.terem, "exec", "--interactive", m.name}, shell: []string{busybox}, path: innerRoot + "/bin", terem: innerTerem,
		root: []string{"--root", innerRoot, "--read-only"}, disk: true, home: innerDisk, dir: innerDir}
}

func (m *machine) kill() {
	if m.p != nil {
		m.p.kill()
		m.p = nil
	}
}

// serves: it has not ended by itself, and will not do so soon.
func (m *machine) serves() bool {
	select {
	case <-m.p.gone:
		return false
	default:
		return time.Since(m.born) < MachineAge
	}
}

// newMachine restores one.
func (w *Workspace) newMachine(ctx context.Context, n Need) (*machine, error) {
	if err := w.base(ctx); err != nil {
		return nil, err
	}
	m, err := w.restore(n)
	if err != nil {
		return nil, err
	}
	return m, m.await(ctx)
}

// restore starts one.
func (w *Workspace) restore(n Need) (*machine, error) {
	argv := []string{w.terem, "restore", "--quiet", "--console", "none", "--timeout", MachineLimit.String(), "--name"}
	if n.OneCPU {
		argv = append(w.pin(), argv...)
	}
	return w.boot(func(name string) []string { return append(argv, name, w.snapshotDir()) })
}

// boot starts a machine.
func (w *Workspace) boot(argv func(name string) []string) (*machine, error) {
	w.machines++
	m := &machine{w: w, name: fmt.Sprintf("%s-%d", w.ID, w.machines), born: time.Now()}
	var err error
	m.p, err = w.Start(argv(m.name))
	return m, err
}

// await waits until programs can be started in a machine. One in which that does not come is killed.
func (m *machine) await(ctx context.Context) error {
	if err := m.ready(ctx); err != nil {
		m.kill()
		return fmt.Errorf("start a virtual machine: %w", err)
	}
	return nil
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
	m, err := w.boot(func(name string) []string {
		return []string{w.terem, "run", "--quiet", "--console", "none", "--timeout", MachineLimit.String(), "--memory", machineMemory, "--name", name,
			"--disk", w.imageFile() + ",ro", "--", "sleep", "1000000"}
	})
	if err != nil {
		return err
	}
	if err := m.await(ctx); err != nil {
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
		{w.terem, "guest", "root", root + diskRoot},
	} {
		if err := w.run(ctx, argv...); err != nil {
			return err
		}
	}
	if err := errors.Join(copyFile(w.terem, root+diskTerem), copyFile(w.reach, root+diskRoot+"/bin/reach")); err != nil {
		return err
	}
	for _, e := range w.carried {
		e.left = e.install(root) // the other places need nothing of it
	}
	return w.run(ctx, w.terem, "disk", "from-dir", root, w.imageFile())
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

// Boot boots a machine that is there until Close, and what Fresh runs is run in: nothing was ever done in it. It says why there can
// be none.
func (w *Workspace) Boot(ctx context.Context) error {
	if w.noKVM != "" {
		return errors.New(w.noKVM)
	}
	if w.fresh != nil {
		return nil
	}
	m, err := w.boot(func(name string) []string {
		return []string{w.terem, "run", "--quiet", "--console", "none", "--timeout", MachineLimit.String(), "--memory", machineMemory, "--name", name, "--", "sleep", "1000000"}
	})
	if err != nil {
		return err
	}
	if err := m.await(ctx); err != nil {
		return err
	}
	w.fresh = m
	return nil
}

// Fresh is the command line that runs a script in that machine.
func (w *Workspace) Fresh(script string) []string {
	return []string{w.terem, "exec", "--interactive", w.fresh.name, "sh", "-c", "export PATH=/bin:/sbin:/usr/bin:/usr/sbin\n" + script}
}
