package container

import (
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// denial denies system calls, or only those of their calls whose arguments match.
type denial struct {
	errno unix.Errno
	calls []uint32
	where []argument // all of them
}

// argument is a condition for one argument, of which the low half decides.
type argument struct {
	number int
	bits   uint32 // any of these bits is set; or, if there are none,
	value  uint32 // the argument is this
}

// cloneNew are the flags of clone(2) that make namespaces.
const cloneNew = unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC |
	unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET

// denials are what a program in a container cannot ask the kernel for. Nearly all of it
// is refused already for want of a capability; but a kernel has bugs, and what cannot be
// called cannot be exploited. The list follows the default profile of container engines,
// turned round: they allow about 350 calls by name and deny the rest.
var denials = [...]denial{
	// Namespaces. A user namespace of its own would give a program all capabilities over
	// what it makes there, and with them a far larger part of the kernel to attack.
	{errno: unix.EPERM, calls: []uint32{unix.SYS_UNSHARE, unix.SYS_SETNS}},
	{errno: unix.EPERM, calls: []uint32{unix.SYS_CLONE}, where: []argument{{0, cloneNew, 0}}},
	// Its flags are in memory, where a filter cannot look. ENOSYS sends the C library to
	// clone(2).
	{errno: unix.ENOSYS, calls: []uint32{unix.SYS_CLONE3}},

	// Mounts, in the old way and in the new; and files by handles, which know no root.
	{errno: unix.EPERM, calls: []uint32{unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_PIVOT_ROOT, unix.SYS_OPEN_TREE,
		unix.SYS_MOVE_MOUNT, unix.SYS_FSOPEN, unix.SYS_FSCONFIG, unix.SYS_FSMOUNT, unix.SYS_FSPICK,
		unix.SYS_MOUNT_SETATTR, unix.SYS_OPEN_TREE_ATTR, unix.SYS_QUOTACTL, unix.SYS_QUOTACTL_FD,
		unix.SYS_NAME_TO_HANDLE_AT, unix.SYS_OPEN_BY_HANDLE_AT}},

	// The machine: other kernels, modules, reboot, swap, ports.
	{errno: unix.EPERM, calls: []uint32{unix.SYS_KEXEC_LOAD, unix.SYS_KEXEC_FILE_LOAD, unix.SYS_INIT_MODULE,
		unix.SYS_FINIT_MODULE, unix.SYS_DELETE_MODULE, unix.SYS_REBOOT, unix.SYS_SWAPON, unix.SYS_SWAPOFF,
		unix.SYS_IOPL, unix.SYS_IOPERM, unix.SYS_ACCT, unix.SYS_SYSLOG, unix.SYS_VHANGUP}},

	// Time. The time namespace has only the monotonic clocks; the day is everybody's.
	{errno: unix.EPERM, calls: []uint32{unix.SYS_SETTIMEOFDAY, unix.SYS_CLOCK_SETTIME, unix.SYS_ADJTIMEX,
		unix.SYS_CLOCK_ADJTIME}},

	// Keys have no namespace (keyrings(7)).
	{errno: unix.EPERM, calls: []uint32{unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY, unix.SYS_KEYCTL}},

	// Programs in the kernel, and tools that look into it.
	{errno: unix.EPERM, calls: []uint32{unix.SYS_BPF, unix.SYS_PERF_EVENT_OPEN, unix.SYS_LOOKUP_DCOOKIE,
		unix.SYS_FANOTIFY_INIT, unix.SYS_PROCESS_MADVISE, unix.SYS_PIDFD_GETFD, unix.SYS_KCMP}},

	// Much code, new code, or a lever for exploits: userfaultfd stops the kernel in the
	// middle of a copy, io_uring goes past this filter.
	{errno: unix.EPERM, calls: []uint32{unix.SYS_USERFAULTFD, unix.SYS_IO_URING_SETUP, unix.SYS_IO_URING_ENTER,
		unix.SYS_IO_URING_REGISTER}},

	// Where memory lies is the host's business.
	{errno: unix.EPERM, calls: []uint32{unix.SYS_MOVE_PAGES, unix.SYS_MIGRATE_PAGES, unix.SYS_MBIND,
		unix.SYS_SET_MEMPOLICY, unix.SYS_SET_MEMPOLICY_HOME_NODE}},

	// Sockets to the hypervisor know no network namespace.
	{errno: unix.EPERM, calls: []uint32{unix.SYS_SOCKET, unix.SYS_SOCKETPAIR}, where: []argument{{0, 0, unix.AF_VSOCK}}},

	// Left over from other times.
	{errno: unix.ENOSYS, calls: []uint32{unix.SYS__SYSCTL, unix.SYS_USELIB, unix.SYS_USTAT, unix.SYS_SYSFS,
		unix.SYS_NFSSERVCTL, unix.SYS_CREATE_MODULE, unix.SYS_QUERY_MODULE, unix.SYS_GET_KERNEL_SYMS}},
}

// Offsets in struct seccomp_data (linux/seccomp.h); arguments are 64 bits, low half first.
const (
	dataNumber    = 0
	dataArch      = 4
	dataArguments = 16
	word          = 4
)

// x32 is the bit of the numbers of a second ABI of this architecture (asm/unistd.h).
const x32 = 0x4000_0000

func returnErrno(e unix.Errno) bpf.Instruction {
	return bpf.RetConstant{Val: unix.SECCOMP_RET_ERRNO | uint32(e)}
}

// instructions deny one call; the number of the call is loaded.
func (d *denial) instructions(call uint32) []bpf.Instruction {
	const perArgument = 2
	deny := []bpf.Instruction{}
	for i, a := range d.where {
		low := bpf.LoadAbsolute{Off: dataArguments + 2*word*uint32(a.number), Size: word}
		match := bpf.JumpIf{Cond: bpf.JumpEqual, Val: a.value, SkipFalse: uint8(perArgument*(len(d.where)-1-i) + 1)}
		if a.bits != 0 {
			match.Cond, match.Val = bpf.JumpBitsSet, a.bits
		}
		deny = append(deny, low, match)
	}
	deny = append(deny, returnErrno(d.errno))
	if len(d.where) > 0 {
		deny = append(deny, allow()) // the number is no longer loaded
	}
	is := bpf.JumpIf{Cond: bpf.JumpEqual, Val: call, SkipFalse: uint8(len(deny))}
	return append([]bpf.Instruction{is}, deny...)
}

func allow() bpf.Instruction { return bpf.RetConstant{Val: unix.SECCOMP_RET_ALLOW} }

// filter is tables of denials as a program for the kernel. Calls by the 32-bit ABI have other
// numbers, which the tables do not have; they end the process by SIGSYS, of which a shell says
// "Bad system call". A refusal would end most such programs too, but without a word. The
// other ABI of 64-bit programs, x32, is refused.
func filter(tables ...[]denial) []bpf.Instruction {
	program := []bpf.Instruction{
		bpf.LoadAbsolute{Off: dataArch, Size: word},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.AUDIT_ARCH_X86_64, SkipTrue: 1},
		bpf.RetConstant{Val: unix.SECCOMP_RET_KILL_PROCESS},
		bpf.LoadAbsolute{Off: dataNumber, Size: word},
		bpf.JumpIf{Cond: bpf.JumpLessThan, Val: x32, SkipTrue: 1},
		returnErrno(unix.ENOSYS),
	}
	for _, table := range tables {
		for _, d := range table {
			for _, call := range d.calls {
				program = append(program, d.instructions(call)...)
			}
		}
	}
	return append(program, allow())
}

// denySyscalls puts the filter in force for this thread and all that it becomes.
func (s *stage) denySyscalls() error {
	tables := [][]denial{denials[:]}
	if s.Writes {
		tables = append(tables, setIDs[:])
	}
	program, err := bpf.Assemble(filter(tables...))
	if err != nil {
		return err
	}
	return loadFilter(program)
}
