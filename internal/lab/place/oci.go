package place

import (
	"encoding/json"
	"path/filepath"
)

// The part of an OCI runtime configuration that is used here (runtime-spec, config.md and config-linux.md).
type (
	ociConfig struct {
		Version  string     `json:"ociVersion"`
		Process  ociProcess `json:"process"`
		Root     ociRoot    `json:"root"`
		Hostname string     `json:"hostname"`
		Mounts   []ociMount `json:"mounts"`
		Linux    ociLinux   `json:"linux"`
	}
	ociProcess struct {
		Args         []string            `json:"args"`
		Cwd          string              `json:"cwd"`
		Env          []string            `json:"env"`
		Capabilities map[string][]string `json:"capabilities"`
		User         map[string]int      `json:"user"`
	}
	ociRoot struct {
		Path     string `json:"path"`
		ReadOnly bool   `json:"readonly"`
	}
	ociMount struct {
		Destination string   `json:"destination"`
		Type        string   `json:"type"`
		Source      string   `json:"source"`
		Options     []string `json:"options,omitempty"`
	}
	ociLinux struct {
		Namespaces  []map[string]string `json:"namespaces"`
		CgroupsPath string              `json:"cgroupsPath"`
		Masked      []string            `json:"maskedPaths"`
		ReadOnly    []string            `json:"readonlyPaths"`
	}
)

// ociBox is what differs between two containers.
type ociBox struct {
	id, root string
	data     string // a directory of the ground that is at bound inside; empty: none
}

// config is what engines ask a runtime for when nobody asks them for more: six namespaces and no user namespace, so that root inside
// is root outside, with few capabilities; no limits.
func (b ociBox) config(script string) string {
	caps := []string{"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_MKNOD", "CAP_NET_BIND_SERVICE", "CAP_NET_RAW",
		"CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT", "CAP_AUDIT_WRITE"}
	c := ociConfig{
		Version: "1.0.0",
		Process: ociProcess{Args: []string{"sh", "-c", script}, Cwd: "/", Env: []string{"PATH=/bin"}, User: map[string]int{"uid": 0, "gid": 0},
			Capabilities: map[string][]string{"bounding": caps, "effective": caps, "permitted": caps}},
		Root:     ociRoot{b.root, true},
		Hostname: "box",
		Mounts: []ociMount{
			{"/proc", "proc", "proc", nil},
			{"/dev", "tmpfs", "tmpfs", []string{"nosuid", "mode=755", "size=64k"}},
			{"/dev/pts", "devpts", "devpts", []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666"}},
			{"/dev/shm", "tmpfs", "shm", []string{"nosuid", "noexec", "nodev"}},
			{"/sys", "sysfs", "sysfs", []string{"nosuid", "noexec", "nodev", "ro"}},
			{"/tmp", "tmpfs", "tmpfs", []string{"nosuid", "nodev"}},
		},
		Linux: ociLinux{
			CgroupsPath: "/" + b.id,
			Masked:      []string{"/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/sched_debug", "/sys/firmware"},
			ReadOnly:    []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"},
		},
	}
	for _, ns := range []string{"pid", "network", "ipc", "uts", "mount", "cgroup"} {
		c.Linux.Namespaces = append(c.Linux.Namespaces, map[string]string{"type": ns})
	}
	if b.data != "" {
		c.Mounts = append(c.Mounts, ociMount{bound, "bind", b.data, []string{"rbind", "rw"}})
	}
	text, _ := json.Marshal(c) // of strings alone: it does not fail
	return string(text)
}

// bundle is a script that has a runtime run a container. Its arguments: where busybox's programs are, the bundle's directory, the
// configuration, the command line.
const bundle = apart + `
dir=$2
mkdir -p "$dir" && printf %s "$3" > "$dir/config.json" || exit
shift 3
exec "$@"
`

// apart makes a /proc for a PID namespace that was made for the script, and hides the second version of control groups of a hybrid
// host: most runtimes refuse to see both. In a machine of terem's there is neither.
const apart = `
PATH=$1
if [ "$$" = 1 ]; then
    mount --make-rprivate /
    mount -t proc proc /proc
    if [ -e ` + hybrid + `/cgroup.procs ]; then umount ` + hybrid + `; fi
fi
`

// hybrid is where a host with both versions has the second.
const hybrid = "/sys/fs/cgroup/unified"

// run is the command line that has a runtime run a script in a container on a ground.
func (b ociBox) run(g ground, n Need, runtime string, flags []string, script string) []string {
	dir := filepath.Join(filepath.Dir(g.dir), b.id)
	argv := []string{g.shell[0], "sh", "-c", bundle, "sh", g.path, dir, b.config(script), runtime, "--root", filepath.Join(dir, "state")}
	argv = append(argv, flags...)
	return g.line(n, append(argv, "run", "--bundle", dir, b.id)...)
}
