package snapshot

import (
	"runtime"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// anyFile stands for every first argument.
const anyFile = -1

// refusing calls f on a thread whose system call nr fails if its first argument is fd: by a filter of seccomp(2), which goes
// with the thread.
func refusing(t *testing.T, nr uintptr, fd int, errno unix.Errno, f func()) {
	t.Helper()
	const (
		load, equal, answer = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, unix.BPF_RET | unix.BPF_K
		number, argument    = 0, 16 // in struct seccomp_data
		refuse, allow       = 0x0005_0000, 0x7fff_0000
	)
	filter := []unix.SockFilter{
		{Code: load, K: number},
		{Code: equal, K: uint32(nr), Jf: 3},
		{Code: load, K: argument},
		{Code: equal, K: uint32(fd), Jf: 1},
		{Code: answer, K: refuse | uint32(errno)},
		{Code: answer, K: allow},
	}
	if fd == anyFile {
		filter[3].Jf = 0
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
		err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
		if err == nil {
			// SAFETY: the kernel copies program and filter within the call.
			err = unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&program)), 0, 0)
		}
		if err == nil {
			f()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Skipf("no filter for system calls: %v", err)
	}
}
