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
// group. It is the Server of exercise 10, and keeps the rules of pivot_root(2), mount_namespaces(7) and cgroups(7). The process is in a
// new namespace of users, too, so its mounts begin as slaves of the host's: nothing that it mounts appears there, and pivot_root takes them.
type kernelModel struct {
	root, group string // the directories of the question

	mounts   []mounted
	shared   bool   // somebody has made the mounts shared among themselves
	prefix   string // of chroot
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
	return &kernelModel{root: root, group: group, cwd: "/home/student", files: map[string]string{},
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
