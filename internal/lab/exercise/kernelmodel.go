package exercise

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// What is mounted somewhere, for a kernelModel.
const (
	hostTree      = "the host's files"
	hostProc      = "the host's /proc"
	containerTree = "the container's files"
	containerProc = "the container's /proc"
)

// mounted is a mount. At is where, as seen from the root that was there when it was made, or after pivot_root from the new one.
type mounted struct{ at, what string }

// kernelModel is the part of a kernel that makes containers, for one process: mounts, a root, a current directory, the files of a control
// group. It is the Server of exercise 10, and keeps the rules of pivot_root(2), mount_namespaces(7) and cgroups(7).
type kernelModel struct {
	root, group string // the directories of the question

	mounts   []mounted
	shared   bool     // what is mounted appears on the host, too, as everywhere where systemd is
	leaked   []string // what did
	prefix   string   // of chroot
	cwd      string
	lostCwd  bool   // it is in what was unmounted
	oldAt    string // where the host's tree is after pivot_root; "" if it is gone
	pivoted  bool
	hostname string
	noNew    bool
	files    map[string]string // of the group
	oldNames bool              // somebody looked for files of version 1

	argv     []string // of the execve; the rest is as it was then
	member   string   // who was put into the group, and files are as they were then
	returned bool
	said     string // the error that came back
	calls    []string
}

func newKernelModel(root, group string) *kernelModel {
	return &kernelModel{root: root, group: group, shared: true, cwd: "/home/student", files: map[string]string{},
		mounts: []mounted{{"/", hostTree}, {"/proc", hostProc}, {"/sys", "the host's /sys"}}}
}

// Over is the Server's.
func (k *kernelModel) Over() bool { return k.returned }

// Patience is the Server's: what loops without a system call is given up by its time.
func (k *kernelModel) Patience() int { return 1 }

// Quiet is the Server's.
func (k *kernelModel) Quiet() {}

// Call is the Server's. What the harness would not send is no system call.
func (k *kernelModel) Call(name string, arg json.RawMessage, reply func(any)) {
	if name == "returned" {
		_ = json.Unmarshal(arg, &k.said)
		k.returned = true
		reply(0)
		return
	}
	var args []json.RawMessage
	errno := unix.ENOSYS
	if json.Unmarshal(arg, &args) == nil || name == "no_new_privs" {
		errno = k.system(name, args)
	}
	k.note(name, args, errno)
	reply(uint32(errno))
}

// note keeps the calls, for the student to see.
func (k *kernelModel) note(name string, args []json.RawMessage, errno unix.Errno) {
	var words []string
	for _, a := range args {
		const most = 60
		words = append(words, string(a[:min(most, len(a))]))
	}
	line := fmt.Sprintf("%s(%s)", name, strings.Join(words, ", "))
	if errno != 0 {
		line += " " + unix.ErrnoName(errno)
	}
	const most = 100
	if len(k.calls) < most {
		k.calls = append(k.calls, line)
	}
}

// system carries one out. Nothing comes after execve.
func (k *kernelModel) system(name string, args []json.RawMessage) unix.Errno {
	if k.argv != nil {
		return 0
	}
	var s [5]string
	var flags uint64
	for i, a := range args[:min(len(args), len(s))] {
		if json.Unmarshal(a, &s[i]) != nil {
			_ = json.Unmarshal(a, &flags) // mount and umount2 have one number
		}
	}
	switch name {
	case "mount":
		return k.mount(s[0], k.resolve(s[1]), s[2], flags)
	case "pivot_root":
		return k.pivotRoot(k.resolve(s[0]), k.resolve(s[1]))
	case "chroot":
		return k.chroot(k.resolve(s[0]))
	case "umount2":
		return k.unmount(s[0], flags)
	case "chdir":
		return k.chdir(k.resolve(s[0]))
	case "sethostname":
		k.hostname = s[0]
	case "no_new_privs":
		k.noNew = true
	case "write":
		return k.write(k.resolve(s[0]), strings.TrimSuffix(s[1], "\n"))
	case "execve":
		return k.execve(args)
	default:
		return unix.ENOSYS
	}
	return 0
}

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
		if target == "/" && flags&(unix.MS_PRIVATE|unix.MS_SLAVE) != 0 {
			k.shared = false
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
	const most = 100
	if k.shared && len(k.leaked) < most {
		k.leaked = append(k.leaked, at)
	}
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

func (k *kernelModel) write(name, text string) unix.Errno {
	file, ok := below(name, k.group)
	file = strings.TrimPrefix(file, "/")
	if !ok || !slices.Contains([]string{"memory.max", "memory.high", "memory.swap.max", "pids.max", "cpu.max", "cpu.weight", "cgroup.procs"}, file) {
		k.oldNames = k.oldNames || slices.Contains([]string{"memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "cpu.cfs_quota_us", "cpu.cfs_period_us", "tasks"}, path.Base(name))
		return unix.ENOENT
	}
	if k.member != "" {
		return 0 // later than it is looked at
	}
	if file == "cgroup.procs" {
		k.member = text
		return 0
	}
	var n, of int64
	if fields, err := fmt.Sscanf(text, "%d %d", &n, &of); text != "max" && (fields < 1 || err != nil && file == "cpu.max" && fields > 1 || n < 0) {
		return unix.EINVAL
	}
	k.files[file] = text
	return 0
}

func (k *kernelModel) execve(args []json.RawMessage) unix.Errno {
	var argv []string
	if len(args) != 1 || json.Unmarshal(args[0], &argv) != nil || len(argv) == 0 {
		return unix.EINVAL
	}
	k.argv = argv
	return 0
}
