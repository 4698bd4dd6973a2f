package sandbox

import (
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// Where a filter finds things (struct seccomp_data, linux/seccomp.h).
const (
	offNumber  = 0
	offMachine = 4
	offFirst   = 16 // the first argument's low half
)

// calls are the system calls that are let through.
func calls() []uint32 {
	return []uint32{
		// frames and streams
		unix.SYS_READ, unix.SYS_WRITE, unix.SYS_READV, unix.SYS_WRITEV, unix.SYS_CLOSE,
		unix.SYS_RECVFROM, unix.SYS_SENDTO, unix.SYS_RECVMSG, unix.SYS_SENDMSG, unix.SYS_SHUTDOWN, unix.SYS_SPLICE,
		unix.SYS_CONNECT, unix.SYS_BIND, unix.SYS_ACCEPT4, unix.SYS_GETSOCKNAME, unix.SYS_GETPEERNAME, unix.SYS_GETSOCKOPT, unix.SYS_SETSOCKOPT,
		unix.SYS_EPOLL_CREATE1, unix.SYS_EPOLL_CTL, unix.SYS_EPOLL_PWAIT, unix.SYS_EPOLL_WAIT, unix.SYS_EVENTFD2, unix.SYS_PIPE2, unix.SYS_FCNTL, unix.SYS_FSTAT,
		// Go's runtime
		unix.SYS_FUTEX, unix.SYS_NANOSLEEP, unix.SYS_CLOCK_NANOSLEEP, unix.SYS_CLOCK_GETTIME, unix.SYS_GETTIMEOFDAY, unix.SYS_SCHED_YIELD, unix.SYS_SCHED_GETAFFINITY, unix.SYS_SCHED_SETAFFINITY,
		unix.SYS_MMAP, unix.SYS_MUNMAP, unix.SYS_MADVISE, unix.SYS_MPROTECT, unix.SYS_MINCORE, unix.SYS_BRK, unix.SYS_PRCTL,
		unix.SYS_CLONE, unix.SYS_CLONE3, unix.SYS_SET_ROBUST_LIST, unix.SYS_RSEQ, unix.SYS_ARCH_PRCTL, unix.SYS_GETTID, unix.SYS_GETPID, unix.SYS_TGKILL, unix.SYS_TKILL,
		unix.SYS_RT_SIGACTION, unix.SYS_RT_SIGPROCMASK, unix.SYS_RT_SIGRETURN, unix.SYS_SIGALTSTACK, unix.SYS_RESTART_SYSCALL,
		unix.SYS_TIMER_CREATE, unix.SYS_TIMER_SETTIME, unix.SYS_TIMER_DELETE, unix.SYS_SETITIMER, unix.SYS_GETRANDOM, unix.SYS_GETRLIMIT, unix.SYS_PRLIMIT64,
		unix.SYS_EXIT, unix.SYS_EXIT_GROUP,
	}
}

// families are the kinds of sockets that may be made.
func families() []uint32 { return []uint32{unix.AF_INET, unix.AF_INET6} }

// rules is the filter: another machine's system calls end the process, one of ours that is in the list is let through, socket(2) by its family, and all
// others fail.
func rules() []bpf.Instruction {
	const x86 = 0xc000003e // AUDIT_ARCH_X86_64
	allow, refuse := bpf.RetConstant{Val: unix.SECCOMP_RET_ALLOW}, bpf.RetConstant{Val: unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)}
	list := []bpf.Instruction{
		bpf.LoadAbsolute{Off: offMachine, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: x86, SkipTrue: 1},
		bpf.RetConstant{Val: unix.SECCOMP_RET_KILL_PROCESS},
		bpf.LoadAbsolute{Off: offNumber, Size: 4},
	}
	for _, c := range calls() {
		list = append(list, bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: c, SkipTrue: 1}, allow)
	}
	list = append(list, bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.SYS_SOCKET, SkipTrue: 1}, refuse, bpf.LoadAbsolute{Off: offFirst, Size: 4})
	for _, f := range families() {
		list = append(list, bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: f, SkipTrue: 1}, allow)
	}
	return append(list, refuse)
}
