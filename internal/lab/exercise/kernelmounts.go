package exercise

import (
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// resolve makes a path one from the root.
func (k *kernelModel) resolve(name string) string {
	if !path.IsAbs(name) {
		return path.Join(k.cwd, name)
	}
	return path.Join("/", k.prefix, name)
}

// below gives the rest of a path, if it is dir or below it.
func below(name, dir string) (rest string, ok bool) {
	if dir == "/" {
		return strings.TrimSuffix(name, "/"), true
	}
	rest, ok = strings.CutPrefix(name, dir)
	return rest, ok && (rest == "" || rest[0] == '/')
}

// where says which tree a path is in, and where there.
func (k *kernelModel) where(name string) (what, rest string) {
	longest := -1
	for _, m := range k.mounts {
		if r, ok := below(name, m.at); ok && len(m.at) >= longest {
			longest, what, rest = len(m.at), m.what, r
		}
	}
	if what == hostTree {
		if r, ok := below(rest, k.root); ok && rest != "" {
			return containerTree, r
		}
	}
	return what, rest
}

// exists says whether a path is a directory.
func (k *kernelModel) exists(name string) bool {
	what, rest := k.where(name)
	switch what {
	case hostTree:
		return slices.Contains([]string{"", "/proc", "/sys", "/tmp", "/home", "/home/student", path.Dir(k.root)}, rest)
	case containerTree:
		return slices.Contains([]string{"", "/proc", "/old", "/sys", "/dev", "/tmp"}, rest)
	}
	return rest == ""
}

func (k *kernelModel) isMount(name string) bool {
	return slices.ContainsFunc(k.mounts, func(m mounted) bool { return m.at == name })
}

func (k *kernelModel) mount(source, target, fstype string, flags uint64) unix.Errno {
	const most = 100 // /proc/sys/fs/mount-max is more
	propagation := uint64(unix.MS_PRIVATE | unix.MS_SLAVE | unix.MS_SHARED | unix.MS_UNBINDABLE)
	switch {
	case len(k.mounts) >= most:
		return unix.ENOSPC
	case !k.exists(target):
		return unix.ENOENT
	case flags&propagation != 0 || flags&unix.MS_REMOUNT != 0:
		if !k.isMount(target) {
			return unix.EINVAL
		}
		if target == "/" && flags&propagation != 0 {
			k.shared = flags&unix.MS_SHARED != 0
		}
		return 0
	case flags&unix.MS_BIND != 0:
		from := k.resolve(source)
		if !k.exists(from) {
			return unix.ENOENT
		}
		what, rest := k.where(from)
		if what == hostTree && rest != "" || what == containerTree && rest != "" {
			what += " below " + rest
		}
		return k.add(target, what)
	case fstype == "proc":
		if !slices.ContainsFunc(k.mounts, func(m mounted) bool { return m.what == hostProc || m.what == containerProc }) {
			return unix.EPERM // in a namespace of users, who sees none may make none (fs/namespace.c, mnt_already_visible)
		}
		return k.add(target, containerProc)
	case slices.Contains([]string{"tmpfs", "sysfs", "devpts", "mqueue", "cgroup2"}, fstype):
		return k.add(target, fstype)
	}
	return unix.ENODEV
}

func (k *kernelModel) add(at, what string) unix.Errno {
	k.mounts = append(k.mounts, mounted{at, what})
	return 0
}

// stacked is where the old root is after pivot_root(".", "."): above the new one.
const stacked = "/ (above the new root)"

func (k *kernelModel) pivotRoot(to, old string) unix.Errno {
	inside, ok := below(old, to)
	switch {
	case !k.exists(to) || !k.exists(old):
		return unix.ENOENT
	case to == "/":
		return unix.EBUSY
	case !ok || !k.isMount(to) || k.shared:
		return unix.EINVAL
	}
	var list []mounted
	for _, m := range k.mounts {
		if rest, ok := below(m.at, to); ok {
			list = append(list, mounted{path.Join("/", rest), m.what})
		} else if inside != "" {
			list = append(list, mounted{path.Join(inside, m.at), m.what})
		}
	}
	k.mounts, k.pivoted, k.oldAt = list, true, inside
	rest, within := below(k.cwd, to)
	switch {
	case within:
		k.cwd = path.Join("/", rest)
	case k.cwd == "/": // pivot_root(2) takes it along
	case inside == "":
		k.lostCwd = true
	default:
		k.cwd = path.Join(inside, k.cwd)
	}
	if inside == "" {
		k.oldAt = stacked
	}
	return 0
}

func (k *kernelModel) chroot(dir string) unix.Errno {
	if !k.exists(dir) {
		return unix.ENOENT
	}
	k.prefix = dir
	return 0
}

func (k *kernelModel) chdir(dir string) unix.Errno {
	if !k.exists(dir) {
		return unix.ENOENT
	}
	k.cwd, k.lostCwd = dir, false
	return 0
}

func (k *kernelModel) unmount(name string, flags uint64) unix.Errno {
	at := k.resolve(name)
	if k.oldAt == stacked && (at == "/" || name == ".") {
		if flags&unix.MNT_DETACH == 0 {
			return unix.EBUSY
		}
		k.oldAt = ""
		return 0
	}
	if !k.isMount(at) {
		return unix.EINVAL
	}
	inside := func(m mounted) bool { _, ok := below(m.at, at); return ok }
	n := 0
	for _, m := range k.mounts {
		if inside(m) {
			n++
		}
	}
	if at == "/" || n > 1 && flags&unix.MNT_DETACH == 0 {
		return unix.EBUSY
	}
	k.mounts = slices.DeleteFunc(k.mounts, inside)
	if at == k.oldAt {
		k.oldAt = ""
	}
	if _, ok := below(k.cwd, at); ok {
		k.lostCwd = true
	}
	return 0
}
