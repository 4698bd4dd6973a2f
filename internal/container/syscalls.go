package container

import (
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// denial denies a system call, or only those of its calls whose argument matches.
type denial struct {
	errno unix.Errno
	calls []uint32
	arg   int    // argument that decides, if bits or value is set
	bits  uint32 // deny if any of these bits is set
	value uint32 // deny if the argument is this
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
	{errno: unix.EPERM, calls: []uint32{unix.SYS_CLONE}, arg: 0, bits: cloneNew},
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
	{errno: unix.EPERM, calls: []uint32{unix.SYS_SOCKET, unix.SYS_SOCKETPAIR}, arg: 0, value: unix.AF_VSOCK},

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

// filter is denials as a program for the kernel. Calls by other ABIs have other numbers,
// which the table does not have: they are all denied.
func filter() []bpf.Instruction {
	allow := bpf.RetConstant{Val: unix.SECCOMP_RET_ALLOW}
	program := []bpf.Instruction{
		bpf.LoadAbsolute{Off: dataArch, Size: word},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.AUDIT_ARCH_X86_64, SkipTrue: 1},
		returnErrno(unix.ENOSYS),
		bpf.LoadAbsolute{Off: dataNumber, Size: word},
		bpf.JumpIf{Cond: bpf.JumpLessThan, Val: x32, SkipTrue: 1},
		returnErrno(unix.ENOSYS),
	}
	for _, d := range denials {
		deny := []bpf.Instruction{returnErrno(d.errno)}
		if d.bits != 0 || d.value != 0 {
			match := bpf.JumpIf{Cond: bpf.JumpEqual, Val: d.value, SkipFalse: 1}
			if d.bits != 0 {
				match = bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: d.bits, SkipFalse: 1}
			}
			low := bpf.LoadAbsolute{Off: dataArguments + 2*word*uint32(d.arg), Size: word}
			deny = []bpf.Instruction{low, match, returnErrno(d.errno), allow}
		}
		for _, call := range d.calls {
			program = append(program, bpf.JumpIf{Cond: bpf.JumpEqual, Val: call, SkipFalse: uint8(len(deny))})
			program = append(program, deny...)
		}
	}
	return append(program, allow)
}

// denySyscalls puts the filter in force for this thread and all that it becomes.
func denySyscalls() error {
	program, err := bpf.Assemble(filter())
	if err != nil {
		return err
	}
	return loadFilter(program)
}
