package exercise

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

const (
	readNamespaces = "https://man7.org/linux/man-pages/man7/namespaces.7.html"
	readCgroup     = "https://docs.kernel.org/admin-guide/cgroup-v2.html"
	readPivot      = "https://man7.org/linux/man-pages/man2/pivot_root.2.html"
	readMounts     = "https://man7.org/linux/man-pages/man7/mount_namespaces.7.html"
)

// container is exercise 10: a container from system calls, and when it is enough.
func container() *Exercise {
	return &Exercise{Number: 10, Name: "10-container", Title: "a container from system calls; then decide: container or VM", Checks: []Check{
		{Name: "namespaces of its own", Points: 1, Do: ownNamespaces},
		{Name: "limits before it begins", Points: 2, Do: limitsFirst},
		{Name: "a root of its own", Points: 3, Do: ownRoot},
		{Name: "what must be safe", Points: 2, Do: mustBeSafe},
		{Name: "what the numbers say", Points: 2, Do: numbersSay},
	}}
}

// namespaces are the flags of clone(2), and what is seen by who lacks one.
var namespaces = []struct {
	flag uint64
	name string
	seen string
}{
	{0x20000, "CLONE_NEWNS", "its mounts are the host's, and pivot_root would move the host's root"},
	{0x20000000, "CLONE_NEWPID", "it sees the host's processes, and may kill those of its user"},
	{0x40000000, "CLONE_NEWNET", "it has the host's network: its ports, and what listens at 127.0.0.1"},
	{0x8000000, "CLONE_NEWIPC", "it sees the host's shared memory and queues"},
	{0x4000000, "CLONE_NEWUTS", "sethostname changes the host's name"},
	{0x2000000, "CLONE_NEWCGROUP", "it sees the host's control groups, and where it is in them"},
	{0x10000000, "CLONE_NEWUSER", "root in it is root on the host: whatever lets it out lets out root"},
}

func ownNamespaces(s Subject) error {
	var flags uint64
	if err := s.Ask(Question{Op: "flags"}, &flags); err != nil {
		return err
	}
	if flags == 0 {
		return unwritten("Flags", readNamespaces)
	}
	w := &Wrong{Seen: hex(flags), Read: readNamespaces}
	const time = 0x80 // CLONE_NEWTIME may be there
	all := uint64(time)
	for _, n := range namespaces {
		all |= n.flag
		if flags&n.flag == 0 {
			w.Expected, w.Cause = n.name+" in the flags", fmt.Sprintf("the container has no namespace of its own for what %s is about: %s", n.name, n.seen)
			return w
		}
	}
	if flags&^all != 0 {
		w.Expected, w.Cause = "namespaces and nothing else", fmt.Sprintf("the flags %s are of no namespace: clone(2) says what they would do", hex(flags&^all))
		return w
	}
	return nil
}

func limitsFirst(s Subject) error {
	r := s.Rand()
	for range 3 {
		group, pid := "/sys/fs/cgroup/lab-"+word(r), 2+r.IntN(30000)
		limits := map[string]any{"Memory": 4096 * (1000 + r.Int64N(100_000)), "PIDs": 10 + r.IntN(1000), "CPUs": float64(1+r.IntN(15)) / 4}
		k := newKernelModel("/none", group)
		if err := s.Ask(Question{Op: "limit", Args: map[string]any{"group": group, "pid": pid, "limits": limits}, Serve: k}, new(bool)); err != nil {
			return err
		}
		if k.said == notWritten {
			return unwritten("Limit", readCgroup)
		}
		if cause := whyNotLimited(k, pid, limits); cause != "" {
			return &Wrong{Seen: k.story(), Expected: fmt.Sprintf("process %d in the group, which has had its limits before: %d bytes, no swap, %d processes, %v CPUs", pid, limits["Memory"], limits["PIDs"], limits["CPUs"]),
				Cause: cause, Read: readCgroup}
		}
	}
	return nil
}

// story is what was called, and what came back at the end.
func (k *kernelModel) story() string {
	const most = 14
	text := strings.Join(k.calls[:min(most, len(k.calls))], "; ")
	if len(k.calls) == 0 {
		text = "no system call"
	}
	if k.said != "" {
		text += fmt.Sprintf("; it returned %q", k.said)
	}
	return text
}

func whyNotLimited(k *kernelModel, pid int, limits map[string]any) string {
	var quota, period float64
	_, _ = fmt.Sscan(k.files["cpu.max"], &quota, &period) // what is no number is 0
	const near = 0.01
	cpus := limits["CPUs"].(float64)
	switch {
	case k.oldNames:
		return "that is a file of version 1 of control groups: version 2 has memory.max, pids.max, cpu.max and cgroup.procs in one directory"
	case k.member == "":
		return "the process was not put into the group: its number goes into cgroup.procs"
	case k.member != fmt.Sprint(pid):
		return "another process was put into the group: 0 is whoever writes, which here is the one that makes containers"
	case len(k.files) == 0:
		return "the process was put into the group before it has limits: what it takes until then is counted, and not given back; cgroup.procs comes last"
	case k.files["memory.max"] != fmt.Sprint(limits["Memory"]):
		return "memory.max is not the limit, when the process comes in: bytes, as a number"
	case k.files["memory.swap.max"] != "0":
		return "memory.swap.max is not 0: what does not fit into memory.max goes to swap, and the host's disk is busy with it"
	case k.files["pids.max"] != fmt.Sprint(limits["PIDs"]):
		return "pids.max is not the limit, when the process comes in: without it a fork bomb takes the whole host's process numbers"
	case period == 0 || quota/period < cpus*(1-near) || quota/period > cpus*(1+near):
		return `cpu.max is not the limit, when the process comes in: "quota period" in microseconds, quota/period is the number of CPUs`
	case k.said != "":
		return "Limit returns an error though all was done"
	}
	return ""
}

func ownRoot(s Subject) error {
	r := s.Rand()
	for range 3 {
		root, name := "/srv/"+word(r), word(r)
		argv := []string{"/bin/" + word(r), word(r)}
		k := newKernelModel(root, "/none")
		if err := s.Ask(Question{Op: "enter", Args: map[string]any{"Root": root, "Hostname": name, "Argv": argv}, Serve: k}, new(bool)); err != nil {
			return err
		}
		if k.said == notWritten {
			return unwritten("Enter", readPivot)
		}
		if cause, read := whyNotEntered(k, name, argv); cause != "" {
			return &Wrong{Seen: k.story(), Expected: "the program in the new root, which is all that it sees: no mount of the host's, none on the host, its own /proc", Cause: cause, Read: read}
		}
	}
	return nil
}

// failed is the first call of a name that failed.
func (k *kernelModel) failed(name string) string {
	for _, c := range k.calls {
		if strings.HasPrefix(c, name+"(") && !strings.HasSuffix(c, ")") {
			return c
		}
	}
	return ""
}

func whyNotEntered(k *kernelModel, name string, argv []string) (cause, read string) {
	switch {
	case k.shared && k.failed("pivot_root") != "":
		return "mounts are shared: pivot_root refuses a root that passes on what is mounted; in a new namespace of users they are slaves at first, which is enough, and MS_REC|MS_PRIVATE takes away the rest", readMounts
	case k.failed("pivot_root") != "" && !k.pivoted:
		return "pivot_root wants the new root to be a mount point, and put_old to be in it: bind the root onto itself first (MS_BIND)", readPivot
	case !k.pivoted && k.prefix != "":
		return "chroot leaves the host's files mounted: root comes back to them with a second chroot and some `..`; pivot_root, and an unmount, takes them away", readPivot
	case !k.pivoted:
		return "the root is still the host's", readPivot
	case k.failed("umount2") != "" && k.oldAt != "":
		return "the old root is busy, with mounts in it: MNT_DETACH takes the whole tree", readPivot
	case k.oldAt != "":
		return "the old root is still mounted: all of the host's files are there to be read", readPivot
	case k.failed("mount") != "" && k.procIs() == "":
		return "/proc could not be mounted: where no other /proc is seen any more, a namespace of users may make none; mount it while the host's is still there", "https://man7.org/linux/man-pages/man7/user_namespaces.7.html"
	case k.procIs() == "":
		return "/proc is not mounted in the new root: ps, and much else, reads it", "https://man7.org/linux/man-pages/man5/proc.5.html"
	case k.procIs() != containerProc:
		return "/proc is the host's: whoever reads it sees the host's processes; a new one, mounted by a process of the namespace, has the namespace's", "https://man7.org/linux/man-pages/man5/proc.5.html"
	case k.hostsLeft() != "":
		return "the container still has " + k.hostsLeft() + ": what was bound before pivot_root stays when the old root is unmounted", readPivot
	case k.lostCwd || k.cwdIs() == hostTree:
		return "the current directory is still in the host's tree: `..` leads through it; chdir(\"/\") after pivot_root", readPivot
	case k.hostname != name:
		return "the host name is not that of the Config", "https://man7.org/linux/man-pages/man2/sethostname.2.html"
	case !k.noNew:
		return "no_new_privs is not set when the program begins: a set-user-ID file in the root raises its rights", "https://docs.kernel.org/userspace-api/no_new_privs.html"
	case k.argv == nil:
		return "the program was not executed", readPivot
	case !slices.Equal(k.argv, argv):
		return "another program was executed than Argv says", readPivot
	}
	return "", ""
}

// procIs is what is mounted at /proc.
func (k *kernelModel) procIs() (what string) {
	for _, m := range k.mounts {
		if m.at == "/proc" {
			what = m.what
		}
	}
	return what
}

// hostsLeft is a mount of the host's that the container still has, also below another one: its root may unmount that.
func (k *kernelModel) hostsLeft() string {
	for _, m := range k.mounts {
		if strings.HasPrefix(m.what, hostTree) || strings.HasPrefix(m.what, hostProc) {
			return m.what
		}
	}
	return ""
}

func (k *kernelModel) cwdIs() string {
	what, _ := k.where(k.cwd)
	return what
}

// word draws a name.
func word(r *rand.Rand) string {
	b := make([]byte, 6)
	for i := range b {
		b[i] = byte('a' + r.IntN(26))
	}
	return string(b)
}
