package mechanism

import "terem/internal/lab/experiment"

// Expectation is a verdict, and a sentence on what decides it.
type Expectation struct {
	Verdict experiment.Verdict
	Decides string
	Fewer   string // a column of which more is counted
}

// Of is what is expected of an experiment in a place, by their names. Engines are expected to keep apart as a container of terem's
// does, each in its own way.
func Of(row, column string) Expectation {
	places := table()[row]
	if x, ok := places[column]; ok || places == nil {
		return x
	}
	if x, ok := engine(column)[row]; ok {
		return x
	}
	return places["container"]
}

// Short forms for the table.
func harmed(decides string) Expectation {
	return Expectation{Verdict: experiment.Harmed, Decides: decides}
}
func degraded(decides string) Expectation {
	return Expectation{Verdict: experiment.Degraded, Decides: decides}
}
func counted(decides string) Expectation {
	return Expectation{Verdict: experiment.Counted, Decides: decides}
}
func safe(decides string) Expectation { return Expectation{Verdict: experiment.Safe, Decides: decides} }

// fewer is counted, of which there is more in a column.
func fewer(than, decides string) Expectation {
	return Expectation{Verdict: experiment.Counted, Decides: decides, Fewer: than}
}

// another is another kernel's.
func another(decides string) Expectation {
	return Expectation{Verdict: experiment.NotCounted, Decides: decides}
}

// places are the expectations of a row.
type places = map[string]Expectation

// row makes one of four.
func row(process, container, hardened, vm Expectation) places {
	return places{"process": process, "container": container, "hardened": hardened, "vm": vm}
}

// alike is a row in which a container's limits change nothing.
func alike(process, container, vm Expectation) places { return row(process, container, container, vm) }

const (
	ownKernel = "another kernel runs the attacker; it knows nothing of the victim, "
	noAdmin   = "the attacker is root only of its own user namespace: the call wants CAP_SYS_ADMIN, which it does not have; "
)

func table() map[string]places {
	return map[string]places{
		"kill": alike(
			harmed("one PID namespace: every process has a number in it, and kill(2) only asks whether both belong to one user"),
			safe("its own PID namespace: the victim has no number there, so there is nothing that kill(2) could be told"),
			safe(ownKernel+"and kill(2) does not leave a kernel")),
		"read-memory": alike(
			harmed("ptrace rules: a process of the same user may be read by /proc/PID/mem, unless Yama (kernel.yama.ptrace_scope) forbids it"),
			safe("its own PID namespace: /proc has no directory of the victim's"),
			safe(ownKernel+"and its page tables lead to none of the victim's pages: the second level, which the hypervisor keeps, has none")),
		"delete-file": alike(
			harmed("one mount namespace, and the same user: the name leads to the victim's file"),
			safe("its own mount namespace and root: the same name leads into a file system of its own"),
			safe(ownKernel+"and it has a disk of its own")),
		"library": alike(
			harmed("one file system: there is one file of that name, and whoever installs last wins"),
			safe("its own root file system: each has the version that it was built with"),
			safe("each machine has its own file system")),
		"see-processes": alike(
			harmed("one PID namespace: /proc/PID/cmdline can be read by everybody, unless proc is mounted with hidepid"),
			safe("its own PID namespace, with a /proc of its own"),
			safe(ownKernel+"so its /proc does not either")),
		"reach-port": alike(
			harmed("one network namespace: 127.0.0.1 is the same interface for both"),
			safe("its own network namespace: its 127.0.0.1 is another interface"),
			safe("each machine has its own network stack")),
		"read-ipc": alike(
			harmed("one IPC namespace: a key of System V shared memory means the same to all"),
			safe("its own IPC namespace: the same key leads to nothing"),
			safe("each kernel has its own shared memory")),
		"see-kernel": alike(
			harmed("there is one kernel"),
			harmed("no namespace changes the kernel: a container runs on the host's, with all its bugs"),
			safe("each machine boots a kernel of its own")),
		"cpu": row(
			degraded("the scheduler gives each process its share, and the attacker has four"),
			degraded("its own control group: the scheduler gives each group its share, so the victim keeps a half, however many processes attack"),
			safe("a quota of the cpu controller: the attacker's group may run for 25 ms in each 100 ms, and then waits"),
			degraded("a virtual CPU is a thread of the host's: the attacker takes what one thread gets. A VM is limited by the number of its CPUs, not by a quota")),
		"memory": row(
			harmed("the machine's memory is one: when it is full, the kernel kills the largest process, whoever filled it"),
			harmed("a group without a limit: its memory is the machine's, and the kernel kills the largest process of all"),
			safe("a limit of the memory controller: the kernel kills in the group that is full"),
			safe("a machine has the RAM that it was given: its own kernel kills its own processes")),
		"fork-bomb": row(
			harmed("process numbers are one pool of the kernel's (kernel.pid_max): the attacker takes all"),
			harmed("a process in a PID namespace has a number outside, too: the pool is the same"),
			safe("a limit of the pids controller: fork(2) fails in the attacker's group, and nowhere else"),
			safe("each kernel has its own pool of process numbers")),
		"inotify": alike(
			harmed("inotify's instances are counted for a user (fs.inotify.max_user_instances), and both are one user's"),
			harmed("a user namespace counts its own users' instances, and those of its owner as well: both belong to whoever started the containers. No control group counts them, so a limit does not help"),
			safe("each kernel counts for itself")),
		"disk-full": row(
			harmed("one file system: what one takes the other lacks"),
			harmed("two directories of one file system, as engines have their layers and volumes: the mount namespace hides names, not blocks"),
			safe("each has a file system of its own, in memory that counts as its group's"),
			safe("each machine has a disk of a size of its own. (One that grows in a file on the host's disk can fill that)")),
		"calls": alike(
			counted("there is one kernel, and root may call nearly all of it"),
			fewer("process", "a filter (seccomp) and rights that were taken away refuse some calls; what is left reaches the one kernel that there is"),
			another("the attacker's calls go to a kernel of its own. What reaches the host is what its virtual CPU does that the processor cannot: exits, which terem handles")),
		"host-name": alike(
			harmed("one UTS namespace, and root"),
			safe("its own UTS namespace; and without CAP_SYS_ADMIN it may not change even that"),
			safe("each kernel has its own name")),
		"mount-over": alike(
			harmed("one mount namespace, and root"),
			safe(noAdmin+"and in its own mount namespace nobody else would see it"),
			safe("each kernel has its own table of mounts")),
		"network-down": alike(
			harmed("one network namespace, and root"),
			safe("its own network namespace, and no CAP_NET_ADMIN in it: its own interface stays up, too"),
			safe("each machine has its own interfaces")),
		"kernel-setting": alike(
			harmed("there is one kernel, and root may set it. A user namespace alone protects nothing: `unshare -Ur` started by root still owns the file"),
			safe("/proc/sys is mounted read-only, and root inside is nobody outside. No namespace is there for most settings: see-kernel"),
			safe("each kernel has its own settings")),
		"clock": alike(
			harmed("the kernel has one clock for the time of day, and root may set it"),
			safe("CAP_SYS_TIME is needed in the first user namespace. (Time namespaces have no clock for the time of day)"),
			safe("each kernel has its own clock")),
		"panic": alike(
			harmed("there is one kernel, and root may ask it to crash"),
			safe("/proc/sysrq-trigger is read-only: this way is shut. The kernel is shared all the same (see-kernel): a bug in it that a system call reaches ends both"),
			safe("the attacker's kernel crashes, and its machine ends; the victim's is another")),
	}
}
