package doctor

import (
	"slices"
	"strconv"
	"strings"
)

// examineIsolation looks at what containers are made of.
func examineIsolation(o Options) Isolation {
	return Isolation{Cgroups: examineCgroups(o), UserNamespaces: examineUserNamespaces(o)}
}

// examineCgroups reads proc_mounts(5) for the file systems, and cgroups(7) for
// the controllers.
func examineCgroups(o Options) Cgroups {
	var v1 []string
	unifiedAt := "" // where v2 is mounted
	for line := range strings.Lines(o.read("proc/self/mounts")) {
		f := strings.Fields(line)
		switch {
		case len(f) < 4:
		case f[2] == "cgroup2":
			unifiedAt = f[1]
		case f[2] == "cgroup":
			v1 = append(v1, controllersV1(o, f[3])...)
		}
	}
	var v2 []string
	if unifiedAt != "" {
		v2 = strings.Fields(o.read(unifiedAt + "/cgroup.controllers"))
	}
	return judgeCgroups(o, unifiedAt, v1, v2)
}

// controllersV1 picks the controllers from a cgroup mount's options.
func controllersV1(o Options, options string) []string {
	var known []string
	for line := range strings.Lines(o.read("proc/cgroups")) {
		if f := strings.Fields(line); len(f) > 0 && !strings.HasPrefix(f[0], "#") {
			known = append(known, f[0])
		}
	}
	return slices.DeleteFunc(strings.Split(options, ","), func(s string) bool { return !slices.Contains(known, s) })
}

func judgeCgroups(o Options, unifiedAt string, v1, v2 []string) Cgroups {
	c := Cgroups{Check: Check{Name: "cgroups", State: OK}, Controllers: append(slices.Clone(v1), v2...)}
	slices.Sort(c.Controllers)
	c.Controllers = slices.Compact(c.Controllers)
	unified := unifiedAt != ""
	switch {
	case unified && len(v1) == 0:
		c.Version, c.Detail = "v2", "v2: "+strings.Join(c.Controllers, " ")
	case unified:
		c.Version, c.State = "hybrid", Warn
		c.Detail = "hybrid; v1: " + strings.Join(v1, " ") + "; v2: " + strings.Join(v2, " ")
		c.Why = "crun and others refuse a hybrid; this gives a shell in which it is none"
		c.Mend = o.sudo("unshare -m --propagation private sh -c 'umount " + unifiedAt + "; exec bash'")
	case len(v1) > 0:
		c.Version, c.Detail = "v1", "v1: "+strings.Join(c.Controllers, " ")
	default:
		c.Version, c.State, c.Detail = "none", Missing, "no cgroup file system is mounted"
		c.Why = "containers cannot be limited"
		c.Mend = o.sudo("mount -t cgroup2 none /sys/fs/cgroup")
	}
	return c
}

// examineUserNamespaces reads user_namespaces(7)'s switches: the limit, Debian's
// own, and AppArmor's.
func examineUserNamespaces(o Options) Check {
	c := Check{Name: "user namespaces", State: OK}
	most := o.read("proc/sys/user/max_user_namespaces")
	limit, _ := strconv.Atoi(most)
	switch {
	case most == "":
		c.State, c.Detail = Missing, "the kernel is built without them"
		c.Mend = o.install("linux-image-amd64")
	case limit == 0:
		c.State, c.Detail = Missing, "turned off"
		c.Mend = o.sudo("sysctl -w user.max_user_namespaces=10000")
	case o.read("proc/sys/kernel/unprivileged_userns_clone") == "0":
		c.State, c.Detail = Warn, "for root only"
		c.Mend = o.sudo("sysctl -w kernel.unprivileged_userns_clone=1")
	case o.read("proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1":
		c.State, c.Detail = Warn, "restricted by AppArmor"
		c.Mend = o.sudo("sysctl -w kernel.apparmor_restrict_unprivileged_userns=0")
	default:
		c.Detail = "allowed, up to " + most
		return c
	}
	c.Why = "rootless containers do not start"
	return c
}
