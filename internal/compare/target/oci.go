package target

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"terem/internal/compare/result"
	"terem/internal/compare/spawn"
)

// oci is a low-level runtime: it takes a bundle, a root file system with a config.json.
type oci struct {
	w       *Workspace
	about   About
	program string
	global  []string // flags before the command
	limits  bool     // the bundle asks for limits
}

func newOCI(w *Workspace, name string) *oci {
	return &oci{w: w, program: name, limits: true, about: About{Name: name, Title: name, Kind: result.Container, Package: name,
		Note: "an OCI runtime without the engine above it"}}
}

func newGVisor(w *Workspace) *oci {
	return &oci{w: w, program: "runsc", global: []string{"--network=none"}, about: About{Name: "gvisor", Title: "gVisor",
		Kind: result.Sandbox, Package: "runsc", Note: "a kernel in user space answers the program's system calls; its default platform; it ignores O_DIRECT"}}
}

func (t *oci) About() About { return t.about }

func (t *oci) Find(ctx context.Context) (string, error) {
	v, err := t.w.version(ctx, t.program, "--version")
	if err == nil && os.Getuid() != 0 {
		err = errRoot
	}
	return v, err
}

// Prepare makes the directory of the runtime's state.
func (t *oci) Prepare(context.Context) error {
	_, err := t.w.mkdir(t.about.Name, "state")
	return err
}

// Close leaves the directory to the workspace.
func (t *oci) Close(context.Context) error { return nil }

// argv is the runtime's command line up to its command.
func (t *oci) argv(words ...string) []string {
	return append(append([]string{t.program, "--root", filepath.Join(t.w.Dir, t.about.Name, "state")}, t.global...), words...)
}

func (t *oci) Command(r Run) (spawn.Command, error) {
	bundle, err := t.bundle(r)
	return spawn.Command{Argv: t.argv("run", "--bundle", bundle, r.ID)}, err
}

// Steps are those of the runtime specification's life cycle.
func (t *oci) Steps(r Run) ([]Step, error) {
	bundle, err := t.bundle(r)
	return []Step{
		{"create", spawn.Command{Argv: t.argv("create", "--bundle", bundle, r.ID)}},
		{"start", spawn.Command{Argv: t.argv("start", r.ID)}},
		{"program", spawn.Command{}},
		{"remove", spawn.Command{Argv: t.argv("delete", "--force", r.ID)}},
	}, err
}

func (t *oci) Remove(ctx context.Context, id string) error {
	const limit = 20 * time.Second
	if _, err := os.Stat(filepath.Join(t.w.Dir, t.about.Name, "state", id)); err != nil {
		return nil // it was never made, or took itself away
	}
	_, err := t.w.run(ctx, limit, spawn.Command{Argv: t.argv("delete", "--force", id)})
	return err
}

// bundle writes a bundle for a run; its root is the shared one.
func (t *oci) bundle(r Run) (string, error) {
	dir, err := t.w.mkdir(t.about.Name, r.ID)
	if err != nil {
		return "", err
	}
	b, err := json.Marshal(t.spec(r))
	if err != nil {
		return "", err
	}
	return dir, os.WriteFile(filepath.Join(dir, "config.json"), b, 0o600)
}

func (t *oci) spec(r Run) *specs.Spec {
	caps := []string{"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_KILL", "CAP_SETGID", "CAP_SETUID"}
	s := &specs.Spec{
		Version: "1.0.2",
		Process: &specs.Process{Args: r.argv(inData), Cwd: "/", Env: []string{"PATH=/bin:/sbin:/usr/bin"}, NoNewPrivileges: true,
			Capabilities: &specs.LinuxCapabilities{Bounding: caps, Effective: caps, Permitted: caps}},
		Root:     &specs.Root{Path: t.w.Root},
		Hostname: "terem",
		Mounts: []specs.Mount{
			{Destination: "/proc", Type: "proc", Source: "proc"},
			{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "strictatime", "mode=755", "size=65536k"}},
			{Destination: "/dev/pts", Type: "devpts", Source: "devpts", Options: []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"}},
			{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: []string{"nosuid", "noexec", "nodev", "ro"}},
		},
		Linux: &specs.Linux{},
	}
	if r.Data != "" {
		s.Mounts = append(s.Mounts, specs.Mount{Destination: inData, Type: "bind", Source: r.Data, Options: []string{"bind"}})
	}
	for _, ns := range []specs.LinuxNamespaceType{specs.PIDNamespace, specs.NetworkNamespace, specs.IPCNamespace, specs.UTSNamespace, specs.MountNamespace} {
		s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: ns})
	}
	s.Linux.CgroupsPath = "/" + t.w.ID + "/" + r.ID
	if t.limits {
		memory, pids, period := int64(Memory), int64(PIDs), uint64(100_000)
		quota := int64(t.w.CPUs) * int64(period)
		s.Linux.Resources = &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: &memory}, Pids: &specs.LinuxPids{Limit: &pids},
			CPU: &specs.LinuxCPU{Quota: &quota, Period: &period}}
	}
	return s
}
