package doctor

import (
	"os"
	"path/filepath"
	"strings"
)

// initialNamespaces are the inode numbers of the namespaces that the kernel makes
// at boot (kernel: include/linux/proc_ns.h). An engine gives its containers at
// least one of these three anew.
func initialNamespaces() map[string]string {
	return map[string]string{
		"pid": "pid:[4026531836]", // 0xEFFFFFFC
		"uts": "uts:[4026531838]", // 0xEFFFFFFE
		"ipc": "ipc:[4026531839]", // 0xEFFFFFFF
	}
}

// container names the container that we are in, "" for none, and what tells so.
func container(o Options) (name, note string) {
	name, trace := containerTrace(o)
	inside := ownNamespaces(o)
	switch {
	case name != "" && len(inside) == 0:
		return "", trace + " is there, but the namespaces are those of the kernel's start: " +
			"the root file system was made from an image"
	case name == "" && len(inside) > 0:
		return "unknown", "namespaces of its own: " + strings.Join(inside, ", ")
	}
	return name, trace
}

// containerTrace looks for what engines leave in their containers.
func containerTrace(o Options) (name, trace string) {
	switch {
	case o.exists("run/.containerenv"):
		return "podman", "/run/.containerenv"
	case o.exists(".dockerenv"):
		return "docker", "/.dockerenv"
	}
	for kv := range strings.SplitSeq(o.read("proc/1/environ"), "\x00") {
		if k, v := pair(kv, "="); k == "container" && v != "" {
			return v, "container=" + v + " in the environment of PID 1"
		}
	}
	groups := o.read("proc/1/cgroup")
	for _, engine := range []string{"docker", "libpod", "kubepods", "containerd", "lxc"} {
		if strings.Contains(groups, "/"+engine) {
			return engine, "/proc/1/cgroup"
		}
	}
	return "", ""
}

// ownNamespaces lists the kinds of namespaces that are not the kernel's first.
func ownNamespaces(o Options) []string {
	var own []string
	for _, kind := range []string{"pid", "uts", "ipc"} {
		at, err := os.Readlink(filepath.Join(o.Root, "proc/self/ns", kind))
		if err == nil && at != initialNamespaces()[kind] {
			own = append(own, kind)
		}
	}
	return own
}
