package container

import (
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A process enters the namespaces of another by setns(2), which a process with threads may not do for a user namespace; and
// a process of Go's has threads. So it is done between a fork and an exec, where there is but one. What runs there is
// half a process: it must not allocate, be preempted or grow its stack, as in syscall.forkAndExecInChild. Everything it
// needs is in an entry, made before.

// entry is what a process does on its way in.
type entry struct {
	pidfd      uintptr // of process 1
	namespaces uintptr // to enter
	root       bool    // become root of the user namespace
	groups     bool    // without further groups

	files [4]uintptr // become descriptors 0 to 3
	exe   uintptr    // to execute
	argv  []*byte
	env   []*byte
	empty [1]byte

	said uintptr // where remarks go
	last remark
	none [16]uint64 // a signal set, a struct sigaction: nothing in either
}

// remark is what is said to the process outside: of step 0 a process number, of another step an error.
type remark struct{ step, value uint64 }

// Steps on the way in.
const (
	stepPID uint64 = iota
	stepSetns
	stepUser
	stepFork
	stepSession
	stepExec
)

// fork makes the process. Its child, which it calls ours by CLONE_PARENT, is the one that is inside: to enter a namespace of processes is
// for one's children.
func (e *entry) fork() (pid int, err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var all, before unix.Sigset_t
	for i := range all.Val {
		all.Val[i] = ^uint64(0)
	}
	if err := unix.PthreadSigmask(unix.SIG_SETMASK, &all, &before); err != nil {
		return 0, os.NewSyscallError("sigprocmask", err)
	}
	syscall.ForkLock.Lock()
	n, errno := e.rawFork()
	syscall.ForkLock.Unlock()
	err = unix.PthreadSigmask(unix.SIG_SETMASK, &before, nil)
	if errno != 0 {
		return 0, errno
	}
	return int(n), err
}

//go:norace
//go:nosplit
func (e *entry) rawFork() (uintptr, syscall.Errno) {
	pid, _, errno := syscall.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	if errno != 0 || pid != 0 {
		return pid, errno
	}
	e.enter()
	for {
		syscall.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
	}
}

//go:norace
//go:nosplit
func (e *entry) enter() {
	// Nobody inside may look at what this memory has, or at the file that it runs.
	syscall.RawSyscall(unix.SYS_PRCTL, unix.PR_SET_DUMPABLE, 0, 0)
	if _, _, errno := syscall.RawSyscall(unix.SYS_SETNS, e.pidfd, e.namespaces, 0); errno != 0 {
		e.say(stepSetns, uint64(errno))
		return
	}
	if errno := e.becomeRoot(); errno != 0 {
		e.say(stepUser, uint64(errno))
		return
	}
	pid, _, errno := syscall.RawSyscall6(unix.SYS_CLONE, unix.CLONE_PARENT|uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	switch {
	case errno != 0:
		e.say(stepFork, uint64(errno))
	case pid == 0:
		e.execute()
	default:
		e.say(stepPID, uint64(pid))
	}
}

//go:norace
//go:nosplit
func (e *entry) becomeRoot() (errno syscall.Errno) {
	if !e.root {
		return 0
	}
	if e.groups {
		if _, _, errno = syscall.RawSyscall(unix.SYS_SETGROUPS, 0, 0, 0); errno != 0 {
			return errno
		}
	}
	if _, _, errno = syscall.RawSyscall(unix.SYS_SETRESGID, 0, 0, 0); errno != 0 {
		return errno
	}
	_, _, errno = syscall.RawSyscall(unix.SYS_SETRESUID, 0, 0, 0)
	return errno
}

// execute becomes terem inside: with four descriptors, and signals as at a program's start.
//
//go:norace
//go:nosplit
func (e *entry) execute() {
	const (
		lastSignal = 64
		setSize    = 8
	)
	if _, _, errno := syscall.RawSyscall(unix.SYS_SETSID, 0, 0, 0); errno != 0 {
		e.say(stepSession, uint64(errno))
		return
	}
	for i := uintptr(0); i < uintptr(len(e.files)); i++ {
		if _, _, errno := syscall.RawSyscall(unix.SYS_DUP3, e.files[i], i, 0); errno != 0 {
			e.say(stepSession, uint64(errno))
			return
		}
	}
	if _, _, errno := syscall.RawSyscall(unix.SYS_CLOSE_RANGE, uintptr(len(e.files)), 1<<31-1, unix.CLOSE_RANGE_CLOEXEC); errno != 0 {
		e.say(stepSession, uint64(errno))
		return
	}
	// SAFETY: here and below, e and what it points to live as long as this process, which has one thread and collects nothing.
	for sig := uintptr(1); sig <= lastSignal; sig++ { // SIGKILL and SIGSTOP refuse
		syscall.RawSyscall6(unix.SYS_RT_SIGACTION, sig, uintptr(unsafe.Pointer(&e.none)), 0, setSize, 0, 0)
	}
	// SAFETY: see above.
	syscall.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&e.none)), 0, setSize, 0, 0)
	// SAFETY: see above.
	_, _, errno := syscall.RawSyscall6(unix.SYS_EXECVEAT, e.exe, uintptr(unsafe.Pointer(&e.empty)), uintptr(unsafe.Pointer(&e.argv[0])), uintptr(unsafe.Pointer(&e.env[0])), unix.AT_EMPTY_PATH, 0)
	e.say(stepExec, uint64(errno))
}

// say tells the process outside.
//
//go:norace
//go:nosplit
func (e *entry) say(step, value uint64) {
	e.last.step, e.last.value = step, value
	// SAFETY: e lives as long as this process does.
	syscall.RawSyscall(unix.SYS_WRITE, e.said, uintptr(unsafe.Pointer(&e.last)), unsafe.Sizeof(e.last))
}

// pointers are strings as execve(2) takes them.
func pointers(words []string) ([]*byte, error) {
	list := make([]*byte, 0, len(words)+1)
	for _, w := range words {
		p, err := unix.BytePtrFromString(w)
		if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return append(list, nil), nil
}
